import {
  AuthorizeSecurityGroupIngressCommand,
  DescribeSecurityGroupRulesCommand,
  type EC2Client,
  RevokeSecurityGroupIngressCommand,
} from "@aws-sdk/client-ec2";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { SLOTS, SSH_PORT } from "../../sandbox/supervisor/plan.ts";
import { leftInCloud } from "../crash/support/cloud.ts";
import { ec2Client } from "./support/aws.ts";
import { Barrier } from "./support/barrier.ts";
import { instanceOn } from "./support/scene.ts";
import { Stand } from "./support/stand.ts";

/** stg1 and stg2 share it. */
const GROUP = SLOTS[0]?.securityGroup ?? "";
const REVOKE = "ec2:RevokeSecurityGroupIngress";
const AUTHORIZE = "ec2:AuthorizeSecurityGroupIngress";
const BARRIER = /\/Barrier$/;
const barrier = new Barrier();
let stand: Stand;
let ec2: EC2Client;

beforeAll(async () => {
  stand = await Stand.open({ config: (config) => ({ ...config, serviceUpdate: barrier.serviceUpdate() }) });
  ec2 = ec2Client(stand.yard.json);
}, 120_000);
afterEach(() => {
  for (const { name } of SLOTS) barrier.letGo(name);
});
afterAll(async () => {
  ec2.destroy();
  await stand.close();
  barrier.remove();
}, 60_000);

/** Begins a launch and waits until it stands at the barrier. */
async function held(slot: string): Promise<number> {
  barrier.hold(slot);
  const { id } = await stand.begin(`launch ${slot} --tests none`);
  await stand.untilStep(id, BARRIER);
  return id;
}

async function endsWell(id: number, slot: string): Promise<void> {
  barrier.letGo(slot);
  const { state, reason } = await stand.ended(id);
  expect(`${state} ${reason ?? ""}`.trim()).toBe("succeeded");
}

/** Cuts the connections to a slot's instance: the bot needs a new one. */
async function cut(slot: string): Promise<void> {
  await stand.control("instance", { id: await instanceOn(stand, slot), change: "drop-connections" });
}

async function sshRules() {
  const filters = [{ Name: "group-id", Values: [GROUP] }];
  const answer = await ec2.send(new DescribeSecurityGroupRulesCommand({ Filters: filters }));
  return (answer.SecurityGroupRules ?? []).filter(
    ({ IsEgress, FromPort }) => !IsEgress && FromPort === SSH_PORT,
  );
}

async function revokeByHand(): Promise<void> {
  const ids = (await sshRules()).map(({ SecurityGroupRuleId }) => SecurityGroupRuleId ?? "");
  expect(ids).toHaveLength(1);
  await ec2.send(new RevokeSecurityGroupIngressCommand({ GroupId: GROUP, SecurityGroupRuleIds: ids }));
}

it("of two runs that share a group the first to end leaves the port open, the last closes it", async () => {
  const since = Date.now();
  const first = await held("stg1");
  const second = await held("stg2");
  await endsWell(first, "stg1");
  expect(await stand.calls(since, REVOKE)).toEqual([]);
  expect(await sshRules()).toHaveLength(1);
  // A connection that is there would live on without the rule: it takes a new one to see that it still stands.
  await cut("stg2");
  await endsWell(second, "stg2");
  expect(await stand.calls(since, REVOKE)).toHaveLength(1);
  expect(await leftInCloud(stand.yard)).toEqual([]);
}, 60_000);

it("a rule that a person made is used and left alone", async () => {
  const since = Date.now();
  const byHand = await ec2.send(
    new AuthorizeSecurityGroupIngressCommand({
      GroupId: GROUP,
      IpPermissions: [
        {
          IpProtocol: "tcp",
          FromPort: SSH_PORT,
          ToPort: SSH_PORT,
          IpRanges: [{ CidrIp: "127.0.0.1/32", Description: "Ann's" }],
        },
      ],
    }),
  );
  const ruleId = byHand.SecurityGroupRules?.[0]?.SecurityGroupRuleId;
  await endsWell((await stand.begin("launch stg1 --tests none")).id, "stg1");
  expect((await sshRules()).map((rule) => rule.SecurityGroupRuleId)).toEqual([ruleId]);
  expect(await stand.calls(since, REVOKE)).toEqual([]);
  await revokeByHand();
  expect(await leftInCloud(stand.yard)).toEqual([]);
}, 60_000);

it("a rule that a person removed in the middle is opened again when it is needed, and closed at the end", async () => {
  const since = Date.now();
  const id = await held("stg1");
  await revokeByHand();
  await cut("stg1");
  await stand.trial.until("opened again", async () => (await stand.calls(since, AUTHORIZE)).length === 2);
  await endsWell(id, "stg1");
  expect(await leftInCloud(stand.yard)).toEqual([]);
}, 60_000);

it("a rule that a person removed before the instance answered is opened again", async () => {
  await stand.control("config", { machines: { sshAfterMs: 6_000 } });
  const { id } = await stand.begin("launch stg1 --tests none");
  await stand.untilStep(id, /SSH answers$/);
  await revokeByHand();
  await endsWell(id, "stg1");
  await stand.control("config", { machines: {} });
  expect(await leftInCloud(stand.yard)).toEqual([]);
}, 60_000);

it("opened again by one run, the rule is closed by the other that shares it and ends last", async () => {
  const since = Date.now();
  const first = await held("stg1");
  const second = await held("stg2");
  await revokeByHand();
  await cut("stg2");
  await stand.trial.until("opened again", async () => (await stand.calls(since, AUTHORIZE)).length === 3);
  await endsWell(second, "stg2");
  expect(await sshRules()).toHaveLength(1);
  await endsWell(first, "stg1");
  expect(await leftInCloud(stand.yard)).toEqual([]);
}, 60_000);

it("control: a bot that closes the port behind each run is found out", async () => {
  await stand.renew([
    { file: "src/pipelines/owed/ingress.ts", find: "if (await context.isShared())", replace: "if (false)" },
  ]);
  const since = Date.now();
  const first = await held("stg1");
  await held("stg2");
  await endsWell(first, "stg1");
  expect(await stand.calls(since, REVOKE)).toHaveLength(1);
  expect(await sshRules()).toEqual([]);
}, 60_000);
