import {
  AuthorizeSecurityGroupIngressCommand,
  DescribeInstancesCommand,
  EC2Client,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import {
  DescribeTargetHealthCommand,
  ElasticLoadBalancingV2Client,
  RegisterTargetsCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { expect, test } from "vitest";
import { z } from "zod";
import { startCloud } from "../../sandbox/cloud/start.ts";
import { newSshKeys } from "../../sandbox/ssh-keys.ts";
import { buildUserData } from "../../src/cloud/user-data.ts";
import { KEYS, later, login, run, until } from "./machine-kit.ts";
import { get, statusOf } from "./web-kit.ts";

type Place = Awaited<ReturnType<typeof launch>>;

const REGION = "us-east-1";
const GROUP = "sg-0d56a7433d4b2a364";
const AMI = "ami-02dff3992891505ba";
const TARGET_GROUP = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/stg1/0123456789abcde1";
const stateSchema = z.object({
  instances: z.array(z.unknown()),
  jobs: z.array(z.object({ command: z.string() })),
});

async function account() {
  const cloud = await startCloud({
    accessKeys: [{ id: "AKIATEST", secret: "test-secret" }],
    delays: { pending: 20, sshReady: 20, terminate: 20, firstHealthCheck: 20 },
    regions: [
      {
        name: REGION,
        vpcs: [{ id: "vpc-01", default: true }],
        subnets: [{ id: "subnet-022ff062fe90b23b1", vpc: "vpc-01", zone: "us-east-1a" }],
        securityGroups: [{ id: GROUP, name: "staging", vpc: "vpc-01" }],
        images: [{ id: AMI, settings: { application: { lmsStartMs: 10, collectstaticMs: 10 } } }],
        keyPairs: [{ name: "key", publicKey: KEYS.public }],
        targetGroups: [
          {
            name: "stg1",
            arn: TARGET_GROUP,
            vpc: "vpc-01",
            port: 8080,
            healthCheck: { path: "/health", intervalSeconds: 0.1, timeoutSeconds: 1 },
          },
        ],
        loadBalancers: [{ name: "stg1", default: { forward: [{ targetGroup: "stg1" }] } }],
      },
    ],
  });
  later(() => cloud.close());
  const credentials = { accessKeyId: "AKIATEST", secretAccessKey: "test-secret" };
  const options = { endpoint: cloud.endpoint, region: REGION, credentials, maxAttempts: 1 };
  const ec2 = new EC2Client(options);
  const elb = new ElasticLoadBalancingV2Client(options);
  later(() => ec2.destroy());
  later(() => elb.destroy());
  const state = async () =>
    stateSchema.parse(JSON.parse((await get(`${cloud.endpoint}/_sandbox/state`)).body));
  const post = (path: string, body: unknown) =>
    get(`${cloud.endpoint}/_sandbox/${path}`, { method: "POST", body: JSON.stringify(body) });
  return { cloud, ec2, elb, state, post };
}

async function launch(ec2: EC2Client, userData?: string) {
  const { Instances } = await ec2.send(
    new RunInstancesCommand({
      ImageId: AMI,
      MinCount: 1,
      MaxCount: 1,
      InstanceType: "t3.large",
      SubnetId: "subnet-022ff062fe90b23b1",
      SecurityGroupIds: [GROUP],
      KeyName: "key",
      ...(userData === undefined ? {} : { UserData: Buffer.from(userData).toString("base64") }),
    }),
  );
  const instanceId = Instances?.[0]?.InstanceId ?? "";
  const address = await until(
    async () => {
      const described = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }));
      const instance = described.Reservations?.[0]?.Instances?.[0];
      return instance?.State?.Name === "running" ? instance.PublicIpAddress : undefined;
    },
    (found) => found !== undefined,
  );
  return { instanceId, address: address ?? "", sshPort: 2222 };
}

test("through the AWS SDK: launch, open the firewall, log in, update, register, serve, terminate", async () => {
  const { cloud, ec2, elb, state } = await account();
  const hostKey = newSshKeys();
  const userData = buildUserData({
    hostKey: { privateKey: hostKey.private, publicKey: hostKey.public },
    deadMan: { madeAt: Date.now(), powerOffAt: Date.now() + 3_600_000 },
  });
  const machine = await launch(ec2, userData);

  await until(
    () =>
      login(machine, { readyTimeout: 200 }).then(
        () => "in",
        (e: Error) => e.message,
      ),
    (m) => /Timed out/.test(m),
  );
  await ec2.send(
    new AuthorizeSecurityGroupIngressCommand({
      GroupId: GROUP,
      IpPermissions: [
        { IpProtocol: "tcp", FromPort: 2222, ToPort: 2222, IpRanges: [{ CidrIp: "127.0.0.1/32" }] },
      ],
    }),
  );
  const { client, hostKey: shown } = await login(machine);
  expect(shown).toBe(hostKey.public.split(" ")[1]);

  const balancer = cloud.balancers.stg1 ?? "";
  expect(await statusOf(balancer)).toBe(503);
  await run(client, "setsid sleep 1000 >/dev/null 2>&1 </dev/null &");
  expect((await state()).jobs.map((job) => job.command)).toEqual(["sleep 1000"]);
  const updated = await run(
    client,
    "platform config save --ref abc && platform lms start && docker compose up -d",
  );
  expect(updated.status).toBe(0);
  await elb.send(
    new RegisterTargetsCommand({ TargetGroupArn: TARGET_GROUP, Targets: [{ Id: machine.instanceId }] }),
  );
  await until(
    async () => {
      const health = await elb.send(new DescribeTargetHealthCommand({ TargetGroupArn: TARGET_GROUP }));
      return health.TargetHealthDescriptions?.[0]?.TargetHealth?.State;
    },
    (found) => found === "healthy",
  );
  expect(JSON.parse((await get(`${balancer}/health`)).body)).toMatchObject({ version: "abc" });

  await ec2.send(new TerminateInstancesCommand({ InstanceIds: [machine.instanceId] }));
  await until(state, (seen) => seen.instances.length === 0 && seen.jobs.length === 0);
  expect(await statusOf(`http://${machine.address}:8080/`)).toBe("ECONNREFUSED");
});

test("machines misbehave as the control address says: one, or all to come", async () => {
  const { ec2, post } = await account();
  await ec2.send(
    new AuthorizeSecurityGroupIngressCommand({
      GroupId: GROUP,
      IpPermissions: [
        { IpProtocol: "tcp", FromPort: 2222, ToPort: 2222, IpRanges: [{ CidrIp: "127.0.0.1/32" }] },
      ],
    }),
  );
  const outcome = (machine: Place) =>
    login(machine).then(
      () => "in",
      (error: NodeJS.ErrnoException) => error.code ?? error.message,
    );
  const opens = async (machine: Place, as: RegExp) =>
    until(
      () => outcome(machine),
      (said) => as.test(said),
    );
  const first = await launch(ec2);
  await opens(first, /^in$/);
  expect((await post("instance", { id: first.instanceId, settings: { auth: "refuse" } })).status).toBe(200);
  await opens(first, /authentication/);
  expect((await post("config", { machines: { auth: "perhaps" } })).status).toBe(400);
  expect((await post("config", { machines: { auth: "refuse" } })).status).toBe(200);
  await opens(await launch(ec2), /authentication/);
  await post("config", { machines: {} });
  await opens(await launch(ec2), /^in$/);
});
