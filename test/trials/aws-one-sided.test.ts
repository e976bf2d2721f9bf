import { RunInstancesCommand, StopInstancesCommand } from "@aws-sdk/client-ec2";
import {
  ElasticLoadBalancingV2Client,
  RegisterTargetsCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { cloudState } from "../../sandbox/client.ts";
import { IMAGE, SLOTS, SUBNETS, TARGET_PORT } from "../../sandbox/supervisor/plan.ts";
import { launchedSince } from "../crash/support/cloud.ts";
import { ec2Client } from "./support/aws.ts";
import { Stand } from "./support/stand.ts";

/** What stands behind the load balancer cannot be put back as it was: the machine must not live on for it. */
const SWITCHED = "stg3";
let stand: Stand;

beforeAll(async () => {
  stand = await Stand.open();
}, 120_000);
afterEach(async () => {
  await stand.control("faults", []);
  await stand.control("config", { delays: { firstHealthCheck: 100 } });
});
afterAll(() => stand.close(), 60_000);

/** A launch that waits for its new target's health, with what it has to put back on its mind. */
async function untilSwapped(slot: string): Promise<number> {
  stand.trial.begin();
  await stand.control("config", { delays: { firstHealthCheck: 600_000 } });
  const { id } = await stand.begin(`launch ${slot} --tests none`);
  await stand.untilStep(id, /sees it healthy$/);
  return id;
}

function always(mode: object, ...actions: string[]) {
  return actions.map((name) => ({ action: `elasticloadbalancing:${name}`, rate: 1, ...mode }));
}

/** Somebody's instance in the slot's target group. */
async function putOldIn(slot: string): Promise<string> {
  const ec2 = ec2Client(stand.yard.json);
  const launch = { ImageId: IMAGE, InstanceType: "t3.large", SubnetId: SUBNETS[0].id } as const;
  const { Instances } = await ec2.send(new RunInstancesCommand({ ...launch, MinCount: 1, MaxCount: 1 }));
  ec2.destroy();
  const old = z.string().parse(Instances?.[0]?.InstanceId);
  const states = z.object({ instances: z.array(z.object({ id: z.string(), state: z.string() })) });
  await stand.trial.until("running", async () =>
    states
      .parse(await cloudState(stand.yard.json))
      .instances.some(({ id, state }) => id === old && state === "running"),
  );
  const { endpoint, region, accessKeyId, secretAccessKey } = stand.yard.json.aws;
  const credentials = { accessKeyId, secretAccessKey };
  const balancing = new ElasticLoadBalancingV2Client({ endpoint, region, credentials });
  const TargetGroupArn = SLOTS.find(({ name }) => name === slot)?.targetGroups[0]?.arn;
  await balancing.send(
    new RegisterTargetsCommand({ TargetGroupArn, Targets: [{ Id: old, Port: TARGET_PORT }] }),
  );
  balancing.destroy();
  return old;
}

async function expectUndone(runId: number): Promise<void> {
  expect(await stand.ended(runId)).toMatchObject({ state: "cancelled" });
  expect(stand.trial.journal.openObligations()).toEqual([]);
  expect(stand.trial.journal.heldLeases()).toEqual([]);
}

it("a listener rule that somebody deletes during the swap: nothing to turn back, the rest is undone", async () => {
  const id = await untilSwapped(SWITCHED);
  await stand.control("faults", always({ mode: "notfound" }, "DescribeRules", "ModifyRule"));
  await stand.say(`cancel ${id}`);
  await expectUndone(id);
  expect(await launchedSince(stand.yard, stand.trial.since)).toMatchObject([
    { terminated: expect.any(String) },
  ]);
}, 60_000);

it("a target group that somebody deletes with old targets outside: nowhere to come back to, the rest is undone", async () => {
  await putOldIn("stg1");
  const id = await untilSwapped("stg1");
  const gone = always({ mode: "notfound" }, "RegisterTargets", "DeregisterTargets", "DescribeTargetHealth");
  await stand.control("faults", gone);
  await stand.say(`cancel ${id}`);
  await expectUndone(id);
}, 60_000);

it("an old target that somebody stops meanwhile cannot come back; the rest is undone", async () => {
  const old = await putOldIn("stg2");
  // `overlap`: the old target goes out when the new one is healthy, and that is where it is held up.
  stand.trial.begin();
  await stand.control("faults", [{ action: "elasticloadbalancing:DeregisterTargets", mode: "hang-after" }]);
  const { id } = await stand.begin("launch stg2 --tests none");
  await stand.untilStep(id, /Take the old targets out$/);
  const ec2 = ec2Client(stand.yard.json);
  await ec2.send(new StopInstancesCommand({ InstanceIds: [old] }));
  ec2.destroy();
  await stand.say(`cancel ${id}`);
  await expectUndone(id);
}, 60_000);

it("a listener rule that may not be changed any more: the slot waits for it, the machine does not", async () => {
  const id = await untilSwapped(SWITCHED);
  await stand.control("faults", always({ mode: "error-before", code: "AccessDenied" }, "ModifyRule"));
  await stand.say(`cancel ${id}`);
  await stand.trial.until("terminated", async () => {
    const [launched] = await launchedSince(stand.yard, stand.trial.since);
    return launched !== undefined && launched.terminated !== null;
  });
  expect(stand.trial.journal.openObligations().map(({ kind }) => kind)).toContain("listener-rule");
  expect(stand.trial.journal.heldLeases()).toHaveLength(1);
  await stand.control("faults", []);
  await expectUndone(id);
}, 60_000);
