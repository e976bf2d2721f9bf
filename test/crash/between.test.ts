import { afterAll, beforeAll, expect, it } from "vitest";
import { faults } from "../../sandbox/client.ts";
import { awsCalls, resetCloud } from "./support/cloud.ts";
import { Trial } from "./support/trial.ts";
import { openYard, type Yard } from "./support/yard.ts";

const LAUNCH = "launch stg1 --tests none";
let yard: Yard;

beforeAll(async () => {
  yard = await openYard();
}, 60_000);
afterAll(async () => await yard.close());

it("a bot killed while AWS has not answered is right, whether the call took effect or not", async () => {
  const actions = await changingActions();
  expect(actions).toEqual(
    expect.arrayContaining([
      "ec2:RunInstances",
      "ec2:AuthorizeSecurityGroupIngress",
      "elasticloadbalancing:RegisterTargets",
      "elasticloadbalancing:DeregisterTargets",
      "ec2:RevokeSecurityGroupIngress",
      "ec2:TerminateInstances",
    ]),
  );
  const trial = new Trial(yard, "between");
  await trial.start();
  const wrong: string[] = [];
  for (const mode of ["hang-after", "hang-before"]) {
    for (const action of actions) {
      const found = await killedInside(trial, mode, action);
      wrong.push(...found.map((fault) => `${mode} ${action}: ${fault}`));
    }
  }
  await trial.end();
  expect(wrong).toEqual([]);
}, 600_000);

/** The actions of a whole launch that change something. */
async function changingActions(): Promise<string[]> {
  const trial = new Trial(yard, "actions");
  await trial.start();
  trial.begin();
  await trial.say(LAUNCH);
  await trial.untilEnded();
  await trial.end();
  const actions = (await awsCalls(yard, trial.since)).map(({ action }) => action);
  return [...new Set(actions)].filter((action) => !/:(Describe|Get|List|Head)/.test(action));
}

async function killedInside(trial: Trial, mode: string, action: string): Promise<string[]> {
  trial.begin();
  await faults(yard.json, [{ action, mode, times: 1 }]);
  await trial.say(LAUNCH);
  await trial.until(`hanging in ${action}`, async () =>
    (await awsCalls(yard, trial.since)).some(({ fault }) => fault === mode),
  );
  await trial.kill();
  await faults(yard.json, []);
  await trial.start();
  await trial.untilEnded();
  const wrong = await trial.audit();
  if (wrong.length > 0) await resetCloud(yard);
  return wrong;
}
