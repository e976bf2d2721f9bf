import {
  AuthorizeSecurityGroupIngressCommand,
  type EC2Client,
  RunInstancesCommand,
} from "@aws-sdk/client-ec2";
import pino from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { z } from "zod";
import { cloudState } from "../../sandbox/client.ts";
import { IMAGE, REGION, SLOTS, SUBNETS } from "../../sandbox/supervisor/plan.ts";
import { type Cloud, createCloud, ownerTags } from "../../src/cloud/index.ts";
import { Sweeper } from "../../src/pipelines/sweep.ts";
import { resetCloud } from "../crash/support/cloud.ts";
import { openYard, type Yard } from "../crash/support/yard.ts";
import { loaded, SteppingClock } from "../support/bot.ts";
import { TestEngine } from "../support/engine.ts";
import { ec2Client } from "./support/aws.ts";

/** The installation of the configuration that the sweeper has here. */
const OURS = "test";
const OLD_ENOUGH_MS = 16 * 60_000;
const GROUP = SLOTS[0]?.securityGroup ?? "";
let yard: Yard;
let engine: TestEngine;
let cloud: Cloud;
let client: EC2Client;
let clock: SteppingClock;
let sweeper: Sweeper;
let told: string[];

beforeAll(async () => {
  yard = await openYard();
  engine = await TestEngine.open({ pipelines: [] });
  client = ec2Client(yard.json);
  for (const name of ["AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
    process.env[name] = yard.environment[name];
}, 60_000);
beforeEach(() => {
  cloud = createCloud();
  clock = new SteppingClock();
  told = [];
  sweeper = new Sweeper({
    cloud,
    engine: engine.engine,
    config: () => loaded().config,
    clock,
    log: pino({ level: "warn" }, { write: (line: string) => void told.push(line) }),
  });
});
afterEach(async () => {
  await sweeper.stop();
  cloud.close();
  await resetCloud(yard);
});
afterAll(async () => {
  client.destroy();
  await engine.close();
  await yard.close();
}, 60_000);

function tagsOf(installation: string) {
  const tags = ownerTags({ installation, run: "0b5e2b6e-lost", slot: "stg1", generation: 1 });
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

async function launch(tags: { Key: string; Value: string }[]): Promise<string> {
  const answer = await client.send(
    new RunInstancesCommand({
      ImageId: IMAGE,
      InstanceType: "t3.large",
      SubnetId: SUBNETS[0].id,
      SecurityGroupIds: [GROUP],
      MinCount: 1,
      MaxCount: 1,
      ...(tags.length > 0 && { TagSpecifications: [{ ResourceType: "instance", Tags: tags }] }),
    }),
  );
  return z.string().parse(answer.Instances?.[0]?.InstanceId);
}

async function open(port: number, tags: { Key: string; Value: string }[]): Promise<string> {
  const answer = await client.send(
    new AuthorizeSecurityGroupIngressCommand({
      GroupId: GROUP,
      IpPermissions: [
        { IpProtocol: "tcp", FromPort: port, ToPort: port, IpRanges: [{ CidrIp: "127.0.0.9/32" }] },
      ],
      ...(tags.length > 0 && { TagSpecifications: [{ ResourceType: "security-group-rule", Tags: tags }] }),
    }),
  );
  return z.string().parse(answer.SecurityGroupRules?.[0]?.SecurityGroupRuleId);
}

/** Ids of what lives. */
async function living(what: "instances" | "rules"): Promise<string[]> {
  const form = z.object({ [what]: z.array(z.looseObject({ id: z.string(), state: z.string().optional() })) });
  const seen = form.parse(await cloudState(yard.json))[what] ?? [];
  return seen.filter(({ state }) => state !== "shutting-down").map(({ id }) => id);
}

it("an instance of ours that no run owes is terminated, and told of; others' are left alone", async () => {
  const orphan = await launch(tagsOf(OURS));
  const others = [await launch(tagsOf("another")), await launch([])];
  clock.ahead = OLD_ENOUGH_MS;
  expect(await sweeper.sweep(REGION)).toEqual({ instances: [orphan], rules: [] });
  expect((await living("instances")).sort()).toEqual(others.sort());
  expect(told.join()).toContain(orphan);
});

it("a young one is left alone: a launch under way may be about to owe it", async () => {
  const young = await launch(tagsOf(OURS));
  clock.ahead = 10 * 60_000;
  expect(await sweeper.sweep(REGION)).toEqual({ instances: [], rules: [] });
  expect(await living("instances")).toEqual([young]);
});

it("a rule of ours that no run owes is closed once it has been seen for long; others' are left alone", async () => {
  const stray = await open(2201, tagsOf(OURS));
  const others = [await open(2202, tagsOf("another")), await open(2203, [])];
  expect(await sweeper.sweep(REGION)).toEqual({ instances: [], rules: [] });
  clock.ahead = OLD_ENOUGH_MS;
  expect(await sweeper.sweep(REGION)).toEqual({ instances: [], rules: [stray] });
  expect((await living("rules")).sort()).toEqual(others.sort());
});
