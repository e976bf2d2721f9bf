import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cloudState } from "../../sandbox/client.ts";
import { sleep } from "../../src/util/clock.ts";
import { leftInCloud } from "./support/cloud.ts";
import { bothSides, common, playAll, type Scenario, Series, summary } from "./support/series.ts";
import { Trial } from "./support/trial.ts";
import { openYards, type Yard } from "./support/yard.ts";

const TTL_MS = 4_000;
let yards: Yard[] = [];
let yard: Yard;
let trials = 0;

beforeAll(async () => {
  yards = await openYards();
  [yard] = yards as [Yard];
}, 60_000);
afterAll(async () => {
  await Promise.all(yards.map((one) => one.close()));
});

async function kept(ttl: string): Promise<Trial> {
  const trial = new Trial(yard, `kept-${++trials}`);
  await trial.start();
  trial.begin();
  await trial.say(`launch stg1 --tests none --keep ${ttl}`);
  const run = await trial.untilEnded();
  expect(run).toMatchObject({ state: "succeeded" });
  expect(trial.journal.heldLeases()).toEqual(["stg1 kept"]);
  expect(await cloudState(yard.json)).toMatchObject({ instances: [{ state: "running" }], rules: [] });
  return trial;
}

describe("a kept environment", { timeout: 600_000 }, () => {
  it("is kept and removed all the same when the bot is killed at any write of either", async () => {
    const scenario: Scenario = {
      command: () => "launch stg1 --tests none --keep 1s",
      expected: {},
      over: (trial) => trial.journal.heldLeases().length === 0,
    };
    const plain = await new Series(yard, { command: () => "launch stg1 --tests none", expected: {} }).trace();
    const series = yards.map((one) => new Series(one, scenario));
    const traces = await Promise.all(series.map((one) => one.trace()));
    const points = common(traces).filter((point) => !plain.includes(point));
    expect(points.join("\n")).toContain("lease kept");
    const began = Date.now();
    const results = await playAll(series, bothSides(points));
    console.log(summary("Keep", results, (Date.now() - began) / 1000));
    expect(results.filter(({ faults }) => faults.length > 0)).toEqual([]);
    expect(results.filter(({ killed }) => !killed).map(({ point }) => point)).toEqual([]);
  });

  it("whose time ends while the bot is down is removed when it starts again", async () => {
    const trial = await kept(`${TTL_MS}ms`);
    await trial.kill();
    await sleep(TTL_MS);
    expect(await leftInCloud(yard)).not.toEqual([]);
    await trial.start();
    await trial.until("free", () => trial.journal.heldLeases().length === 0);
    expect(await trial.audit()).toEqual([]);
    await trial.end();
  });

  it("is removed also when the bot is killed again and again while it removes it", async () => {
    const trial = await kept(`${TTL_MS}ms`);
    await trial.kill();
    await sleep(TTL_MS);
    for (const point of [
      "before 1 obligation target released_at",
      "after 1 obligation target gone",
      "before 1 obligation instance gone",
    ]) {
      await trial.start({ killAt: point });
      expect(await trial.untilKilledAnyway(), point).toBe(true);
    }
    await trial.start();
    await trial.until("free", () => trial.journal.heldLeases().length === 0);
    expect(await trial.audit()).toEqual([]);
    await trial.end();
  });

  it("outlives the bot, and a later /stg terminate removes it", async () => {
    const trial = await kept("30m");
    await trial.kill();
    await trial.start();
    expect(trial.journal.heldLeases()).toEqual(["stg1 kept"]);
    await trial.say("terminate stg1");
    await trial.until("free", () => trial.journal.heldLeases().length === 0);
    expect(await trial.audit({ runs: 2 })).toEqual([]);
    await trial.end();
  });
});
