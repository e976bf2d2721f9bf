import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { leftInCloud } from "../crash/support/cloud.ts";
import type { Patch } from "../crash/support/versions.ts";
import { ask, instanceOn, runOf, slotOf, untilSlot } from "./support/scene.ts";
import { Stand } from "./support/stand.ts";

/** The bot that takes a cancel whenever a run has not ended. */
const CREDULOUS: Patch = {
  file: "src/engine/engine.ts",
  find: "if (run.outcome !== null)",
  replace: "if (run.uuid === null)",
};
/** The port stays open until AWS answers again: the cleanup goes on as long. */
const NOT_CLOSED = [
  { action: "ec2:RevokeSecurityGroupIngress", mode: "error-before", code: "InternalError", rate: 1 },
];
let stand: Stand;

beforeAll(async () => {
  stand = await Stand.open();
}, 120_000);
afterEach(() => stand.control("faults", []));
afterAll(() => stand.close(), 60_000);

/** A launch whose work is done, and whose cleanup does not come to an end; what its cancel was answered. */
async function cancelledLate(): Promise<{ id: number; answer: string }> {
  await stand.control("faults", NOT_CLOSED);
  const { id } = await stand.begin("launch stg3 --tests none --keep 1h");
  await stand.trial.until("cleaning up", () => stand.trial.journal.run(id)?.outcome_json != null);
  const answer = await ask(stand, `cancel ${id}`);
  await stand.control("faults", []);
  await stand.ended(id);
  return { id, answer };
}

describe("a cancel during a run's cleanup", () => {
  it("is refused with what is kept and what ends it; nothing is said that does not come about", async () => {
    const { id, answer } = await cancelledLate();
    expect(answer).toContain("run_cleaning_up");
    expect(answer).toMatch(/has done its work \(succeeded\); only its cleanup goes on/);
    expect(answer).toMatch(/The environment on \*stg3\* is kept for (1h|59m\d*s?) from the run's end/);
    expect(answer).toContain("`/stg terminate stg3`");
    expect(await runOf(stand, id)).toMatchObject({ state: "succeeded" });
    expect(await instanceOn(stand, "stg3")).toMatch(/^i-/);
    const ending = await stand.begin("terminate stg3");
    expect((await stand.ended(ending.id)).state).toBe("succeeded");
    await untilSlot(stand, "stg3", "free");
    expect(await leftInCloud(stand.yard)).toEqual([]);
  }, 90_000);

  it("control: a bot that takes it says that the run stops and cleans up, and keeps the environment", async () => {
    await stand.renew([CREDULOUS]);
    const { answer } = await cancelledLate();
    expect(answer).toContain("it stops and cleans up");
    expect(await slotOf(stand, "stg3")).toMatchObject({ state: "held" });
  }, 90_000);
});
