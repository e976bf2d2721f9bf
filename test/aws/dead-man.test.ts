import { expect, it } from "vitest";
import type { ServiceStepOrGroup, TestsConfig } from "../../src/config/index.ts";
import { deadManOf } from "../../src/pipelines/steps/dead-man.ts";
import { loaded } from "../support/bot.ts";

const MINUTE = 60_000;
const NOW = Date.UTC(2026, 10, 21, 12);
const { config } = loaded();
const slot = { ...config.slots.stg1, maxTtl: 600 * MINUTE } as NonNullable<(typeof config.slots)[string]>;
const [, group] = config.serviceUpdate.steps;
const single = (timeout: number, retries = 0) =>
  ({ ...config.serviceUpdate.steps[0], timeout, retries }) as ServiceStepOrGroup;

function marginFor(steps: readonly ServiceStepOrGroup[], tests?: Partial<TestsConfig>): number {
  const suite = tests && ({ ...config.tests, ...tests } as TestsConfig);
  const work = { serviceUpdate: { ...config.serviceUpdate, steps: [...steps] }, tests: suite };
  const { powerOffAt, madeAt } = deadManOf(NOW, slot, work);
  expect(madeAt).toBe(NOW);
  return powerOffAt - NOW - slot.maxTtl;
}

/** A run that begins just before the longest life's end works so long, and then cleans up for ten minutes. */
const ends = (work: number) => work + 10 * MINUTE;

it("the instance's own timer leaves room for the longest run after the longest life, and an hour at least", () => {
  const short = { timeout: MINUTE, browsers: ["chrome" as const], parallel: 1 };
  expect(marginFor([], short)).toBeGreaterThanOrEqual(60 * MINUTE);
  expect(marginFor([])).toBeGreaterThanOrEqual(60 * MINUTE);
  expect(marginFor([], { timeout: 90 * MINUTE })).toBeGreaterThan(ends(90 * MINUTE));
  // Four browsers, two at a time.
  const browsers = ["chrome", "firefox", "edge", "safari"] as TestsConfig["browsers"];
  expect(marginFor([], { timeout: 90 * MINUTE, browsers, parallel: 2 })).toBeGreaterThan(ends(180 * MINUTE));
  expect(marginFor([single(50 * MINUTE, 2)])).toBeGreaterThan(ends(150 * MINUTE));
  // With what is to mend a failure, and the try after it.
  const mended = { ...single(50 * MINUTE), onFailure: { run: "mend" } } as unknown as ServiceStepOrGroup;
  expect(marginFor([mended])).toBeGreaterThan(ends(115 * MINUTE));
  const parallel = group?.kind === "parallel" ? group.parallel : [];
  expect(parallel).toHaveLength(2);
  const slow = { kind: "parallel", parallel: parallel.map((step) => ({ ...step, timeout: 80 * MINUTE })) };
  expect(marginFor([slow as ServiceStepOrGroup])).toBeGreaterThan(ends(80 * MINUTE));
});

it("control: an hour alone would end what such a run works on", () => {
  expect(60 * MINUTE).toBeLessThan(ends(90 * MINUTE));
  // What is configured counts, not a number that covers everything.
  expect(marginFor([single(MINUTE)])).toBeLessThan(marginFor([single(50 * MINUTE, 2)]));
});
