import { afterEach, describe, expect, it } from "vitest";
import type { ObligationKind } from "../../src/engine/obligation.ts";
import { pipeline } from "../../src/engine/pipeline.ts";
import { ann, bob, TestEngine } from "../support/engine.ts";
import { SetClock, untilStopped } from "./support.ts";

let opened: TestEngine | undefined;
afterEach(async () => {
  await opened?.remove();
  opened = undefined;
});

const gone: string[] = [];
const instance: ObligationKind = {
  kind: "instance",
  version: 1,
  title: "Terminate instance",
  discharge: async ({ id }) => void gone.push(id),
};

/** Keeps an instance for a minute; told to wait, it waits until it is cancelled. */
const launch = pipeline<{ wait?: boolean }>("launch", { version: 1 }, async (run, { wait }) => {
  const owed = await run.owe("instance", { facts: {} });
  await owed.created();
  const until = (await run.now("keep")) + 60_000;
  await run.keep({ kinds: ["instance"], until, maxUntil: until, reason: run.reason });
  if (wait) await run.step("Tests", ({ signal }) => untilStopped(signal));
});
const test = pipeline("test", { version: 1 }, async (run) => {
  await run.step("Tests", ({ signal }) => untilStopped(signal));
});
const terminate = pipeline("terminate", { version: 1 }, async (run) => run.expire());

async function running(name: string, runId: number): Promise<void> {
  await expect
    .poll(async () => (await opened?.engine.steps(runId))?.some((step) => step.name === name))
    .toBe(true);
}

describe("a kept environment", () => {
  it("has its requester's reason", async () => {
    opened = await TestEngine.open({ pipelines: [launch], kinds: [instance] });
    const { engine } = opened;
    const asked = {
      kind: "launch",
      candidates: ["stg1"],
      input: {},
      requestedBy: ann,
      via: "test",
      configHash: "test",
    };
    const submitted = await engine.submit({ ...asked, reason: "for the demo" });
    if (submitted.refused) throw new Error(submitted.message);
    await opened.ended(submitted.run.id);
    expect(await engine.leases(["stg1"])).toMatchObject([
      { mode: "kept", reason: "for the demo", holder: ann },
    ]);
  });

  it("is part of what surfaces show of its run: moved or gone, it counts the run's revision up", async () => {
    opened = await TestEngine.open({ pipelines: [launch, terminate], kinds: [instance] });
    const { engine } = opened;
    const kept = await opened.submit("launch", "stg1");
    const other = await opened.submit("launch", "stg2");
    await opened.ended(kept.id);
    await opened.ended(other.id);
    const revision = async (id: number) => (await engine.run(id))?.revision ?? 0;
    const before = { kept: await revision(kept.id), other: await revision(other.id) };
    const extended = await engine.extend("stg1", ann, { ms: 1, maxTtlMs: 3_600_000, force: false });
    // It stands until the longest that it may: told as that, and nothing has changed.
    expect(extended).toMatchObject({ refused: true, reasonCode: "max_ttl_reached" });
    expect(await revision(kept.id)).toBe(before.kept);
    const end = await opened.submit("terminate", "stg1");
    await opened.ended(end.id);
    expect(await revision(kept.id)).toBeGreaterThan(before.kept);
    expect(await revision(other.id)).toBe(before.other);
  });

  it("goes when the run that keeps it is cancelled, and stays when another run on it is", async () => {
    opened = await TestEngine.open({ pipelines: [launch, test], kinds: [instance] });
    const { engine } = opened;
    const first = await opened.submit("launch", "stg1", { wait: true });
    await running("Tests", first.id);
    await engine.cancel(first.id, bob);
    expect(await opened.ended(first.id)).toMatchObject({ state: "cancelled" });
    expect(await engine.leases(["stg1"])).toMatchObject([{ mode: "free" }]);

    const second = await opened.submit("launch", "stg1");
    await opened.ended(second.id);
    const tests = await opened.submit("test", "stg1");
    await running("Tests", tests.id);
    await engine.cancel(tests.id, bob);
    await opened.ended(tests.id);
    expect(await engine.leases(["stg1"])).toMatchObject([{ mode: "kept", hasEnvironment: true }]);
  });

  it("is ended by another run, which shows what was undone", async () => {
    opened = await TestEngine.open({ pipelines: [launch, terminate], kinds: [instance] });
    const { engine } = opened;
    const kept = await opened.submit("launch", "stg1");
    await opened.ended(kept.id);
    const end = await opened.submit("terminate", "stg1");
    await opened.ended(end.id);
    expect((await engine.steps(end.id)).map(({ name, state }) => [name, state])).toEqual([
      ["Terminate instance", "succeeded"],
    ]);
    const shown = await engine.obligations({ runId: end.id });
    expect(shown.map(({ kind, state }) => [kind, state])).toContainEqual(["instance", "gone"]);
    expect(await engine.steps(kept.id)).toEqual([]);
  });

  describe("on a slot that its holder had locked", () => {
    async function keptOverLock(): Promise<TestEngine> {
      const tested = await TestEngine.open({ pipelines: [launch, terminate, test], kinds: [instance] });
      opened = tested;
      await tested.engine.lock("stg1", ann, { until: null, reason: "demo week" });
      await tested.ended((await tested.submit("launch", "stg1")).id);
      expect(await tested.engine.leases(["stg1"])).toMatchObject([{ mode: "kept", reason: null }]);
      // Another run on it, and what it hands back, must not lose the lock either.
      const tests = await tested.submit("test", "stg1");
      await running("Tests", tests.id);
      await tested.engine.cancel(tests.id, ann);
      await tested.ended(tests.id);
      return tested;
    }
    const locked = [{ mode: "locked", holder: ann, reason: "demo week", until: null, hasEnvironment: false }];

    it("leaves the lock when it is terminated", async () => {
      const tested = await keptOverLock();
      await tested.ended((await tested.submit("terminate", "stg1")).id);
      expect(await tested.engine.leases(["stg1"])).toMatchObject(locked);
    });

    it("leaves the lock when the run that would keep it is cancelled", async () => {
      opened = await TestEngine.open({ pipelines: [launch], kinds: [instance] });
      await opened.engine.lock("stg1", ann, { until: null, reason: "demo week" });
      const run = await opened.submit("launch", "stg1", { wait: true });
      await running("Tests", run.id);
      await opened.engine.cancel(run.id, ann);
      await opened.ended(run.id);
      expect(await opened.engine.leases(["stg1"])).toMatchObject(locked);
    });

    it("loses the lock to whoever takes it over by force", async () => {
      const tested = await keptOverLock();
      const taken = await tested.engine.lock("stg1", bob, { until: null, reason: null, force: true });
      expect(taken).toMatchObject({ refused: false, previousHolder: ann });
      await tested.ended((await tested.submit("terminate", "stg1", {}, bob)).id);
      expect(await tested.engine.leases(["stg1"])).toMatchObject([{ mode: "free", holder: null }]);
    });

    it("takes the lock along when its holder gives the slot up", async () => {
      const tested = await keptOverLock();
      await tested.engine.unlock("stg1", ann, { force: false });
      await expect
        .poll(async () => (await tested.engine.leases(["stg1"]))[0]?.mode, { timeout: 30_000 })
        .toBe("free");
    });
  });

  it("and a lock are a new holder's since they took it over, their own since they had it", async () => {
    const clock = new SetClock();
    opened = await TestEngine.open({ pipelines: [launch], kinds: [instance], settings: { clock } });
    const { engine } = opened;
    await opened.ended((await opened.submit("launch", "stg1")).id);
    await engine.lock("stg2", ann, { until: null, reason: null });
    const since = async () => (await engine.leases(["stg1", "stg2"])).map((lease) => lease.since ?? 0);
    const first = await since();
    clock.offset += 20_000;
    const options = { until: null, reason: null };
    for (const slot of ["stg1", "stg2"]) await engine.lock(slot, ann, options);
    expect(await since()).toEqual(first);
    const before = clock.now();
    for (const slot of ["stg1", "stg2"]) await engine.lock(slot, bob, { ...options, force: true });
    for (const at of await since()) expect(at).toBeGreaterThanOrEqual(before);
  });

  it("whose time is over is given to nobody any more, its holder included", async () => {
    const clock = new SetClock();
    opened = await TestEngine.open({ pipelines: [launch, test], kinds: [instance], settings: { clock } });
    const { engine } = opened;
    await opened.ended((await opened.submit("launch", "stg1")).id);
    const asked = {
      kind: "test",
      candidates: ["stg1"],
      input: {},
      requestedBy: ann,
      via: "test",
      configHash: "test",
      adopt: true,
    };
    clock.offset += 61_000;
    // Before the janitor's next look, or after it: nothing begins on it.
    expect(await engine.submit(asked)).toMatchObject({ refused: true });
    await expect.poll(async () => (await engine.leases(["stg1"]))[0]?.mode, { timeout: 30_000 }).toBe("free");
    // Control: within its time it is.
    await opened.ended((await opened.submit("launch", "stg1")).id);
    const begun = await engine.submit(asked);
    expect(begun.refused).toBe(false);
  });

  it("that cannot be removed does not hold up for ever the run that was to take its place", async () => {
    let stuck = true;
    const clinging: ObligationKind = {
      ...instance,
      discharge: async () => {
        if (stuck) throw new Error("not permitted");
      },
    };
    const relaunch = pipeline("relaunch", { version: 1 }, async (run) => {
      await run.takeOver({ met: null, facts: {}, keep: null });
      await run.step("Clear", (step) => run.clearEarlier(step));
    });
    opened = await TestEngine.open({
      pipelines: [launch, relaunch],
      kinds: [clinging],
      settings: { cleanupLimitMs: 300 },
    });
    const { engine } = opened;
    await opened.ended((await opened.submit("launch", "stg1")).id);
    const again = await opened.ended((await opened.submit("relaunch", "stg1")).id);
    expect(again).toMatchObject({ state: "failed", outcome: { fault: { code: "cleanup_unconfirmed" } } });
    expect(again.reason).toContain("Terminate instance (not permitted)");
    expect(await engine.leases(["stg1"])).toMatchObject([{ mode: "dirty", holder: ann }]);
    stuck = false;
    await engine.clean("stg1", ann, { declareClean: false });
    await expect.poll(async () => (await engine.leases(["stg1"]))[0]?.mode, { timeout: 30_000 }).toBe("free");
  });

  describe("over which its holder launches", () => {
    it.each(["fails", "is cancelled"])("stays, as it was, when that %s before it takes over", async (how) => {
      const { tested, kept, before } = await openKept();
      const again = await tested.submit("relaunch", "stg1", { before: how === "fails" ? "fail" : "wait" });
      if (how !== "fails") {
        await running("Swap", again.id);
        await tested.engine.cancel(again.id, ann);
      }
      expect((await tested.ended(again.id)).state).toBe(how === "fails" ? "failed" : "cancelled");
      const [lease] = await tested.engine.leases(["stg1"]);
      expect(lease).toMatchObject({
        mode: "kept",
        holder: ann,
        reason: "first",
        facts: { instance: kept.id },
      });
      expect(lease?.until).toBeGreaterThanOrEqual(before);
      expect(standing).toEqual(new Set([kept.id]));
    });

    it("goes when that has taken over, and before what comes after", async () => {
      const { tested, kept } = await openKept();
      const again = await tested.submit("relaunch", "stg1", { after: "wait" });
      await running("Tests", again.id);
      expect(standing).toEqual(new Set([again.id]));
      const owed = await tested.engine.obligations({ runId: again.id });
      expect(
        owed.filter(({ kind }) => kind === "instance").map(({ runId, state }) => [runId, state]),
      ).toEqual([
        [kept.id, "gone"],
        [again.id, "created"],
      ]);
      // Cancelled now, nothing of either is left: the turning point lies behind.
      await tested.engine.cancel(again.id, ann);
      await tested.ended(again.id);
      expect(await tested.engine.leases(["stg1"])).toMatchObject([{ mode: "free" }]);
      expect(standing).toEqual(new Set());
    });

    it("goes also when the process ends just after the turning point", async () => {
      const { tested } = await openKept();
      hanging = true;
      const again = await tested.submit("relaunch", "stg1");
      await running("Clear", again.id);
      expect(standing.size).toBe(2);
      await tested.close();
      hanging = false;
      opened = await openAgain(tested.file);
      expect((await opened.ended(again.id)).state).toBe("succeeded");
      expect(standing).toEqual(new Set([again.id]));
      expect(await opened.engine.leases(["stg1"])).toMatchObject([
        { mode: "kept", reason: "second", facts: { instance: again.id } },
      ]);
    });
  });
});

/** The runs whose instances exist. */
const standing = new Set<number>();
/** The old one's cleanup does not come to an end. */
let hanging = false;

const real: ObligationKind = {
  ...instance,
  discharge: async ({ runId, signal }) => {
    if (hanging) await untilStopped(signal);
    standing.delete(runId);
  },
};

/** Launches under the same key as whatever stands there, and takes its place. */
const over = pipeline<{ before?: string; after?: string }>("relaunch", { version: 1 }, async (run, input) => {
  const earlier = await run.value("earlier", async () => (await run.owed("instance")).length);
  const owed = await run.owe("instance", { key: "same", own: true, facts: {} });
  await run.step("Launch", async () => void standing.add(run.id));
  await owed.created();
  const swap = await run.owe("swap", { facts: {} });
  await run.step("Swap", async ({ signal }) => {
    if (input.before === "fail") throw new Error("not healthy");
    if (input.before === "wait") await untilStopped(signal);
  });
  const until = (await run.now("keep")) + 60_000;
  const reason = earlier === 0 ? "first" : "second";
  const keep = { kinds: ["instance"], until, maxUntil: until + 60_000, reason };
  await run.takeOver({ met: { id: swap.id, note: "took over" }, facts: { instance: run.id }, keep });
  if (earlier > 0) await run.step("Clear", (step) => run.clearEarlier(step));
  if (input.after === "wait") await run.step("Tests", ({ signal }) => untilStopped(signal));
});

async function openAgain(file?: string): Promise<TestEngine> {
  const swap: ObligationKind = { ...instance, kind: "swap", discharge: async () => {} };
  return await TestEngine.open({
    pipelines: [over],
    kinds: [real, swap],
    ...(file !== undefined && { file }),
    settings: { patienceMs: 200 },
  });
}

/** An engine with an environment that somebody keeps, and until when. */
async function openKept() {
  standing.clear();
  hanging = false;
  const tested = await openAgain();
  opened = tested;
  const kept = await tested.submit("relaunch", "stg1");
  await tested.ended(kept.id);
  const [lease] = await tested.engine.leases(["stg1"]);
  return { tested, kept, before: lease?.until ?? 0 };
}
