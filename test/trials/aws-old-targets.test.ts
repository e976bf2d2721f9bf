import { RunInstancesCommand } from "@aws-sdk/client-ec2";
import {
  ElasticLoadBalancingV2Client,
  RegisterTargetsCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { cloudState } from "../../sandbox/client.ts";
import { IMAGE, SLOTS, type SlotPlan, SUBNETS, TARGET_PORT } from "../../sandbox/supervisor/plan.ts";
import { ec2Client } from "./support/aws.ts";
import { Stand } from "./support/stand.ts";

const ACTIONS = ["DescribeTargetHealth", "DeregisterTargets", "RegisterTargets"] as const;
const MODES = [
  { mode: "error-after" },
  { mode: "garbage" },
  { mode: "error-before", code: "AccessDenied" },
] as const;
/** With one target group each: `replace` and `overlap`. */
const PLANS = SLOTS.filter(({ name }) => name === "stg1" || name === "stg2");
let stand: Stand;
let balancing: ElasticLoadBalancingV2Client;
/** What stood behind the slots before. */
let old: string;

beforeAll(async () => {
  stand = await Stand.open();
  const { endpoint, region, accessKeyId, secretAccessKey } = stand.yard.json.aws;
  balancing = new ElasticLoadBalancingV2Client({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
  });
  const ec2 = ec2Client(stand.yard.json);
  const launch = { ImageId: IMAGE, InstanceType: "t3.large", SubnetId: SUBNETS[0].id } as const;
  const answer = await ec2.send(new RunInstancesCommand({ ...launch, MinCount: 1, MaxCount: 1 }));
  old = z.string().parse(answer.Instances?.[0]?.InstanceId);
  ec2.destroy();
  await stand.trial.until("running", async () => {
    const { instances } = z
      .object({ instances: z.array(z.object({ state: z.string() })) })
      .parse(await cloudState(stand.yard.json));
    return instances[0]?.state === "running";
  });
}, 120_000);
afterAll(async () => {
  balancing.destroy();
  await stand.close();
}, 60_000);

const targetsForm = z.object({
  targets: z.array(z.object({ targetGroup: z.string(), id: z.string(), port: z.number() })),
});

/** What is registered in the slot's target group. */
async function registered({ targetGroups }: SlotPlan): Promise<string[]> {
  const { targets } = targetsForm.parse(await cloudState(stand.yard.json));
  return targets
    .filter(({ targetGroup }) => targetGroup === targetGroups[0]?.arn)
    .map(({ id, port }) => `${id}:${port}`);
}

async function putOldIn({ targetGroups }: SlotPlan): Promise<void> {
  const Targets = [{ Id: old, Port: TARGET_PORT }];
  await balancing.send(new RegisterTargetsCommand({ TargetGroupArn: targetGroups[0]?.arn, Targets }));
}

it.each(
  PLANS.flatMap((plan) =>
    ACTIONS.flatMap((name) => MODES.map((fault) => ({ plan, swap: plan.swap, name, ...fault }))),
  ),
)(
  "$swap with an old target, $name $mode: swapped, or the old one is back",
  async ({ plan, name, swap: _, ...fault }) => {
    await putOldIn(plan);
    await stand.control("faults", [{ ...fault, mode: fault.mode, action: `elasticloadbalancing:${name}` }]);
    const { outcome } = await stand.ended((await stand.begin(`launch ${plan.name} --tests none`)).id);
    await stand.control("faults", []);
    if (fault.mode === "error-before") {
      expect(outcome.fault).toMatchObject({ code: "aws_denied", message: expect.stringContaining(name) });
      expect(await registered(plan)).toEqual([`${old}:${TARGET_PORT}`]);
    } else {
      expect(outcome.fault).toBeNull();
      expect(await registered(plan)).toEqual([]);
    }
    expect(stand.trial.journal.openObligations()).toEqual([]);
    expect(stand.trial.journal.heldLeases()).toEqual([]);
  },
  60_000,
);
