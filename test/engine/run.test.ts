import { afterEach, describe, expect, it } from "vitest";
import type { ObligationKind } from "../../src/engine/obligation.ts";
import { pipeline } from "../../src/engine/pipeline.ts";
import { SlipwayError } from "../../src/util/errors.ts";
import { ann, bob, TestEngine } from "../support/engine.ts";
import { untilStopped } from "./support.ts";

let opened: TestEngine | undefined;
afterEach(async () => {
  await opened?.remove();
  opened = undefined;
});

/** A cloud of one kind of thing: what exists now, and in what order things went. */
class Things {
  readonly exist = new Set<string>();
  readonly gone: string[] = [];

  kind(name: string): ObligationKind {
    return {
      kind: name,
      version: 1,
      title: `Remove ${name}`,
      discharge: async ({ facts }) => {
        this.exist.delete(String(facts.id));
        this.gone.push(String(facts.id));
      },
    };
  }
}

describe("a run", () => {
  it("journals steps, meets its obligations in their order and frees the slot", async () => {
    const things = new Things();
    const launch = pipeline("launch", { version: 1 }, async (run) => {
      const instance = await run.owe("instance", { facts: { id: "i-1" } });
      await run.step("Start instance", async () => {
        things.exist.add("i-1");
        return "i-1";
      });
      await instance.created();
      const target = await run.owe("target", { facts: { id: "t-1" }, needs: [] });
      await target.created();
      await run.owe("rule", { facts: { id: "r-1" }, needs: [{ on: instance }, { on: target }] });
      return { answer: 42 };
    });
    opened = await TestEngine.open({
      pipelines: [launch],
      kinds: [things.kind("instance"), things.kind("target"), things.kind("rule")],
    });
    const run = await opened.submit("launch", "stg1");
    const ended = await opened.ended(run.id);
    expect(ended).toMatchObject({ state: "succeeded", outcome: { result: { answer: 42 } } });
    expect(things.exist.size).toBe(0);
    expect(things.gone.at(-1)).toBe("r-1");
    const steps = await opened.engine.steps(run.id);
    expect(steps.map((step) => [step.name, step.state])).toEqual([
      ["Start instance", "succeeded"],
      ["Remove instance", "succeeded"],
      ["Remove target", "succeeded"],
      ["Remove rule", "succeeded"],
    ]);
    expect(await opened.engine.leases(["stg1"])).toMatchObject([{ mode: "free", holder: null }]);
    expect(await opened.engine.obligations({ runId: run.id, open: true })).toEqual([]);
  });

  it("stops the other branches when one fails, awaits them and throws the first error", async () => {
    const order: string[] = [];
    const both = pipeline("both", { version: 1 }, async (run) => {
      await run.together({
        bad: (run) =>
          run.step("Fail", async () => {
            throw new SlipwayError("broken", "It broke.");
          }),
        slow: (run) =>
          run.step("Wait", async ({ signal }) => {
            await new Promise<void>((resolve) =>
              signal.addEventListener("abort", () => resolve(), { once: true }),
            );
            await new Promise((resolve) => setTimeout(resolve, 20));
            order.push("slow ended");
            throw signal.reason;
          }),
      });
    });
    opened = await TestEngine.open({ pipelines: [both] });
    const run = await opened.submit("both", "stg1");
    const ended = await opened.ended(run.id);
    expect(ended).toMatchObject({
      state: "failed",
      reason: "It broke.",
      outcome: { fault: { code: "broken" } },
    });
    expect(order).toEqual(["slow ended"]);
    const wait = (await opened.engine.steps(run.id)).find((step) => step.name === "Wait");
    expect(wait).toMatchObject({ state: "failed", error: { code: "stopped_beside_failure" } });
  });

  it("goes on after a restart where it was, without repeating finished steps", async () => {
    const done: string[] = [];
    let open: (() => void) | undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const two = pipeline("two", { version: 1 }, async (run) => {
      const at = await run.now("start");
      await run.step("One", async () => void done.push("one"));
      await run.step("Two", async ({ signal }) => {
        await Promise.race([gate, untilStopped(signal)]);
        done.push("two");
      });
      return { at };
    });
    const first = await TestEngine.open({ pipelines: [two] });
    const run = await first.submit("two", "stg1");
    while (done.length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
    await first.close();
    open?.();
    opened = await TestEngine.open({ pipelines: [two], file: first.file });
    expect(await opened.ended(run.id)).toMatchObject({ state: "succeeded" });
    expect(done).toEqual(["one", "two"]);
  });

  it("queues for a taken slot, first come first served, and is refused when it may not wait", async () => {
    const order: number[] = [];
    const gates: (() => void)[] = [];
    const held = pipeline("held", { version: 1 }, async (run) => {
      order.push(run.id);
      await new Promise<void>((resolve) => gates.push(resolve));
    });
    opened = await TestEngine.open({ pipelines: [held] });
    const runs = [
      await opened.submit("held", "stg1"),
      await opened.submit("held", "stg1", {}, bob),
      await opened.submit("held", "stg1"),
    ];
    expect(runs.map((run) => run.state)).toEqual(["running", "queued", "queued"]);
    const refused = await opened.engine.submit({
      kind: "held",
      candidates: ["stg1"],
      input: {},
      requestedBy: bob,
      via: "test",
      configHash: "test",
      noWait: true,
    });
    expect(refused).toMatchObject({ refused: true, reasonCode: "slot_taken", fields: { holder: ann.id } });
    expect(await opened.engine.queue("stg1")).toMatchObject([
      { runId: 2, position: 1 },
      { runId: 3, position: 2 },
    ]);
    for (const run of runs) {
      while (gates.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      gates.shift()?.();
      await opened.ended(run.id);
    }
    expect(order).toEqual([1, 2, 3]);
  });

  it("is stopped by cancel, cleans up without the signal and takes no notice of a second cancel", async () => {
    const things = new Things();
    const waits = pipeline("waits", { version: 1 }, async (run) => {
      const owed = await run.owe("instance", { facts: { id: "i-1" } });
      things.exist.add("i-1");
      await owed.created();
      await run.step("Wait", ({ signal }) => untilStopped(signal));
    });
    opened = await TestEngine.open({ pipelines: [waits], kinds: [things.kind("instance")] });
    const run = await opened.submit("waits", "stg1");
    while (!things.exist.has("i-1")) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await opened.engine.cancel(run.id, bob)).toMatchObject({
      refused: false,
      state: "stopping",
      repeated: false,
    });
    expect(await opened.ended(run.id)).toMatchObject({ state: "cancelled", reason: "Cancelled by Bob." });
    expect(await opened.engine.cancel(run.id, bob)).toMatchObject({ refused: true, reasonCode: "run_ended" });
    expect(things.exist.size).toBe(0);
  });

  it("keeps what it is told to keep, and the janitor undoes it when its time is over", async () => {
    const things = new Things();
    const keeps = pipeline("keeps", { version: 1 }, async (run) => {
      const owed = await run.owe("instance", { facts: { id: "i-1" } });
      things.exist.add("i-1");
      await owed.created();
      const rule = await run.owe("rule", { facts: { id: "r-1" } });
      await rule.created();
      const until = (await run.now("keep")) + 300;
      await run.keep({ kinds: ["instance"], until, maxUntil: until + 1000, reason: null });
    });
    opened = await TestEngine.open({
      pipelines: [keeps],
      kinds: [things.kind("instance"), things.kind("rule")],
    });
    const run = await opened.submit("keeps", "stg1");
    expect(await opened.ended(run.id)).toMatchObject({ state: "succeeded" });
    expect(things.gone).toEqual(["r-1"]);
    expect(await opened.engine.leases(["stg1"])).toMatchObject([
      { mode: "kept", holder: ann, hasEnvironment: true },
    ]);
    while (things.exist.size > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    await expect.poll(async () => (await opened?.engine.leases(["stg1"]))?.[0]?.mode).toBe("free");
  });
});
