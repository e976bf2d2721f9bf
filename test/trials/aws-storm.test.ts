import { afterAll, beforeAll, expect, it } from "vitest";
import { SLOTS } from "../../sandbox/supervisor/plan.ts";
import { launchedSince, leftInCloud } from "../crash/support/cloud.ts";
import { Stand } from "./support/stand.ts";

/** Rounds of a launch on every slot at once. */
const ROUNDS = 3;
let stand: Stand;

beforeAll(async () => {
  stand = await Stand.open();
}, 120_000);
afterAll(() => stand.close(), 60_000);

it("launches side by side while a quarter of all answers is wrong: each ends, with one instance, and leaves nothing", async () => {
  const since = Date.now();
  await stand.control("faults", [
    { action: "*", mode: "error-after", rate: 0.08 },
    { action: "*", mode: "garbage", rate: 0.08 },
    { action: "*", mode: "throttle", rate: 0.08 },
    { action: "*", mode: "error-before", rate: 0.05 },
  ]);
  const ends: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const runs = [];
    for (const { name } of SLOTS) runs.push(await stand.begin(`launch ${name} --tests none`));
    for (const { id } of runs) {
      const { state, outcome } = await stand.ended(id, 150_000);
      ends.push(outcome.fault ? `${state} ${outcome.fault.code}` : state);
      const tokens = new Set(
        (await stand.calls(since, "ec2:RunInstances")).map(
          ({ parameters }) => (parameters as { ClientToken: string }).ClientToken,
        ),
      );
      expect((await launchedSince(stand.yard, since)).length).toBeLessThanOrEqual(tokens.size);
    }
  }
  const faults = (await stand.calls(since)).filter(({ fault }) => fault !== undefined);
  console.log(`${ends.length} launches, ${faults.length} wrong answers: ${ends.join(", ")}`);
  expect(faults.length).toBeGreaterThan(ends.length);
  // None may fail without a name; most get through.
  expect(ends.filter((end) => !/^succeeded$|^failed aws_/.test(end))).toEqual([]);
  expect(ends.filter((end) => end === "succeeded").length).toBeGreaterThan(ends.length / 2);
  expect(await leftInCloud(stand.yard)).toEqual([]);
  expect(stand.trial.journal.openObligations()).toEqual([]);
  expect(stand.trial.journal.heldLeases()).toEqual([]);
}, 400_000);
