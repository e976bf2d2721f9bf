import { afterAll, beforeAll, expect, it } from "vitest";
import { bothSides, common, playAll, type Scenario, Series, summary } from "./support/series.ts";
import { openYards, type Yard } from "./support/yard.ts";

let yards: Yard[] = [];

beforeAll(async () => {
  yards = await openYards({ longJobSeconds: 30 });
}, 60_000);
afterAll(async () => {
  await Promise.all(yards.map((yard) => yard.close()));
});

/** Cancelled while a job runs on the instance that would take far longer than the case. */
const CANCEL: Scenario = {
  before: async (trial) => {
    await trial.say("launch stg1 --tests none");
    await trial.until("running its long job", () => trial.tally()["begin long"] === 1);
  },
  command: (trial) => `cancel ${trial.journal.runs().at(-1)?.id}`,
  expected: { state: "cancelled" },
};

it("a bot killed at any journal write of a cancel ends the run as cancelled, and leaves nothing", {
  timeout: 900_000,
}, async () => {
  const series = yards.map((yard) => new Series(yard, CANCEL));
  const points = common(await Promise.all(series.map((one) => one.trace())));
  expect(points.some((point) => point.includes("cancel asked for"))).toBe(true);
  const began = Date.now();
  const results = await playAll(series, bothSides(points));
  console.log(summary("Cancel", results, (Date.now() - began) / 1000));
  expect(results.filter(({ faults }) => faults.length > 0)).toEqual([]);
  expect(results.filter(({ killed }) => !killed).map(({ point }) => point)).toEqual([]);
});
