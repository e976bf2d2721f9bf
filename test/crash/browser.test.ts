import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { JsonObject } from "../../src/util/json.ts";
import { bothSides, common, playAll, Series, summary } from "./support/series.ts";
import { livingJobs, underWay } from "./support/tally.ts";
import { Trial } from "./support/trial.ts";
import { openYards, SERVICE_JOBS, type Yard } from "./support/yard.ts";

const WITH_TESTS = "launch stg1 --tests chrome";
const WHOLE = { jobs: [...SERVICE_JOBS, "suite", "browsing"] };
let yards: Yard[] = [];
let yard: Yard;
let trials = 0;

beforeAll(async () => {
  yards = await openYards({ config: withSuite });
  [yard] = yards as [Yard];
}, 60_000);
afterAll(async () => {
  await Promise.all(yards.map((one) => one.close()));
});

function withSuite(config: JsonObject): JsonObject {
  const { env } = config.serviceUpdate as { env: { TALLY: string } };
  const tests = config.tests as JsonObject;
  return {
    ...config,
    tests: {
      ...tests,
      directory: join(import.meta.dirname, "suite"),
      env: { BASE_URL: "{url}", TALLY: env.TALLY },
    },
  };
}

/** A launch whose suite is at work in a real browser. */
async function browsing(): Promise<Trial> {
  const trial = new Trial(yard, `browser-${++trials}`);
  await trial.start();
  trial.begin();
  await trial.say(WITH_TESTS);
  await trial.until("browsing", () => trial.tally()["begin browsing"] === 1, 60_000);
  return trial;
}

describe("a bot killed while Playwright runs", { timeout: 900_000 }, () => {
  it("goes on at any journal write of the tests' stages, and leaves nothing", async () => {
    const plain = await new Series(yard, { command: () => "launch stg1 --tests none", expected: {} }).trace();
    const series = yards.map((one) => new Series(one, { command: () => WITH_TESTS, expected: WHOLE }));
    const traces = await Promise.all(series.map((one) => one.trace()));
    const points = common(traces).filter((point) => !plain.includes(point));
    expect(points.join("\n")).toContain("step Run the tests running");
    const began = Date.now();
    const results = await playAll(series, bothSides(points));
    console.log(summary("Tests", results, (Date.now() - began) / 1000));
    expect(results.filter(({ faults }) => faults.length > 0)).toEqual([]);
    expect(results.filter(({ killed }) => !killed).map(({ point }) => point)).toEqual([]);
  });

  it("joins the suite that goes on in a browser, and reports its result", async () => {
    const trial = await browsing();
    const kill = await trial.kill();
    expect(underWay(kill.tally)).toContain("suite");
    expect(livingJobs(yard.tally)).not.toEqual([]);
    await trial.start();
    await trial.untilEnded();
    expect(await trial.audit(WHOLE)).toEqual([]);
    expect(trial.journal.tests()).toMatchObject({ passed: 2, failed: 0 });
    await trial.end();
  });

  it("reports the result of a suite that ended while it was down", async () => {
    const trial = await browsing();
    await trial.kill();
    await trial.until("without the suite", () => trial.tally()["end suite"] === 1);
    await trial.start();
    await trial.untilEnded();
    expect(await trial.audit(WHOLE)).toEqual([]);
    expect(trial.journal.tests()).toMatchObject({ passed: 2, failed: 0 });
    await trial.end();
  });

  it.each([
    ["in the same process", false],
    ["after a kill and a restart", true],
  ])("ends the suite with every process of its own on a cancel %s", async (_, killed) => {
    writeFileSync(`${yard.tally}.ms`, "100000");
    const trial = await browsing();
    if (killed) {
      await trial.kill();
      await trial.start();
    }
    expect(livingJobs(yard.tally).length).toBeGreaterThan(3);
    await trial.say(`cancel ${trial.journal.runs().at(-1)?.id}`);
    await trial.untilEnded();
    expect(await trial.audit({ state: "cancelled" })).toEqual([]);
    expect(livingJobs(yard.tally)).toEqual([]);
    expect(trial.tally()).not.toHaveProperty("end browsing");
    await trial.end();
    rmSync(`${yard.tally}.ms`);
  });
});
