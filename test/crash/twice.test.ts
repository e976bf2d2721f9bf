import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { resetCloud } from "./support/cloud.ts";
import { bothSides } from "./support/series.ts";
import { Trial } from "./support/trial.ts";
import { openYards, type Yard } from "./support/yard.ts";

const LAUNCH = "launch stg1 --tests none";
let yards: Yard[] = [];
let trials = 0;

beforeAll(async () => {
  yards = await openYards();
}, 60_000);
afterAll(async () => {
  await Promise.all(yards.map((yard) => yard.close()));
});

describe("a bot killed once more while it recovers", { timeout: 900_000 }, () => {
  it("at any write of its cleanup, leaves nothing", async () => {
    const first = "after 1 run outcome";
    const points = await recoveryPoints(first);
    expect(points.length).toBeGreaterThan(8);
    await expectRight(first, bothSides(points));
  });

  it("on the way of a run that had launched without knowing, leaves nothing and launches once", async () => {
    const first = "before 1 obligation instance created";
    const points = await recoveryPoints(first);
    expect(points.length).toBeGreaterThan(30);
    await expectRight(first, bothSides(points.filter((_, index) => index % 5 === 0)));
  });
});

async function expectRight(first: string, seconds: readonly string[]): Promise<void> {
  const queue = [...seconds];
  const wrong: string[] = [];
  const missed: string[] = [];
  const worker = async (yard: Yard) => {
    let trial = await newTrial(yard);
    for (let second = queue.shift(); second !== undefined; second = queue.shift()) {
      const { twice, faults } = await killedTwice(trial, first, second);
      if (!twice) missed.push(second);
      wrong.push(...faults.map((fault) => `${second}: ${fault}`));
      if (faults.length === 0) continue;
      await trial.end();
      await resetCloud(yard);
      trial = await newTrial(yard);
    }
    await trial.end();
  };
  await Promise.all(yards.map(worker));
  console.log(`Killed ${first}, then at ${seconds.length - missed.length} points of the recovery`);
  expect(wrong).toEqual([]);
  // Details of waiting (how often a look was noted) may differ from one recovery to the next.
  expect(missed.length).toBeLessThan(seconds.length / 5);
}

async function newTrial(yard: Yard): Promise<Trial> {
  const trial = new Trial(yard, `twice-${++trials}`);
  await trial.start();
  return trial;
}

async function killedAt(trial: Trial, first: string): Promise<void> {
  trial.begin();
  trial.arm(first);
  await trial.say(LAUNCH);
  expect(await trial.untilKilled()).toBeDefined();
}

/** The journal writes of a recovery, from its start to the run's end. */
async function recoveryPoints(first: string): Promise<string[]> {
  const [yard] = yards as [Yard];
  const trial = await newTrial(yard);
  await killedAt(trial, first);
  const file = join(trial.folder, "recovery");
  await trial.start({ trace: file });
  await trial.untilEnded();
  await trial.end();
  return readFileSync(file, "utf8").trim().split("\n");
}

async function killedTwice(
  trial: Trial,
  first: string,
  second: string,
): Promise<{ twice: boolean; faults: string[] }> {
  await killedAt(trial, first);
  await trial.start({ killAt: second });
  const twice = (await trial.untilKilled()) !== undefined;
  if (twice) await trial.start();
  await trial.untilEnded();
  return { twice, faults: await trial.audit() };
}
