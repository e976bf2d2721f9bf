import {
  DescribeInstancesCommand,
  EC2Client,
  RunInstancesCommand,
  type RunInstancesRequest,
} from "@aws-sdk/client-ec2";
import { ElasticLoadBalancingV2Client } from "@aws-sdk/client-elastic-load-balancing-v2";
import { S3Client } from "@aws-sdk/client-s3";
import { STSClient } from "@aws-sdk/client-sts";
import type { ActionTables } from "../../sandbox/cloud/actions/action.ts";
import type { CloudConfigInput } from "../../sandbox/cloud/config.ts";
import type { Violation } from "../../sandbox/cloud/server/violations.ts";
import { type RunningCloud, startCloudWith } from "../../sandbox/cloud/start.ts";
import { TinyHosts } from "./tiny-hosts.ts";

export const REGION = "us-east-1";
export const KEY = { accessKeyId: "AKIASANDBOX000000001", secretAccessKey: "a-secret-of-the-sandbox" };
export const AMI = "ami-02dff3992891505ba";
export const PENDING_AMI = "ami-00000000000000001";
export const SUBNET_A = "subnet-022ff062fe90b23b1";
export const SUBNET_B = "subnet-0aa0aa0aa0aa0aa02";
export const SUBNET_OTHER_VPC = "subnet-0bb0bb0bb0bb0bb03";
export const GROUP = "sg-0d56a7433d4b2a364";
export const GROUP_OTHER_VPC = "sg-0eeeeeeeeeeeeeee1";
export const TARGET_GROUP =
  "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/stg1/0123456789abcde1";
export const BLUE =
  "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/stg3-blue/0123456789abcde3";
export const GREEN =
  "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/stg3-green/0123456789abcde4";
export const RULE =
  "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/stg3/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee";

/** A small account with everything that the tests look at; delays are as short as they can be. */
export function accountConfig(overrides: Partial<CloudConfigInput> = {}): CloudConfigInput {
  return {
    accessKeys: [{ id: KEY.accessKeyId, secret: KEY.secretAccessKey }],
    delays: { pending: 30, sshReady: 20, terminate: 40, stop: 20, firstHealthCheck: 150 },
    buckets: ["acme-e2e-results"],
    regions: [
      {
        name: REGION,
        vpcs: [{ id: "vpc-01", default: true }, { id: "vpc-02" }],
        subnets: [
          { id: SUBNET_A, vpc: "vpc-01", zone: "us-east-1a" },
          { id: SUBNET_B, vpc: "vpc-01", zone: "us-east-1b" },
          { id: SUBNET_OTHER_VPC, vpc: "vpc-02", zone: "us-east-1a" },
        ],
        securityGroups: [
          {
            id: GROUP,
            name: "staging",
            vpc: "vpc-01",
            ingress: [{ fromPort: 8080, cidr: "10.0.0.0/8", description: "office" }],
          },
          { id: GROUP_OTHER_VPC, name: "other", vpc: "vpc-02" },
        ],
        images: [
          { id: AMI, name: "platform", rootVolumeSize: 30, settings: { flavour: "plain" } },
          { id: PENDING_AMI, name: "baking", state: "pending" },
        ],
        keyPairs: [{ name: "stg1-staging-key", publicKey: "ssh-ed25519 AAAATEST tester" }],
        targetGroups: [
          targetGroup("stg1", TARGET_GROUP),
          targetGroup("stg3-blue", BLUE),
          targetGroup("stg3-green", GREEN),
        ],
        loadBalancers: [
          { name: "stg1", default: { forward: [{ targetGroup: "stg1" }] } },
          {
            name: "stg3",
            default: { fixed: { status: 404, body: "nothing here" } },
            listenerArn:
              "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/stg3/50dc6c495c0c9188/f2f7dc8efc522ab2",
            rules: [
              { arn: RULE, priority: 10, path: ["/*"], action: { forward: [{ targetGroup: "stg3-blue" }] } },
            ],
          },
        ],
        capacity: [{ type: "t3a.2xlarge", zone: "us-east-1a", available: 0 }],
      },
    ],
    ...overrides,
  };
}

function targetGroup(name: string, arn: string) {
  return {
    name,
    arn,
    vpc: "vpc-01",
    port: 8080,
    deregistrationDelaySeconds: 0.6,
    healthCheck: { path: "/health", intervalSeconds: 0.05, timeoutSeconds: 1, unhealthyThreshold: 2 },
  };
}

/** A cloud with the tests' clients, which try once: the tests want to see every answer. */
export interface Account {
  readonly cloud: RunningCloud;
  readonly hosts: TinyHosts;
  readonly ec2: EC2Client;
  readonly elb: ElasticLoadBalancingV2Client;
  readonly s3: S3Client;
  readonly sts: STSClient;
  get(path: string): Promise<unknown>;
  post(path: string, body?: unknown): Promise<unknown>;
  close(): Promise<void>;
}

export async function openAccount(
  overrides: Partial<CloudConfigInput> = {},
  actions?: ActionTables,
): Promise<Account> {
  const hosts = new TinyHosts();
  const cloud = await startCloudWith(accountConfig(overrides), hosts, actions);
  const options = clientOptions(cloud.endpoint);
  const ec2 = new EC2Client(options);
  const elb = new ElasticLoadBalancingV2Client(options);
  const s3 = new S3Client({ ...options, forcePathStyle: true });
  const sts = new STSClient(options);
  return {
    cloud,
    hosts,
    ec2,
    elb,
    s3,
    sts,
    get: async (path) => (await fetch(`${cloud.endpoint}/_sandbox/${path}`)).json(),
    post: async (path, body) =>
      (
        await fetch(`${cloud.endpoint}/_sandbox/${path}`, {
          method: "POST",
          body: JSON.stringify(body ?? null),
        })
      ).json(),
    close: async () => {
      const violations = (await readJson(`${cloud.endpoint}/_sandbox/violations`)) as Violation[];
      for (const client of [ec2, elb, s3, sts]) client.destroy();
      await cloud.close();
      const own = violations.filter(({ side }) => side === "response");
      if (own.length > 0) throw new Error(`The cloud broke the SDK's shapes: ${JSON.stringify(own)}`);
    },
  };
}

async function readJson(url: string): Promise<unknown> {
  return (await fetch(url)).json();
}

/** One instance of the plainest kind, running. */
export async function launched(
  account: Account,
  request: Partial<RunInstancesRequest> = {},
): Promise<string> {
  const answer = await account.ec2.send(new RunInstancesCommand({ ...plainLaunch(), ...request }));
  const id = answer.Instances?.[0]?.InstanceId ?? "";
  await until(async () => (await stateOf(account, id)) === "running");
  return id;
}

export function plainLaunch(): RunInstancesRequest {
  return {
    ImageId: AMI,
    MinCount: 1,
    MaxCount: 1,
    InstanceType: "t3.2xlarge",
    SubnetId: SUBNET_A,
    SecurityGroupIds: [GROUP],
  };
}

export async function stateOf(account: Account, id: string): Promise<string | undefined> {
  const filter = { Filters: [{ Name: "instance-id", Values: [id] }] };
  const { Reservations } = await account.ec2.send(new DescribeInstancesCommand(filter));
  return Reservations?.[0]?.Instances?.[0]?.State?.Name;
}

/** Waits until the condition holds; fails loudly after five seconds. */
export async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error("The condition did not come to hold");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The error that a call ends with: its code and its HTTP status. */
export async function refusal(call: Promise<unknown>): Promise<{ code: string; status: number | undefined }> {
  try {
    await call;
  } catch (error) {
    const { name, $metadata } = error as { name: string; $metadata?: { httpStatusCode?: number } };
    return { code: name, status: $metadata?.httpStatusCode };
  }
  throw new Error("The call was not refused");
}

export function clientOptions(endpoint: string) {
  return { endpoint, region: REGION, credentials: KEY, maxAttempts: 1 };
}
