import { afterEach, describe, expect, it } from "vitest";
import type { ObligationKind } from "../../src/engine/obligation.ts";
import { sleep } from "../../src/util/clock.ts";
import { ann, TestEngine } from "../support/engine.ts";
import { gate, named, pause, Things, until } from "./support.ts";

let opened: TestEngine | undefined;
afterEach(async () => {
  await opened?.remove();
  opened = undefined;
});

async function mode(engine: TestEngine, resource = "stg1") {
  return (await engine.engine.leases([resource]))[0]?.mode;
}

describe("obligations", () => {
  it("are undone in the order of their kinds; a released one lets the next begin while it drains", async () => {
    const order: string[] = [];
    const drained = gate();
    const kinds: ObligationKind[] = [
      {
        kind: "instance",
        version: 1,
        title: "Instance",
        after: [{ kind: "target", until: "released" }, { kind: "rule" }],
        discharge: async () => void order.push("instance"),
      },
      { kind: "rule", version: 1, title: "Rule", discharge: async () => void order.push("rule") },
      {
        kind: "target",
        version: 1,
        title: "Target",
        discharge: async ({ release }) => {
          order.push("draining");
          await release();
          await drained.opened;
          order.push("target");
        },
      },
    ];
    const play = named(async (run) => {
      for (const kind of ["instance", "target", "rule"]) await run.owe(kind, { facts: {} });
    });
    opened = await TestEngine.open({ pipelines: [play], kinds });
    const { id } = await opened.submit("play", "stg1");
    await until(() => order.includes("instance"));
    expect(order.slice(0, 2).sort()).toEqual(["draining", "rule"]);
    expect(order[2]).toBe("instance");
    drained.open();
    await opened.ended(id);
    expect(order[3]).toBe("target");
  });

  it("shows since when one is tried, for which time, why it is not done yet, and what it does now", async () => {
    const done = gate();
    const flaky: ObligationKind = {
      kind: "instance",
      version: 1,
      title: "Terminate instance",
      discharge: async ({ attempt, detail }) => {
        if (attempt < 3) throw new Error(`AWS said no ${attempt}`);
        detail("AWS does not answer");
        await done.opened;
      },
    };
    const play = named(async (run) => void (await run.owe("instance", { facts: {} })));
    opened = await TestEngine.open({ pipelines: [play], kinds: [flaky] });
    const { engine } = opened;
    const { id } = await opened.submit("play", "stg1");
    const step = async () => (await engine.steps(id)).find(({ kind }) => kind === "cleanup");
    await until(async () => (await step())?.detail === "not yet: AWS said no 1", 30_000);
    const first = await step();
    expect(first).toMatchObject({ state: "running", attempt: 1 });
    await until(async () => (await step())?.detail === "not yet: AWS said no 2", 30_000);
    await until(async () => (await step())?.detail === "AWS does not answer", 30_000);
    expect(await step()).toMatchObject({ state: "running", attempt: 3, startedAt: first?.startedAt });
    done.open();
    await opened.ended(id);
    expect(await step()).toMatchObject({ state: "succeeded", attempt: 3, startedAt: first?.startedAt });
  });

  it("one that is stuck does not hold up the others; when its time is over the slot is dirty, then free", async () => {
    const things = new Things();
    const hangs = {
      kind: "deaf",
      version: 1,
      title: "Deaf cleanup",
      discharge: () => new Promise<void>(() => {}),
    };
    let hanging = true;
    const deaf: ObligationKind = {
      ...hangs,
      // Ignores its signal: it must not keep the run from ending.
      discharge: async () => {
        if (hanging) await hangs.discharge();
      },
    };
    things.stuck.add("b");
    const play = named(async (run) => {
      for (const id of ["a", "b", "c"]) await things.make(run, "thing", id);
      await run.owe("deaf", { facts: {} });
    });
    opened = await TestEngine.open({
      pipelines: [play],
      kinds: [things.kind("thing"), deaf],
      settings: { cleanupLimitMs: 400, patienceMs: 100 },
    });
    const alarms: string[] = [];
    opened.engine.onChange((change) => change.type === "alarm" && alarms.push(change.message));
    const { id } = await opened.submit("play", "stg1");
    const next = await opened.submit("play", "stg1");
    const ended = await opened.ended(id);
    expect(ended).toMatchObject({ state: "failed", outcome: { state: "succeeded" } });
    expect(ended.reason).toContain("Remove thing, Deaf cleanup");
    expect([...things.exist]).toEqual(["b"]);
    expect(await mode(opened)).toBe("dirty");
    await until(() => alarms.length === 1);
    expect(alarms[0]).toMatch(/^stg1 is dirty: .* Still owed: Remove thing .*Nothing launches there/);
    expect((await opened.engine.run(next.id))?.state).toBe("queued");
    things.stuck.clear();
    hanging = false;
    await opened.engine.clean("stg1", ann, { declareClean: false });
    await opened.ended(next.id);
    expect(things.exist.size).toBe(0);
    await until(async () => (await opened?.engine.obligations({ open: true }))?.length === 0);
    expect(await mode(opened)).toBe("free");
    expect(alarms).toEqual([expect.anything(), expect.stringMatching(/^stg1 is clean/)]);
  });

  it.each([
    ["that will be met if nothing changes are waited for", true, 0, "succeeded"],
    ["control: that say nothing of it are given up", false, 0, "failed"],
    [
      "that are never as near as they say are waited for as long again, not for ever",
      true,
      3_600_000,
      "failed",
    ],
  ])("%s", async (_, says, putOffMs, state) => {
    const play = named(async (run) => void (await run.owe("forgotten", { facts: {} })));
    const forgotten: ObligationKind = {
      kind: "forgotten",
      version: 1,
      title: "Look until it is surely gone",
      discharge: async ({ now, expect, signal }) => {
        const by = now() + 4_000 + putOffMs;
        if (says) await expect(by, "not seen any more");
        await sleep(by - now(), signal);
        signal.throwIfAborted();
      },
    };
    const settings = { cleanupLimitMs: 3_000, patienceMs: 100 };
    opened = await TestEngine.open({ pipelines: [play], kinds: [forgotten], settings });
    const { id } = await opened.submit("play", "stg1");
    expect((await opened.ended(id)).state).toBe(state);
    const [shown] = (await opened.engine.steps(id)).filter(({ kind }) => kind === "cleanup");
    expect(shown?.detail ?? null).toBe(says && state !== "succeeded" ? "not seen any more" : null);
  });

  it("declared clean are struck out at once, though their cleanup hangs", async () => {
    const play = named(async (run) => void (await run.owe("deaf", { facts: {} })));
    const deaf: ObligationKind = {
      kind: "deaf",
      version: 1,
      title: "Deaf",
      discharge: () => new Promise(() => {}),
    };
    opened = await TestEngine.open({
      pipelines: [play],
      kinds: [deaf],
      settings: { cleanupLimitMs: 100, patienceMs: 100 },
    });
    await opened.ended((await opened.submit("play", "stg1")).id);
    expect(await mode(opened)).toBe("dirty");
    await pause(1_200);
    expect(await opened.engine.clean("stg1", ann, { declareClean: true })).toMatchObject({ refused: false });
    await until(async () => (await mode(opened as TestEngine)) === "free", 5_000);
  });

  it("of an unknown kind or version stay owed; a handler that accepts the older facts meets them", async () => {
    const things = new Things();
    const play = named(async (run) => {
      await things.make(run, "thing", "a");
    });
    const settings = { cleanupLimitMs: 100 };
    things.stuck.add("a");
    const first = await TestEngine.open({ pipelines: [play], kinds: [things.kind("thing")], settings });
    await first.ended((await first.submit("play", "stg1")).id);
    await first.close();
    things.stuck.clear();
    const newer = await TestEngine.open({
      pipelines: [play],
      kinds: [things.kind("thing", { version: 2 })],
      file: first.file,
    });
    await until(async () =>
      Boolean(
        (await newer.engine.obligations({ open: true })).find((one) => /version 1/.test(one.lastError ?? "")),
      ),
    );
    expect(things.exist.size).toBe(1);
    await newer.close();
    opened = await TestEngine.open({
      pipelines: [play],
      kinds: [things.kind("thing", { version: 2, accepts: [1] })],
      file: first.file,
    });
    await opened.engine.clean("stg1", ann, { declareClean: false });
    await until(() => things.exist.size === 0);
    await until(async () => (await mode(opened as TestEngine)) === "free");
  });

  it("owed twice under one key are one, with the facts of the first time", async () => {
    const things = new Things();
    const play = named(async (run) => {
      const first = await run.owe("thing", { key: "k", facts: { id: "first" } });
      const second = await run.owe("thing", { key: "k", facts: { id: "second" } });
      return { same: first.id === second.id, facts: second.facts };
    });
    opened = await TestEngine.open({ pipelines: [play], kinds: [things.kind("thing")] });
    const { id } = await opened.submit("play", "stg1");
    expect((await opened.ended(id)).outcome?.result).toEqual({ same: true, facts: { id: "first" } });
    expect(things.gone).toEqual(["first"]);
  });

  it("met by an earlier run of the tenancy are owed anew by a later one", async () => {
    const things = new Things();
    const keep = named(
      async (run) => {
        await things.make(run, "instance", "i-1");
        await things.make(run, "rule", "r-1");
        const until = (await run.now("keep")) + 3_600_000;
        await run.keep({ kinds: ["instance"], until, maxUntil: until, reason: null });
      },
      { kind: "keep" },
    );
    const update = named(
      async (run) => {
        await things.make(run, "rule", "r-1");
        if (things.exist.has("r-1") && run.requestedBy.id === ann.id) await run.step("Seen", async () => {});
      },
      { kind: "update" },
    );
    opened = await TestEngine.open({
      pipelines: [keep, update],
      kinds: [things.kind("instance"), things.kind("rule")],
    });
    await opened.ended((await opened.submit("keep", "stg1")).id);
    expect([...things.exist]).toEqual(["i-1"]);
    for (const round of [1, 2]) {
      const { id } = await opened.submit("update", "stg1");
      const run = await opened.ended(id);
      expect({ round, state: run.state, exist: [...things.exist] }).toEqual({
        round,
        state: "succeeded",
        exist: ["i-1"],
      });
      const all = await opened.engine.obligations({ runId: id });
      const mine = all.filter((owed) => owed.runId === id);
      expect(mine).toMatchObject([{ kind: "rule", state: "gone", runId: id }]);
    }
    expect(things.gone).toEqual(["r-1", "r-1", "r-1"]);
  });

  it("of a shared thing: the last one out undoes it, whoever that is", { timeout: 120_000 }, async () => {
    let open = 0;
    let revoked = 0;
    let faults = 0;
    const users = new Set<number>();
    const rule: ObligationKind = {
      kind: "rule",
      version: 1,
      title: "Close",
      discharge: async ({ isShared, runId }) => {
        await pause(Math.random() * 5);
        users.delete(runId);
        if (await isShared()) return;
        if (users.size > 0) faults++;
        open = 0;
        revoked++;
      },
    };
    const play = named(async (run) => {
      await run.exclusive("rule", async () => {
        const owed = await run.owe("rule", { facts: {}, shareKey: "rule" });
        await run.step("Open", async () => {
          open = 1;
          users.add(run.id);
        });
        await owed.created();
      });
      await run.step("Work", async () => {
        await pause(Math.random() * 80);
        if (open === 0) faults++;
      });
    });
    const count = 50;
    const slots = Array.from({ length: count }, (_, index) => `stg${index}`);
    opened = await TestEngine.open({ pipelines: [play], kinds: [rule] });
    const runs = await Promise.all(slots.map((slot) => opened?.submit("play", slot)));
    await pause(60);
    // A restart amid it all: as after a kill, the next process goes on with what the journal has.
    await opened.close();
    opened = await TestEngine.open({ pipelines: [play], kinds: [rule], file: opened.file });
    for (const run of runs) if (run) expect((await opened.ended(run.id)).state).toBe("succeeded");
    expect({ open, faults, users: users.size }).toEqual({ open: 0, faults: 0, users: 0 });
    expect(revoked).toBeGreaterThan(0);
    expect(await opened.engine.obligations({ open: true })).toEqual([]);
  });
});
