import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { sleep } from "../../src/util/clock.ts";
import { leftInCloud } from "../crash/support/cloud.ts";
import { slotsWith } from "./support/configuration.ts";
import { Gate } from "./support/gate.ts";
import { ask, eventually, instanceOn, runOf, slotOf, threadOf, untilSlot } from "./support/scene.ts";
import { Stand } from "./support/stand.ts";

const MAX_TTL_MS = 10 * 60_000;
const gate = new Gate();
let stand: Stand;

beforeAll(async () => {
  stand = await Stand.open({
    config: (config) => ({
      ...config,
      slots: slotsWith(config, { ttl: "5m", maxTtl: "10m" }),
      serviceUpdate: gate.serviceUpdate(),
    }),
    // Long enough for a cleanup to be seen.
    cloud: (config) => ({ ...config, delays: { ...config.delays, terminate: 1_500 } }),
  });
}, 120_000);
afterAll(async () => {
  await stand.close();
  gate.remove();
}, 60_000);
afterEach(() => gate.open());

/** Launches and keeps; resolves with the run. */
async function keep(slot: string, forTime: string): Promise<number> {
  const run = await stand.begin(`launch ${slot} --tests none --keep ${forTime}`);
  const ended = await stand.ended(run.id);
  expect([ended.state, ended.reason]).toEqual(["succeeded", null]);
  return run.id;
}

/** Types a command that begins a run on what stands there, and waits for its end. */
async function work(text: string): Promise<number> {
  const run = await stand.begin(text);
  const ended = await stand.ended(run.id);
  expect([text, ended.state, ended.reason]).toEqual([text, "succeeded", null]);
  return run.id;
}

async function untilOf(slot: string): Promise<number> {
  return Date.parse((await slotOf(stand, slot)).until ?? "");
}

describe("a kept environment", () => {
  it("its time stands still while a run works on it; over, it becomes dirty and, cleaned up, free", async () => {
    await keep("stg1", "6s");
    await keep("stg2", "6s");
    const [stands, alone] = [await instanceOn(stand, "stg1"), await untilOf("stg2")];
    gate.shut();
    const run = await stand.begin("update stg1");
    await stand.untilStep(run.id, /Gate$/);
    // The control: nobody works on the other, whose time ends meanwhile.
    const states = new Set<string>();
    const free = await eventually(
      "stg2 free",
      async () => {
        const { state } = await slotOf(stand, "stg2");
        states.add(state);
        return state;
      },
      (state) => state === "free",
    );
    expect(Date.now()).toBeGreaterThanOrEqual(alone);
    expect([...states]).toEqual(["held", "dirty", free]);
    await sleep(Math.max(0, 8_000 - (Date.now() - alone)));
    expect(await slotOf(stand, "stg1")).toMatchObject({ state: "busy", instanceId: stands });
    expect((await slotOf(stand, "stg1")).run).toBe(run.id);
    gate.open();
    await stand.ended(run.id);
    expect(await untilOf("stg1")).toBeGreaterThan(Date.now());
    expect(await instanceOn(stand, "stg1")).toBe(stands);
    await untilSlot(stand, "stg1", "dirty");
    expect(await ask(stand, "launch stg1 --tests none --no-wait", "developer2")).toMatch(
      /slot_dirty|slot_taken/,
    );
    await untilSlot(stand, "stg1", "free");
    expect(await leftInCloud(stand.yard)).toEqual([]);
  }, 90_000);

  it("`extend` moves its end, up to the longest life and no further", async () => {
    const run = await keep("stg1", "5m");
    const first = await untilOf("stg1");
    await ask(stand, "extend stg1 1m");
    expect((await untilOf("stg1")) - first).toBe(60_000);
    await ask(stand, "extend stg1 1h");
    const gained = (await untilOf("stg1")) - first;
    expect(gained).toBeGreaterThan(0);
    // The longest life counts from the launch: the instance's own timer, which does too, comes after the bot.
    const launched = (await untilOf("stg1")) - MAX_TTL_MS;
    const { steps } = await runOf(stand, run);
    const launch = steps.find(({ name }) => name.startsWith("Launch "));
    expect(launched).toBeLessThanOrEqual(Date.parse(launch?.startedAt ?? ""));
    expect(launched).toBeGreaterThan(Date.parse(launch?.startedAt ?? "") - 5_000);
    expect(await ask(stand, "extend stg1 1m")).toContain("max_ttl_reached");
    expect(await ask(stand, "extend stg1 1m", "developer2")).toContain("not_holder");
    const due = (await runOf(stand, run)).obligations.filter(({ state }) => state === "created");
    expect(due.map(({ kind }) => kind)).toEqual(expect.arrayContaining(["instance", "target", "lease"]));
    const until = await untilOf("stg1");
    expect(
      new Set(due.filter(({ kind }) => kind !== "lease").map((one) => Date.parse(one.due ?? ""))),
    ).toEqual(new Set([until]));
    await work("terminate stg1");
  }, 60_000);

  it("its holder launches again over it: the old one goes, one new one stands", async () => {
    const first = await keep("stg1", "5m");
    const before = await instanceOn(stand, "stg1");
    const second = await keep("stg1", "5m");
    const told = (run: number) => threadOf(stand, run);
    await eventually(
      "told",
      () => told(first),
      (text) => text.includes(`run #${second} has taken its place`),
    );
    expect(await told(second)).not.toContain("The environment on");
    const after = await instanceOn(stand, "stg1");
    expect(after).not.toBe(before);
    const left = (await leftInCloud(stand.yard)).filter((line) => line.startsWith("instances"));
    expect(left).toHaveLength(1);
    expect(left[0]).toContain(after);
    await work("terminate stg1");
  }, 60_000);

  it("update, swap, test and terminate work on it, for its holder alone", async () => {
    await keep("stg1", "5m");
    const stands = await instanceOn(stand, "stg1");
    for (const command of ["update stg1", "swap stg1", "test stg1", "terminate stg1"]) {
      expect([command, await ask(stand, command, "developer2")]).toEqual([
        command,
        expect.stringContaining("not_holder"),
      ]);
    }
    const until = await untilOf("stg1");
    const update = await work("update stg1");
    expect((await runOf(stand, update)).steps.map(({ name }) => name)).toContain("Start LMS");
    await work("swap stg1");
    expect(await instanceOn(stand, "stg1")).toBe(stands);
    expect(await untilOf("stg1")).toBeGreaterThanOrEqual(until);
    const again = await stand.begin(`retry ${update}`);
    expect((await stand.ended(again.id)).state).toBe("succeeded");
    expect((await runOf(stand, again.id)).kind).toBe("update");
    await work("terminate stg1");
    await untilSlot(stand, "stg1", "free");
    expect(await leftInCloud(stand.yard)).toEqual([]);
    expect(await ask(stand, "terminate stg1")).toContain("nothing_there");
    expect(await ask(stand, `retry ${update}`)).toContain("nothing_there");
  }, 90_000);

  it("a maintainer terminates another's; `unlock` of one's own gives it up; `retry` of a launch launches", async () => {
    const run = await keep("stg1", "5m");
    expect(await ask(stand, "terminate stg1", "maintainer")).toContain("has started");
    await untilSlot(stand, "stg1", "free");
    const again = await stand.begin(`retry ${run}`);
    expect((await stand.ended(again.id)).state).toBe("succeeded");
    expect((await slotOf(stand, "stg1")).state).toBe("held");
    expect(await ask(stand, "unlock stg1")).toContain("terminated");
    await untilSlot(stand, "stg1", "free");
    expect(await leftInCloud(stand.yard)).toEqual([]);
  }, 60_000);
});
