import { afterEach, describe, expect, it } from "vitest";
import type { ObligationKind } from "../../src/engine/obligation.ts";
import { pipeline } from "../../src/engine/pipeline.ts";
import { ann, bob, TestEngine } from "../support/engine.ts";
import { gate, until } from "./support.ts";

let tested: TestEngine | undefined;
let port = gate();
/** Called as the last thing that the pipeline does. */
let atTheEnd: (runId: number) => Promise<unknown> = async () => {};
let fails = false;

const closing: ObligationKind = {
  kind: "port",
  version: 1,
  title: "Close port",
  discharge: async () => await port.opened,
};
const instance: ObligationKind = { ...closing, kind: "instance", discharge: async () => {} };
const launch = pipeline("launch", { version: 1 }, async (run) => {
  await (await run.owe("port", { facts: {} })).created();
  await (await run.owe("instance", { facts: {} })).created();
  const end = (await run.now("keep")) + 3_600_000;
  await run.keep({ kinds: ["instance"], until: end, maxUntil: end, reason: null });
  await atTheEnd(run.id);
  if (fails) throw new Error("the tests failed");
});

async function open(): Promise<TestEngine> {
  port = gate();
  tested = await TestEngine.open({ pipelines: [launch], kinds: [closing, instance] });
  return tested;
}
afterEach(async () => {
  port.open();
  atTheEnd = async () => {};
  fails = false;
  await tested?.remove();
  tested = undefined;
});

describe("a cancel of a run that has done its work", () => {
  it("is refused, and what the run keeps is kept", async () => {
    const { engine, ...own } = await started();
    expect(await engine.cancel(own.id, bob)).toMatchObject({
      refused: true,
      reasonCode: "run_cleaning_up",
      fields: { outcome: "succeeded" },
    });
    expect(await engine.leases(["stg1"])).toMatchObject([{ mode: "run", isSettling: true }]);
    port.open();
    expect(await own.ended()).toMatchObject({ state: "succeeded", cancelRequestedBy: null });
    expect(await engine.leases(["stg1"])).toMatchObject([{ mode: "kept", holder: ann, isSettling: false }]);
  });

  it("asked for again after it had counted is told as that, during the cleanup too", async () => {
    atTheEnd = (id) => engineOf().cancel(id, ann);
    const { engine, ...own } = await started();
    expect(await engine.cancel(own.id, bob)).toEqual({ refused: false, state: "stopping", repeated: true });
    port.open();
    expect((await own.ended()).state).toBe("cancelled");
  });
});

describe("a cancel between the pipeline's end and its being journaled", () => {
  const outcome = async () => {
    const { engine, ...own } = await started();
    port.open();
    const { state, reason } = await own.ended();
    const [lease] = await engine.leases(["stg1"]);
    return { state, reason, mode: lease?.mode };
  };

  it("counts: the run is cancelled, and keeps nothing", async () => {
    atTheEnd = (id) => engineOf().cancel(id, bob);
    expect(await outcome()).toEqual({ state: "cancelled", reason: "Cancelled by Bob.", mode: "free" });
  });

  it("counts for a failed run too: it has failed, and keeps nothing", async () => {
    fails = true;
    atTheEnd = (id) => engineOf().cancel(id, bob);
    expect(await outcome()).toEqual({ state: "failed", reason: "the tests failed", mode: "free" });
  });

  it("control: without it the same runs keep what they have", async () => {
    expect(await outcome()).toEqual({ state: "succeeded", reason: null, mode: "kept" });
    await tested?.remove();
    fails = true;
    expect(await outcome()).toMatchObject({ state: "failed", mode: "kept" });
  });
});

function engineOf(): TestEngine["engine"] {
  if (!tested) throw new Error("no engine");
  return tested.engine;
}

/** A run whose outcome is journaled and whose cleanup waits for the port. */
async function started() {
  const own = await open();
  const { id } = await own.submit("launch", "stg1");
  await until(async () => ((await own.engine.run(id))?.outcome ?? null) !== null);
  return { engine: own.engine, id, ended: () => own.ended(id) };
}
