import { afterAll, beforeAll, expect, it } from "vitest";
import {
  callSites,
  type FaultCase,
  isExpectedToFail,
  MODES,
  playAllFaults,
  table,
} from "./support/fault-matrix.ts";
import { Stand } from "./support/stand.ts";

/** A hanging call costs its time limit of 20 s and no processor: many at once. */
const STANDS = 8;
/** Three ways to swap: `replace`, `overlap`, `switch`. */
const SLOTS = ["stg1", "stg2", "stg3"] as const;
let stands: Stand[] = [];

beforeAll(async () => {
  stands = await Promise.all(Array.from({ length: STANDS }, () => Stand.open()));
}, 180_000);
afterAll(async () => {
  await Promise.all(stands.map((stand) => stand.close()));
}, 60_000);

async function traced(stand: Stand, slot: string) {
  const since = Date.now();
  stand.trial.begin();
  const run = await stand.begin(`launch ${slot} --tests none`);
  expect((await stand.ended(run.id)).state).toBe("succeeded");
  return await stand.calls(since);
}

it("every fault on every action of a launch: healed, or told by name; nothing is left", {
  timeout: 900_000,
}, async () => {
  const traces = await Promise.all(
    SLOTS.map(async (slot, index) => callSites(slot, await traced(stands[index] as Stand, slot))),
  );
  // What does not depend on the way to swap is tried once.
  const sites = traces.flatMap((trace, index) =>
    trace.filter(({ action }) => index === 0 || action.startsWith("elasticloadbalancing:")),
  );
  // A regular expression for those who look into a few cases.
  const only = process.env.TRIAL_ONLY;
  const cases: FaultCase[] = sites
    .flatMap((site) => MODES.map((mode) => ({ ...site, mode })))
    .filter((one) => only === undefined || new RegExp(only).test(JSON.stringify(Object.values(one))));
  const began = Date.now();
  const results = await playAllFaults(stands, cases);
  console.log(`${cases.length} faults in ${Math.round((Date.now() - began) / 1000)} s\n${table(results)}`);
  expect(results.filter(({ wrong }) => wrong.length > 0)).toEqual([]);
  expect(results.filter(({ case: one }) => isExpectedToFail(one)).length).toBeGreaterThan(0);
});
