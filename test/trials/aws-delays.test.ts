import { DescribeInstancesCommand, RunInstancesCommand } from "@aws-sdk/client-ec2";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { SLOTS } from "../../sandbox/supervisor/plan.ts";
import { launchedSince, leftInCloud } from "../crash/support/cloud.ts";
import { ec2Client } from "./support/aws.ts";
import { Stand } from "./support/stand.ts";

let stand: Stand;

beforeAll(async () => {
  stand = await Stand.open();
}, 120_000);
afterEach(async () => {
  await stand.control("config", { delays: { consistency: 0, staleRead: 0 }, throttling: false });
});
afterAll(() => stand.close(), 60_000);

it("an AWS that shows everything 5 s late: launched once, undone whole", async () => {
  await stand.control("config", { delays: { consistency: 5_000, staleRead: 5_000 } });
  stand.trial.begin();
  const { state, reason } = await stand.ended((await stand.begin("launch stg1 --tests none")).id);
  expect(`${state} ${reason ?? ""}`.trim()).toBe("succeeded");
  expect(await stand.trial.audit()).toEqual([]);
}, 120_000);

it("cancelled before such an AWS shows the instance: it is terminated all the same", async () => {
  await stand.control("config", { delays: { consistency: 5_000, staleRead: 5_000 } });
  stand.trial.begin();
  const { id } = await stand.begin("launch stg1 --tests none");
  await stand.untilStep(id, /Instance runs$/);
  await stand.say(`cancel ${id}`);
  expect((await stand.ended(id)).state).toBe("cancelled");
  expect(await stand.trial.audit({ state: "cancelled" })).toEqual([]);
}, 120_000);

it("four launches at once with AWS's request rates on, beside somebody's busy script: right", async () => {
  const client = ec2Client(stand.yard.json);
  await stand.control("config", { throttling: true });
  const since = Date.now();
  let hammering = true;
  // Somebody else's script takes each new token as it comes.
  const hammer = async () => {
    while (hammering) {
      await Promise.allSettled([
        ...Array.from({ length: 12 }, () => client.send(new DescribeInstancesCommand({}))),
        ...Array.from({ length: 2 }, () =>
          client.send(new RunInstancesCommand({ DryRun: true, MinCount: 1, MaxCount: 1, ImageId: "ami-0" })),
        ),
      ]);
    }
  };
  const busy = hammer();
  try {
    const runs = [];
    for (const { name } of SLOTS) runs.push(await stand.begin(`launch ${name} --tests none`));
    const ended = await Promise.all(runs.map(({ id }) => stand.ended(id, 170_000)));
    expect(ended.map(({ state, reason }) => `${state} ${reason ?? ""}`.trim())).toEqual(
      SLOTS.map(() => "succeeded"),
    );
  } finally {
    hammering = false;
    await busy;
    client.destroy();
  }
  expect(await launchedSince(stand.yard, since)).toHaveLength(SLOTS.length);
  expect(await leftInCloud(stand.yard)).toEqual([]);
  expect(stand.trial.journal.openObligations()).toEqual([]);
  expect(stand.trial.journal.heldLeases()).toEqual([]);
}, 240_000);
