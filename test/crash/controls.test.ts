import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { launchedSince, resetCloud } from "./support/cloud.ts";
import { Trial } from "./support/trial.ts";
import { changed, type Patch } from "./support/versions.ts";
import { openYard, type Yard } from "./support/yard.ts";

/** The bot without what protects it: the suite must see each loss. */
const WITHOUT_OBLIGATIONS: Patch[] = [
  {
    file: "src/engine/discharger.ts",
    find: "kind.discharge(contextFor(",
    replace: "(async (..._: unknown[]) => {})(contextFor(",
  },
];
const WITHOUT_TOKENS: Patch[] = [
  {
    file: "src/cloud/launch-request.ts",
    find: "ClientToken: request.clientToken,",
    replace: "ClientToken: crypto.randomUUID(),",
  },
];
const WITHOUT_ADOPTION: Patch[] = [
  {
    file: "src/cloud/ec2.ts",
    find: "findByToken: (token, options = {}) =>",
    replace: "findByToken: async () => [], unusedByToken: (token, options = {}) =>",
  },
  {
    file: "src/cloud/ec2.ts",
    find: "findByTags: (owner, options = {}) =>",
    replace: "findByTags: async () => [], unusedByTags: (owner, options = {}) =>",
  },
];
const WITHOUT_JOURNAL: Patch[] = [
  {
    file: "src/engine/step.ts",
    find: 'if (known?.state === "succeeded")',
    replace: 'if (known?.state === "never")',
  },
];
const WITHOUT_JOINING: Patch[] = [
  {
    file: "src/pipelines/steps/service-update.ts",
    find: "runUuid: run.uuid,",
    replace: "runUuid: crypto.randomUUID(),",
  },
];

let yard: Yard;
let trials = 0;

beforeAll(async () => {
  yard = await openYard();
}, 60_000);
afterEach(async () => await resetCloud(yard));
afterAll(async () => await yard.close());

const LAUNCH_UNKNOWN = "before 1 obligation instance created";
const IN_A_JOB = "while a job runs on the instance";

/** What the audit finds after a kill of a bot that was changed. */
async function found(patches: readonly Patch[], at: string): Promise<{ faults: string; trial: Trial }> {
  const trial = new Trial(yard, `control-${++trials}`);
  const version = patches.length === 0 ? {} : changed(...patches);
  await trial.start(version);
  trial.begin();
  if (at !== IN_A_JOB) trial.arm(at);
  await trial.say("launch stg1 --tests none");
  if (at === IN_A_JOB) {
    await trial.until("in its long job", () => trial.tally()["begin long"] === 1);
    await trial.kill();
  } else {
    expect(await trial.untilKilled()).toBeDefined();
  }
  await trial.start(version);
  await trial.untilEnded();
  const faults = (await trial.audit()).join("\n");
  await trial.end();
  return { faults, trial };
}

describe("the suite", { timeout: 120_000 }, () => {
  it.each([LAUNCH_UNKNOWN, IN_A_JOB])("finds nothing wrong with the bot as it is, killed %s", async (at) => {
    expect(await found([], at)).toMatchObject({ faults: "" });
  });

  it("sees the leak of a bot that does not meet its obligations", async () => {
    const { faults } = await found(WITHOUT_OBLIGATIONS, "after 1 obligation target created");
    expect(faults).toContain("left in the cloud: instances:");
    expect(faults).toContain("left in the cloud: rules:");
    expect(faults).toContain("left in the cloud: targets:");
  });

  it("sees the second launch of a bot without tokens", async () => {
    const { faults } = await found(WITHOUT_TOKENS, LAUNCH_UNKNOWN);
    expect(faults).toContain("launched 2 instances");
    expect(faults).toContain("2 client tokens");
  });

  it("sees the second launch, and its leak, of a bot with neither tokens nor adoption", async () => {
    const { faults, trial } = await found([...WITHOUT_TOKENS, ...WITHOUT_ADOPTION], LAUNCH_UNKNOWN);
    expect(await launchedSince(yard, trial.since)).toHaveLength(2);
    expect(faults).toContain("launched 2 instances");
    expect(faults).toContain("left in the cloud: instances:");
  });

  it("sees finished steps done again by a bot that does not read its journal", async () => {
    const { faults } = await found(WITHOUT_JOURNAL, "after 1 step host/Service update/Long job running");
    expect(faults).toContain("was done again");
  });

  it("sees a job begun again by a bot that does not join it", async () => {
    const { faults } = await found(WITHOUT_JOINING, IN_A_JOB);
    expect(faults).toContain("2 times “begin long”");
  });
});
