import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { launchedSince } from "../crash/support/cloud.ts";
import { Stand } from "./support/stand.ts";

const LAUNCH = "launch stg1 --tests none";
/** AWS launches, and its answer is lost; for a while nobody is shown what it has launched. */
const LOST = { action: "ec2:RunInstances", mode: "error-after" };
const SHOWN_AFTER_MS = 3_000;
/** Shorter than in truth, and still longer than what was launched stays unseen. */
const LOOKS_FOR = {
  file: "src/cloud/absence.ts",
  find: "ABSENT_AFTER_REFUSAL_MS = 30_000",
  replace: "ABSENT_AFTER_REFUSAL_MS = 6_000",
};
let stand: Stand;

beforeAll(async () => {
  stand = await Stand.open();
  await stand.renew([LOOKS_FOR]);
}, 120_000);
afterEach(async () => {
  await stand.control("faults", []);
  await stand.control("config", { delays: { consistency: 0, latency: 0 } });
});
afterAll(() => stand.close(), 60_000);

function refused(code: string) {
  return { action: "ec2:RunInstances", mode: "error-before", code, rate: 1 };
}

async function launch(faults: readonly object[]) {
  stand.trial.begin();
  await stand.control("config", { delays: { consistency: SHOWN_AFTER_MS } });
  await stand.control("faults", faults);
  return await stand.ended((await stand.begin(LAUNCH)).id);
}

it("no room for the request sent again: what the first call launched is used, and no second one", async () => {
  const { state } = await launch([LOST, refused("InsufficientInstanceCapacity")]);
  expect(state).toBe("succeeded");
  expect(await launchedSince(stand.yard, stand.trial.since)).toHaveLength(1);
  expect(await stand.trial.audit()).toEqual([]);
}, 120_000);

it("no room, and the first call has launched nothing: the next candidate, after a look", async () => {
  const unanswered = { action: "ec2:RunInstances", mode: "error-before" };
  const noRoom = { ...refused("InsufficientInstanceCapacity"), rate: undefined };
  const { state } = await launch([unanswered, noRoom]);
  expect(state).toBe("succeeded");
  expect(await launchedSince(stand.yard, stand.trial.since)).toHaveLength(1);
}, 120_000);

it.each(["InvalidAMIID.NotFound", "IdempotentParameterMismatch", "InvalidParameterValue"])(
  "%s for the request sent again: what the first call launched is terminated once it is shown",
  async (code) => {
    const { state } = await launch([LOST, refused(code)]);
    expect(state).toBe("failed");
    // What is left shows itself only now.
    await stand.control("config", { delays: { consistency: 0 } });
    expect(await stand.trial.audit({ state: "failed" })).toEqual([]);
    expect(await launchedSince(stand.yard, stand.trial.since)).toMatchObject([
      { terminated: expect.any(String) },
    ]);
  },
  120_000,
);
