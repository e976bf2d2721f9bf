import { afterEach, describe, expect, it } from "vitest";
import { rememberConfig } from "../../db/configs.ts";
import { openDatabase } from "../../db/connection.ts";
import { ann, bob, CONFIG_HASH, TestEngine } from "../support/engine.ts";
import { gate, named, SetClock, Things, until, untilStopped } from "./support.ts";

let opened: TestEngine | undefined;
afterEach(async () => {
  await opened?.remove();
  opened = undefined;
});

async function lease(resource = "stg1") {
  const [lease] = (await opened?.engine.leases([resource])) ?? [];
  if (!lease) throw new Error("no lease");
  return lease;
}

const things = new Things();
let hold = gate();
const work = named(
  async (run) =>
    void (await run.step("Work", ({ signal }) => Promise.race([hold.opened, untilStopped(signal)]))),
);
const keep = named(
  async (run) => {
    await things.make(run, "instance", `i-${run.id}`);
    const until = (await run.now("keep")) + 3_600_000;
    await run.keep({ kinds: ["instance"], until, maxUntil: until, reason: null });
  },
  { kind: "keep" },
);
const relaunch = named(
  async (run) => {
    const standing = await run.value("standing", async () => (await run.owed("instance")).length);
    const owed = await run.owe("instance", { key: "t3:subnet", own: true, facts: { id: `i-${run.id}` } });
    await run.step("Launch", async () => void things.exist.add(`i-${run.id}`));
    await owed.created();
    const until = (await run.now("keep")) + 3_600_000;
    const keep = { kinds: ["instance"], until, maxUntil: until, reason: null };
    if (standing === 0) await run.keep(keep);
    else {
      await run.takeOver({ met: null, facts: {}, keep });
      await run.step("Clear", (step) => run.clearEarlier(step));
    }
    return owed.state;
  },
  { kind: "relaunch" },
);

describe("the configuration of a run", () => {
  it("is that of the day when it begins, not of the day when it was asked for; afterwards it stays", async () => {
    let today = "yesterday";
    const seen: string[] = [];
    const look = named(async (run) => void seen.push(run.configHash), { kind: "look" });
    hold = gate();
    opened = await TestEngine.open({
      pipelines: [work, look],
      settings: { configHash: () => today },
    });
    await rememberConfig(opened.db, "yesterday", {}, 0);
    await rememberConfig(opened.db, "today", {}, 0);
    const first = await opened.submit("play", "stg1");
    const second = await opened.submit("look", "stg1");
    today = "today";
    expect((await opened.engine.run(first.id))?.configHash).toBe("yesterday");
    hold.open();
    await opened.ended(second.id);
    expect(seen).toEqual(["today"]);
    expect((await opened.engine.run(first.id))?.configHash).toBe("yesterday");
  });
});

async function open(clock = new SetClock(), file?: string): Promise<TestEngine> {
  hold = gate();
  if (file === undefined) things.exist.clear();
  opened = await TestEngine.open({
    pipelines: [work, keep, relaunch],
    kinds: [things.kind("instance")],
    settings: { clock },
    ...(file !== undefined && { file }),
  });
  return opened;
}

describe("the queue", () => {
  it("is first come first served over several candidates; nobody is passed over, nobody overtakes", async () => {
    const order: number[] = [];
    const gates = new Map<number, () => void>();
    const held = named(async (run) => {
      order.push(run.id);
      const { opened, open } = gate();
      gates.set(run.id, open);
      await run.step("Work", () => opened);
    });
    opened = await TestEngine.open({ pipelines: [held] });
    const ids: number[] = [];
    for (const candidates of [["a"], ["b"], ["a", "b"], ["a"], ["b", "a"], ["b"]])
      ids.push((await opened.submit("play", candidates)).id);
    const [one = 0, two = 0, three = 0, four = 0, five = 0, six = 0] = ids;
    expect(order).toEqual([one, two]);
    const end = async (id: number) => {
      await until(() => gates.has(id));
      gates.get(id)?.();
      await opened?.ended(id);
    };
    await end(two);
    expect(await opened.engine.run(three)).toMatchObject({ state: "running", target: "b" });
    await end(one);
    expect((await opened.engine.run(four))?.state).toBe("running");
    await end(three);
    expect(await opened.engine.run(five)).toMatchObject({ state: "running", target: "b" });
    await end(four);
    // b's next is six: a is free, but six may not have it.
    expect((await opened.engine.run(six))?.state).toBe("queued");
    await end(five);
    await end(six);
    expect(order).toEqual([one, two, three, four, five, six]);
  });

  it("one who leaves is gone from it; a withdrawn request leaves nothing behind", async () => {
    const engine = await open();
    const first = await engine.submit("play", "stg1");
    const second = await engine.submit("play", "stg1", {}, bob);
    expect(await engine.engine.leave("stg1", bob)).toMatchObject({ runId: second.id });
    expect(await engine.engine.leave("stg1", bob)).toMatchObject({ reasonCode: "not_queued" });
    const request = { kind: "play", candidates: ["stg1"], input: {}, requestedBy: bob, via: "test" };
    const noWait = { ...request, configHash: CONFIG_HASH, noWait: true, dedupeKey: "k" };
    expect(await engine.engine.submit(noWait)).toMatchObject({ reasonCode: "slot_taken" });
    expect(await engine.engine.runs({ limit: 10 })).toHaveLength(2);
    hold.open();
    await engine.ended(first.id);
    // The refused key may be used again; used once it finds its run.
    const again = await engine.engine.submit(noWait);
    expect(again).toMatchObject({ refused: false, repeated: false });
    expect(await engine.engine.submit(noWait)).toMatchObject({ refused: false, repeated: true });
  });

  it("starts one run for a hundred repetitions at once", async () => {
    const engine = await open();
    const request = { kind: "play", candidates: ["stg1"], input: {}, requestedBy: ann, via: "test" };
    const answers = await Promise.all(
      Array.from({ length: 100 }, () =>
        engine.engine.submit({ ...request, configHash: CONFIG_HASH, dedupeKey: "trigger" }),
      ),
    );
    expect(answers.filter((answer) => !answer.refused && !answer.repeated)).toHaveLength(1);
    expect(await engine.engine.runs({ limit: 10 })).toHaveLength(1);
    hold.open();
  });
});

describe("what somebody holds", () => {
  it("is not among the free ones that they take; named, it is", async () => {
    const engine = await open();
    await engine.engine.lock("a", ann, { until: null, reason: null });
    const kept = await engine.submit("keep", "b");
    await engine.ended(kept.id);
    const any = await engine.submit("play", ["a", "b", "c"]);
    expect(any).toMatchObject({ state: "running", target: "c" });
    const waits = await engine.submit("play", ["a", "b", "c"]);
    expect(waits.state).toBe("queued");
    const named = await engine.submit("play", "a");
    expect(named).toMatchObject({ state: "running", target: "a" });
    hold.open();
    for (const { id } of [any, waits, named]) await engine.ended(id);
    expect((await engine.engine.run(waits.id))?.target).toBe("c");
    expect(await lease("b")).toMatchObject({ mode: "kept", holder: ann });
  });
});

describe("a lock", () => {
  it("is given back after its holder's run, keeps others out, and ends by its time", async () => {
    const clock = new SetClock();
    const engine = await open(clock);
    const until = clock.now() + 3_600_000;
    await engine.engine.lock("stg1", ann, { until, reason: "demo" });
    const others = await engine.submit("play", "stg1", {}, bob);
    expect(others.state).toBe("queued");
    const own = await engine.submit("play", "stg1");
    expect(own.state).toBe("running");
    expect(await engine.engine.unlock("stg1", ann, { force: true })).toMatchObject({
      reasonCode: "slot_busy",
    });
    hold.open();
    await engine.ended(own.id);
    expect(await lease()).toMatchObject({ mode: "locked", holder: ann, reason: "demo", until });
    expect(await engine.engine.unlock("stg1", bob, { force: false })).toMatchObject({
      reasonCode: "not_holder",
    });
    clock.offset = 3_700_000;
    await engine.ended(others.id);
    expect(await lease()).toMatchObject({ mode: "free" });
  });

  it("that ran out during its holder's run is not given back", async () => {
    const clock = new SetClock();
    const engine = await open(clock);
    await engine.engine.lock("stg1", ann, { until: clock.now() + 1_000, reason: null });
    const { id } = await engine.submit("play", "stg1");
    clock.offset = 5_000;
    hold.open();
    await engine.ended(id);
    expect(await lease()).toMatchObject({ mode: "free", holder: null });
  });
});

describe("a kept environment", () => {
  it("is not ended later by whoever was entitled to end the one before it", async () => {
    const engine = (await open()).engine;
    const asked = { input: {}, via: "test", configHash: CONFIG_HASH, candidates: ["stg1"] };
    const working = await opened?.submit("play", "stg1");
    const next = await opened?.submit("keep", "stg1", {}, bob);
    // Both at once, by who held the slot when they were typed: the second may not wait behind another's launch.
    const late = await engine.submit({ ...asked, kind: "relaunch", requestedBy: ann, adopt: true });
    expect(late).toMatchObject({ refused: true, reasonCode: "slot_busy" });
    hold.open();
    await opened?.ended(working?.id ?? 0);
    await opened?.ended(next?.id ?? 0);
    expect(await lease()).toMatchObject({ mode: "kept", holder: bob });
    expect([...things.exist]).toEqual([`i-${next?.id}`]);
    expect(await engine.queue("stg1")).toEqual([]);
    // The control: entitled now, it begins at once.
    const now = await engine.submit({ ...asked, kind: "relaunch", requestedBy: ann, adopt: true });
    expect(now).toMatchObject({ refused: false, position: null });
    if (!now.refused) await opened?.ended(now.run.id);
  });

  it("is given up by unlock, cleaned by the janitor and free", async () => {
    const engine = await open();
    await engine.ended((await engine.submit("keep", "stg1")).id);
    expect(await engine.engine.unlock("stg1", bob, { force: false })).toMatchObject({
      reasonCode: "not_holder",
    });
    await engine.engine.unlock("stg1", bob, { force: true });
    expect((await lease()).mode).toBe("dirty");
    await until(async () => (await lease()).mode === "free");
    expect(things.exist.size).toBe(0);
  });

  it("is replaced by its holder's relaunch under the same key, again and again", async () => {
    const engine = await open();
    for (const round of [1, 2, 3]) {
      const { id } = await engine.submit("relaunch", "stg1");
      const { state, outcome } = await engine.ended(id);
      // Owed before it is made: nothing stands that nobody owes.
      expect({ round, state, owed: outcome?.result, exist: [...things.exist] }).toEqual({
        round,
        state: "succeeded",
        owed: "created",
        exist: [`i-${id}`],
      });
    }
    await engine.engine.unlock("stg1", ann, { force: false });
    await until(async () => (await lease()).mode === "free");
    expect(things.exist.size).toBe(0);
  });

  it("and everything else is as it was after a restart, in each state a slot can have", async () => {
    const clock = new SetClock();
    const engine = await open(clock);
    await engine.ended((await engine.submit("keep", "kept")).id);
    await engine.engine.lock("locked", ann, { until: null, reason: "mine" });
    const running = await engine.submit("play", "run");
    const queued = await engine.submit("play", "run", {}, bob);
    await engine.ended((await engine.submit("keep", "ending")).id);
    await engine.close();
    clock.offset = 0;
    const again = await open(clock, engine.file);
    expect(await lease("kept")).toMatchObject({ mode: "kept", holder: ann, hasEnvironment: true });
    expect(await lease("locked")).toMatchObject({ mode: "locked", reason: "mine" });
    expect(await again.engine.queue()).toMatchObject([{ runId: queued.id }]);
    hold.open();
    expect((await again.ended(running.id)).state).toBe("succeeded");
    expect((await again.ended(queued.id)).state).toBe("succeeded");
    await again.close();
    // Its time ends while no process lives.
    clock.offset = 3_700_000;
    await open(clock, engine.file);
    await until(async () => (await lease("kept")).mode === "free" && (await lease("ending")).mode === "free");
    expect(things.exist.size).toBe(0);
    expect((await lease("locked")).mode).toBe("locked");
  });
});

describe("a lease whose run is no more", () => {
  it("is taken over, cleaned up and freed", async () => {
    const engine = await open();
    const { id } = await engine.submit("relaunch", "stg1");
    await engine.ended(id);
    await engine.close();
    const database = await openDatabase(engine.file);
    // As if a bug had left it so: the run has ended, the lease says that it is at work.
    await database.db.updateTable("leases").set({ mode: "run", run_id: id }).execute();
    await database.close();
    await open(new SetClock(), engine.file);
    await until(async () => (await lease()).mode === "free");
    expect(things.exist.size).toBe(0);
  });
});
