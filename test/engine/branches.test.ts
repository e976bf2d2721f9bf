import { afterEach, describe, expect, it } from "vitest";
import { openDatabase } from "../../db/connection.ts";
import { changeRun } from "../../db/runs.ts";
import { SlipwayError } from "../../src/util/errors.ts";
import { ann, TestEngine } from "../support/engine.ts";
import { gate, named, pause, Things, until, untilStopped } from "./support.ts";

let opened: TestEngine | undefined;
afterEach(async () => {
  await opened?.remove();
  opened = undefined;
});

const boom = async () => {
  throw new SlipwayError("boom", "Boom.");
};

describe("branches", () => {
  it("nested: the innermost failure stops all, is awaited by all and is the one that is told", async () => {
    const ended: string[] = [];
    const slow = (name: string) => async (step: { signal: AbortSignal }) => {
      try {
        return await untilStopped(step.signal);
      } finally {
        await pause(20);
        ended.push(name);
      }
    };
    const play = named(async (run) => {
      await run.together({
        outer: (run) => run.step("Slow", slow("outer")),
        nest: (run) =>
          run.together({
            inner: (run) => run.step("Slow", slow("inner")),
            bad: (run) => run.step("Bad", boom),
          }),
      });
    });
    opened = await TestEngine.open({ pipelines: [play] });
    const { id } = await opened.submit("play", "stg1");
    expect(await opened.ended(id)).toMatchObject({ state: "failed", outcome: { fault: { code: "boom" } } });
    expect(ended.sort()).toEqual(["inner", "outer"]);
  });

  it("in the background: a failure before and after the main line's is stopped and awaited", async () => {
    for (const order of ["before", "after", "alone"] as const) {
      let stopped = false;
      const play = named(async (run) => {
        const first = gate();
        run.background("beside", async (run) => {
          if (order === "after") {
            await run.step("Wait", ({ signal }) =>
              untilStopped(signal).finally(() => {
                stopped = true;
              }),
            );
          }
          first.open();
          await run.step("Fail beside", boom);
        });
        if (order === "alone") return;
        if (order === "before") await first.opened;
        await run.step("Fail", async () => {
          await pause(20);
          throw new SlipwayError("main", "Main.");
        });
      });
      opened = await TestEngine.open({ pipelines: [play] });
      const { id } = await opened.submit("play", "stg1");
      const { outcome } = await opened.ended(id);
      expect(outcome?.fault?.code).toBe(order === "alone" ? "boom" : "main");
      expect(stopped).toBe(order === "after");
      await opened.remove();
      opened = undefined;
    }
  });

  it("owe nothing any more after they were stopped, nor after their scope has ended", async () => {
    const things = new Things();
    const codes: string[] = [];
    let late: Promise<unknown> = Promise.resolve();
    const play = named(async (run) => {
      await run.together({
        bad: (run) => run.step("Fail", boom),
        owing: async (run) => {
          await run.step("Wait", ({ signal }) => untilStopped(signal)).catch(() => {});
          await run.owe("thing", { facts: { id: "t-1" } }).catch((error) => codes.push(error.code));
          const ended = gate();
          late = ended.opened.then(() => run.owe("thing", { key: "late", facts: { id: "t-2" } }));
          setTimeout(ended.open, 30);
        },
      });
    });
    opened = await TestEngine.open({ pipelines: [play], kinds: [things.kind("thing")] });
    const { id } = await opened.submit("play", "stg1");
    await opened.ended(id);
    expect(codes).toEqual(["stopped_beside_failure"]);
    await expect(late).rejects.toThrow("after its scope had ended");
    expect(await opened.engine.obligations({ runId: id })).toMatchObject([{ kind: "lease" }]);
  });

  it("that nobody awaited do not go on behind the pipeline's back", async () => {
    const effects: string[] = [];
    const play = named(async (run) => {
      void (async () => {
        await run.step("One", () => pause(20).then(() => void effects.push("one")));
        await run.step("Two", async () => void effects.push("two"));
      })().catch(() => effects.push("refused"));
    });
    opened = await TestEngine.open({ pipelines: [play] });
    const { id } = await opened.submit("play", "stg1");
    await opened.ended(id);
    await until(() => effects.length === 2);
    expect(effects[1]).toBe("refused");
  });

  it("begin no further attempt after they were stopped in the pause between two", async () => {
    let attempts = 0;
    const play = named(async (run) => {
      await run.step(
        "Try",
        async () => {
          attempts++;
          throw new Error("not yet");
        },
        { retries: 5, retryPauseMs: () => 60_000 },
      );
    });
    opened = await TestEngine.open({ pipelines: [play] });
    const { id } = await opened.submit("play", "stg1");
    await until(() => attempts === 1);
    await pause(30);
    await opened.engine.cancel(id, ann);
    expect(await opened.ended(id)).toMatchObject({ state: "cancelled" });
    expect(attempts).toBe(1);
  });

  it("that ignore their signal are left behind after a while, and cleaned up after", async () => {
    const things = new Things();
    const deaf = gate();
    const play = named(async (run) => {
      await things.make(run, "thing", "t-1");
      await run.step("Deaf", () => deaf.opened, { timeoutMs: 50, retries: 3 });
    });
    opened = await TestEngine.open({
      pipelines: [play],
      kinds: [things.kind("thing")],
      settings: { patienceMs: 100 },
    });
    const { id } = await opened.submit("play", "stg1");
    expect(await opened.ended(id)).toMatchObject({
      state: "failed",
      outcome: { fault: { code: "step_abandoned" } },
    });
    const deafStep = (await opened.engine.steps(id)).find(({ name }) => name === "Deaf");
    // Not tried again: two of it at the same time would be two effects.
    expect(deafStep).toMatchObject({ attempt: 1, state: "failed" });
    expect(things.exist.size).toBe(0);
    deaf.open();
  });

  it("are awaited within that while (control: patience is what ends the wait)", async () => {
    let ended = false;
    const play = named(async (run) => {
      await run.step(
        "Slow to stop",
        async ({ signal }) => {
          await untilStopped(signal).catch(() => {});
          await pause(150);
          ended = true;
        },
        { timeoutMs: 20 },
      );
    });
    opened = await TestEngine.open({ pipelines: [play], settings: { patienceMs: 5_000 } });
    const { id } = await opened.submit("play", "stg1");
    await opened.ended(id);
    expect(ended).toBe(true);
  });
});

describe("cancel", () => {
  const things = new Things();
  const play = named(async (run) => {
    await run.together({
      a: (run) => things.make(run, "thing", "a"),
      b: async (run) => {
        await run.now("b");
        await things.make(run, "thing", "b");
      },
    });
    await run.owe("thing", { key: "c", facts: { id: "c" } });
    await run.publish({ done: true });
    await run.step("Last", async () => {});
  });
  const kinds = [things.kind("thing")];

  it("at every change of a run, twice, ends with nothing left", { timeout: 120_000 }, async () => {
    const states = new Set<string>();
    const whole = await TestEngine.open({ pipelines: [play], kinds });
    let changes = 0;
    whole.engine.onChange(() => void changes++);
    await whole.ended((await whole.submit("play", "stg1")).id);
    await whole.remove();
    expect(changes).toBeGreaterThan(15);
    for (let at = 0; at < changes; at++) {
      const engine = await TestEngine.open({ pipelines: [play], kinds });
      let seen = 0;
      let cancelled: Promise<unknown> = Promise.resolve();
      engine.engine.onChange(() => {
        if (seen++ === at)
          cancelled = Promise.all([engine.engine.cancel(1, ann), engine.engine.cancel(1, ann)]);
      });
      const { id } = await engine.submit("play", "stg1");
      const ended = await engine.ended(id);
      await cancelled;
      states.add(ended.state);
      expect({ at, left: [...things.exist], lease: (await engine.engine.leases(["stg1"]))[0]?.mode }).toEqual(
        {
          at,
          left: [],
          lease: "free",
        },
      );
      expect(await engine.engine.obligations({ runId: id, open: true })).toEqual([]);
      const steps = await engine.engine.steps(id);
      expect(steps.filter(({ state }) => state === "running")).toEqual([]);
      await engine.remove();
    }
    // Both outcomes were seen: early cancels stop the run, late ones come after its success.
    expect([...states].sort()).toEqual(["cancelled", "succeeded"]);
  });

  it("survives a restart: the next process stops the run", async () => {
    let begun = 0;
    const waits = named(async (run) => {
      await things.make(run, "thing", "a");
      await run.step("Wait", ({ signal }) => {
        begun++;
        return untilStopped(signal);
      });
    });
    const first = await TestEngine.open({ pipelines: [waits], kinds });
    const { id } = await first.submit("play", "stg1");
    await until(() => begun === 1);
    await first.close();
    // As after a kill between the cancel's being journaled and its being acted on.
    const database = await openDatabase(first.file);
    await changeRun(database.db, id, { cancelRequestedAt: Date.now(), cancelRequestedBy: "Ann" });
    await database.close();
    opened = await TestEngine.open({ pipelines: [waits], kinds, file: first.file });
    expect(await opened.ended(id)).toMatchObject({ state: "cancelled", reason: "Cancelled by Ann." });
    expect(begun).toBe(1);
    expect(things.exist.size).toBe(0);
  });

  it("is what a library's own abort error means", async () => {
    const waits = named(async (run) => {
      await new Promise((_, reject) => {
        const end = () => reject(new DOMException("aborted", "AbortError"));
        // The cancel may come before the run has begun to listen.
        if (run.signal.aborted) end();
        else run.signal.addEventListener("abort", end);
      });
    });
    opened = await TestEngine.open({ pipelines: [waits] });
    const { id } = await opened.submit("play", "stg1");
    await opened.engine.cancel(id, ann);
    expect(await opened.ended(id)).toMatchObject({ state: "cancelled", reason: "Cancelled by Ann." });
  });
});
