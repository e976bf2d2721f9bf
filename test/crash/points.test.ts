import { afterAll, beforeAll, expect, it } from "vitest";
import { bothSides, common, playAll, Series, summary } from "./support/series.ts";
import { openYards, type Yard } from "./support/yard.ts";

const LAUNCH = { command: () => "launch stg1 --tests none", expected: {} };
let yards: Yard[] = [];

beforeAll(async () => {
  yards = await openYards();
}, 60_000);
afterAll(async () => {
  await Promise.all(yards.map((yard) => yard.close()));
});

it("a bot killed at any journal write of a launch goes on, and leaves nothing", {
  timeout: 1_800_000,
}, async () => {
  const series = yards.map((yard) => new Series(yard, LAUNCH));
  const points = common(await Promise.all(series.map((one) => one.trace())));
  expect(points.length).toBeGreaterThan(50);
  const cases = bothSides(points);
  const began = Date.now();
  const results = await playAll(series, cases);
  console.log(summary("Launch", results, (Date.now() - began) / 1000));
  expect(results.filter(({ faults }) => faults.length > 0)).toEqual([]);
  expect(results.filter(({ killed }) => !killed).map(({ point }) => point)).toEqual([]);
  expect(results.filter(({ resumed }) => resumed).length).toBeGreaterThan(cases.length / 2);
  expect(new Set(results.flatMap(({ joined }) => joined))).toContain("long");
});
