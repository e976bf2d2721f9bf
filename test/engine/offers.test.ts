import { afterEach, describe, expect, it } from "vitest";
import { openDatabase } from "../../db/connection.ts";
import type { HandOff, Person } from "../../src/engine/types.ts";
import { ann, bob, connectBeside, TestEngine, takeGuard } from "../support/engine.ts";
import { gate, named, pause, SetClock, until, untilStopped } from "./support.ts";

const MINUTE = 60_000;
const FOR = 5 * MINUTE;
const cleo: Person = { id: "slack:U0CLEO", name: "Cleo" };

/** As the configuration's usual limits have it. */
const afterHalfAnHour: HandOff = ({ waitedMs }) => (waitedMs >= 30 * MINUTE ? FOR : null);

let opened: TestEngine | undefined;
let clock = new SetClock();
let hold = gate();
const began: number[] = [];
afterEach(async () => {
  hold.open();
  await opened?.remove();
  opened = undefined;
  clock = new SetClock();
});

const work = named(async (run) => {
  await run.step("Work", ({ signal }) => {
    began.push(run.id);
    return Promise.race([hold.opened, untilStopped(signal)]);
  });
});

async function open(handOff: HandOff = afterHalfAnHour, file?: string): Promise<TestEngine> {
  opened = await TestEngine.open({
    pipelines: [work],
    settings: { clock, handOff },
    ...(file !== undefined && { file }),
  });
  return opened;
}

/** One run at work on stg1 and others of these people behind it, for so long; then the first one ends. */
async function waitedFor(minutes: number, ...people: readonly Person[]): Promise<number[]> {
  hold = gate();
  began.length = 0;
  const engine = await open();
  const first = await engine.submit("play", "stg1");
  const ids: number[] = [];
  for (const person of people) ids.push((await engine.submit("play", "stg1", {}, person)).id);
  clock.offset += minutes * MINUTE;
  hold.open();
  await engine.ended(first.id);
  hold = gate();
  return ids;
}

async function lease(engine = opened) {
  const [lease] = (await engine?.engine.leases(["stg1"])) ?? [];
  if (!lease) throw new Error("no lease");
  return lease;
}

async function run(id: number | undefined) {
  const found = await opened?.engine.run(id ?? 0);
  if (!found) throw new Error(`no run ${id}`);
  return found;
}

const isOffered = async () => (await lease()).mode === "offered";

describe("somebody's turn", () => {
  it("begins by itself when they asked a moment ago, and is offered when they asked long ago", async () => {
    const [recent = 0] = await waitedFor(29, bob);
    await opened?.ended(recent);
    expect(began).toContain(recent);
    expect(await opened?.engine.offer(recent)).toBe(null);
    await opened?.remove();

    const [old] = await waitedFor(31, bob);
    const { mode, holder, runId, since, until: end, hasEnvironment } = await lease();
    expect({ mode, holder, runId, hasEnvironment }).toEqual({
      mode: "offered",
      holder: bob,
      runId: old,
      hasEnvironment: false,
    });
    expect(await run(old)).toMatchObject({ state: "queued", startedAt: null, target: "stg1" });
    expect(await opened?.engine.offer(old ?? 0)).toMatchObject({
      resource: "stg1",
      until: end,
      answer: null,
    });
    expect((end ?? 0) - (since ?? 0)).toBe(FOR);
    expect(await opened?.engine.queue("stg1")).toMatchObject([
      { runId: old, position: 1, offer: { resource: "stg1", until: end } },
    ]);
    await pause(50);
    expect(began).not.toContain(old);
  });

  it("begins at the word, once, however often it is given, and goes to nobody else meanwhile", async () => {
    const [first, second] = await waitedFor(31, bob, cleo);
    await pause(50);
    expect((await run(second)).state).toBe("queued");
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => opened?.engine.accept(first ?? 0, bob)),
    );
    expect(answers.filter((one) => one && !one.refused && !one.repeated)).toHaveLength(1);
    expect(answers.filter((one) => one && !one.refused && one.repeated)).toHaveLength(9);
    await until(() => began.includes(first ?? 0));
    expect(await lease()).toMatchObject({ mode: "run", runId: first, until: null });
    expect(await opened?.engine.offer(first ?? 0)).toMatchObject({ answer: "started", answeredBy: bob });
    hold.open();
    await opened?.ended(first ?? 0);
    expect(began.filter((id) => id === first)).toHaveLength(1);
    // Nobody was passed over: now the other one is asked.
    expect(await lease()).toMatchObject({ mode: "offered", runId: second });
  });

  it("that is given up goes to the next in line at once, however it is given up", async () => {
    const ways: readonly [string, (id: number) => Promise<unknown> | undefined][] = [
      ["leave", () => opened?.engine.leave("stg1", bob)],
      ["withdraw", (id) => opened?.engine.withdraw(id, bob)],
      ["cancel", (id) => opened?.engine.cancel(id, cleo)],
      ["unlock", () => opened?.engine.unlock("stg1", bob, { force: false })],
      ["unlock by force", () => opened?.engine.unlock("stg1", cleo, { force: true })],
    ];
    for (const [way, act] of ways) {
      const [first = 0, second] = await waitedFor(31, bob, cleo);
      expect(await act(first), way).toMatchObject({ refused: false });
      expect(await run(first), way).toMatchObject({ state: "cancelled", startedAt: null, outcome: null });
      expect((await run(first)).reason, way).toMatch(
        /stg1 was offered to it, and (Bob|Cleo) gave the turn up/,
      );
      expect(await opened?.engine.offer(first), way).toMatchObject({ answer: "passed" });
      expect(await lease(), way).toMatchObject({ mode: "offered", runId: second, holder: cleo });
      // Too late now.
      expect(await opened?.engine.accept(first, bob), way).toMatchObject({ reasonCode: "offer_over" });
      expect(await opened?.engine.withdraw(first, bob), way).toMatchObject({ reasonCode: "not_queued" });
      await opened?.remove();
    }
  });

  it("that nobody takes is over at its time: the run leaves the queue, and the next one has its turn", async () => {
    const [first = 0, second = 0] = await waitedFor(31, bob, cleo);
    clock.offset += FOR + 1;
    // The janitor may not have come round: the time is over all the same.
    expect(await opened?.engine.accept(first, bob)).toMatchObject({ reasonCode: "offer_over" });
    await until(async () => (await lease()).runId === second);
    expect(await run(first)).toMatchObject({ state: "cancelled", cancelRequestedBy: null, startedAt: null });
    expect((await run(first)).reason).toMatch(
      /^stg1 was offered to Bob until \d\d:\d\d UTC, and nobody answered\.$/,
    );
    expect(await opened?.engine.offer(first)).toMatchObject({ answer: "expired", answeredBy: null });
    // The next one's time begins now, not with the first one's.
    const { until: end, since } = await lease();
    expect((end ?? 0) - (since ?? 0)).toBe(FOR);
    expect(await opened?.engine.accept(second, cleo)).toMatchObject({ refused: false, repeated: false });
    hold.open();
    await opened?.ended(second);
    expect((await lease()).mode).toBe("free");
    expect(began).not.toContain(first);
  });

  it("is not held up for somebody who cannot be asked, and neither is anybody behind them", async () => {
    hold = gate();
    const asked: string[] = [];
    const engine = await open((turn) => {
      asked.push(`${turn.requestedBy.id} ${turn.via}`);
      return turn.requestedBy.id.startsWith("slack:") ? FOR : null;
    });
    const first = await engine.submit("play", "stg1", {}, { id: "terminal:op", name: "op" });
    const second = await engine.submit("play", "stg1", {}, { id: "github:x", name: "x" });
    clock.offset += 600 * MINUTE;
    hold.open();
    await engine.ended(first.id);
    await engine.ended(second.id);
    expect(asked).toEqual(["terminal:op test", "github:x test"]);
  });

  it("is theirs at once where they hold the slot themselves", async () => {
    hold = gate();
    const engine = await open();
    await engine.engine.lock("stg1", ann, { until: null, reason: null });
    const others = await engine.submit("play", "stg1", {}, bob);
    clock.offset += 60 * MINUTE;
    const own = await engine.submit("play", "stg1");
    expect(own.state).toBe("running");
    expect((await run(others.id)).state).toBe("queued");
  });

  it("is offered on one of several slots; another that comes free goes to the next one", async () => {
    hold = gate();
    const engine = await open();
    const gates = [await engine.submit("play", "stg1"), await engine.submit("play", "stg2")];
    const first = await engine.submit("play", ["stg1", "stg2"], {}, bob);
    const second = await engine.submit("play", ["stg1", "stg2"], {}, cleo);
    clock.offset += 31 * MINUTE;
    await engine.engine.cancel(gates[1]?.id ?? 0, ann);
    await engine.ended(gates[1]?.id ?? 0);
    expect(await engine.engine.offer(first.id)).toMatchObject({ resource: "stg2", answer: null });
    expect((await engine.engine.queue("stg1")).map(({ runId }) => runId)).toEqual([second.id]);
    await engine.engine.cancel(gates[0]?.id ?? 0, ann);
    await engine.ended(gates[0]?.id ?? 0);
    expect(await engine.engine.offer(second.id)).toMatchObject({ resource: "stg1", answer: null });
    await engine.engine.accept(first.id, bob);
    expect(await run(first.id)).toMatchObject({ state: "running", target: "stg2" });
  });
});

describe("a slot that is offered", () => {
  it("is nobody else's to lock, extend, launch on or clean", async () => {
    const [first = 0] = await waitedFor(31, bob);
    const engine = opened?.engine;
    for (const person of [bob, cleo]) {
      const locked = await engine?.lock("stg1", person, { until: null, reason: null, force: true });
      expect(locked).toMatchObject({ reasonCode: "slot_offered", fields: { run: first } });
      const longer = { ms: 1, maxTtlMs: MINUTE, force: true };
      expect(await engine?.extend("stg1", person, longer)).toMatchObject({ reasonCode: "slot_offered" });
    }
    expect(await engine?.clean("stg1", ann, { declareClean: true })).toMatchObject({
      reasonCode: "not_dirty",
    });
    expect(await engine?.unlock("stg1", cleo, { force: false })).toMatchObject({ reasonCode: "not_holder" });
    const request = { kind: "play", input: {}, via: "test", configHash: "test", candidates: ["stg1"] };
    const asked = { ...request, requestedBy: cleo };
    expect(await engine?.submit({ ...asked, noWait: true })).toMatchObject({ reasonCode: "slot_taken" });
    expect(await engine?.submit({ ...asked, adopt: true })).toMatchObject({ reasonCode: "slot_offered" });
    expect(await lease()).toMatchObject({ mode: "offered", runId: first });
    expect(await engine?.accept(77, bob)).toMatchObject({ reasonCode: "unknown_run" });
    const behind = await opened?.submit("play", "stg1", {}, cleo);
    expect(await engine?.accept(behind?.id ?? 0, cleo)).toMatchObject({ reasonCode: "not_offered" });
  });

  it("is as it was after a restart: the time goes on and is not begun anew", async () => {
    const [first = 0] = await waitedFor(31, bob, cleo);
    const file = opened?.file ?? "";
    const before = await lease();
    await opened?.close();
    clock.offset += 2 * MINUTE;
    await open(afterHalfAnHour, file);
    expect(await lease()).toEqual(before);
    await pause(50);
    expect(await run(first)).toMatchObject({ state: "queued" });
    await opened?.close();
    // Its time ends while no process lives.
    clock.offset += 4 * MINUTE;
    await open(afterHalfAnHour, file);
    await until(async () => (await run(first)).state === "cancelled");
    expect(await lease()).toMatchObject({ mode: "offered", holder: cleo });
    // The control: a process that is in time still begins it.
    const { runId } = await lease();
    await opened?.close();
    clock.offset += 4 * MINUTE;
    await open(afterHalfAnHour, file);
    expect(await opened?.engine.accept(runId ?? 0, cleo)).toMatchObject({ repeated: false });
    await until(() => began.includes(runId ?? 0));
  });

  it("begins by itself after a restart when there is nobody who could be asked any more", async () => {
    const [first = 0] = await waitedFor(31, bob);
    const file = opened?.file ?? "";
    await opened?.close();
    await open(() => null, file);
    await until(() => began.includes(first));
    expect(await opened?.engine.offer(first)).toMatchObject({ answer: "started", answeredBy: null });
  });

  it("is begun, given up and taken back by nobody who has lost the database", async () => {
    const [first = 0] = await waitedFor(31, bob);
    const beside = connectBeside(opened?.file ?? "");
    await takeGuard(beside);
    for (const act of [
      () => opened?.engine.accept(first, bob),
      () => opened?.engine.withdraw(first, bob),
      () => opened?.engine.unlock("stg1", bob, { force: false }),
    ])
      await expect(act()).rejects.toMatchObject({ code: "fenced" });
    clock.offset += FOR + 1;
    await pause(1_500);
    expect(await isOffered()).toBe(true);
    expect((await run(first)).state).toBe("queued");
    await beside.destroy();
  });

  it("is free at its time also when the run behind it is gone, as after a bug", async () => {
    const [first = 0] = await waitedFor(31, bob);
    const file = opened?.file ?? "";
    await opened?.close();
    const database = await openDatabase(file);
    await database.db.deleteFrom("queue").where("run_id", "=", first).execute();
    await database.db.updateTable("offers").set({ answer: "passed" }).execute();
    await database.close();
    clock.offset += FOR + 1;
    await open(afterHalfAnHour, file);
    await until(async () => (await lease()).mode === "free");
  });
});
