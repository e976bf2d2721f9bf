import {
  AuthorizeSecurityGroupIngressCommand,
  DescribeInstancesCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import {
  DeregisterTargetsCommand,
  DescribeTargetHealthCommand,
  RegisterTargetsCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { FaultMode } from "../../sandbox/cloud/server/faults.ts";
import {
  type Account,
  GROUP,
  launched,
  openAccount,
  plainLaunch,
  refusal,
  stateOf,
  TARGET_GROUP,
} from "./account.ts";

let account: Account;
beforeAll(async () => {
  account = await openAccount();
});
beforeEach(() => account.post("reset"));
afterAll(() => account.close());

interface State {
  readonly instances: { readonly state: string }[];
  readonly rules: unknown[];
  readonly targets: unknown[];
}
interface Call {
  readonly action: string;
  readonly status: number;
  readonly fault?: string;
  readonly code?: string;
}
const state = async () => (await account.get("state")) as State;
const calls = async () => (await account.get("calls")) as Call[];
const fault = (action: string, mode: FaultMode, more: object = {}) =>
  account.post("faults", [{ action, mode, ...more }]);

/** Actions that change something, with how many of it there are. */
const EFFECTS = [
  {
    action: "ec2:RunInstances",
    call: (signal?: AbortSignal) => account.ec2.send(new RunInstancesCommand(plainLaunch()), options(signal)),
    count: async () => (await state()).instances.length,
    throttle: { code: "RequestLimitExceeded", status: 503 },
    notFound: "InvalidAMIID.NotFound",
    internal: "InternalError",
  },
  {
    action: "ec2:AuthorizeSecurityGroupIngress",
    call: (signal?: AbortSignal) => {
      const IpPermissions = [
        { IpProtocol: "tcp", FromPort: 22, ToPort: 22, IpRanges: [{ CidrIp: "127.0.0.1/32" }] },
      ];
      const command = new AuthorizeSecurityGroupIngressCommand({ GroupId: GROUP, IpPermissions });
      return account.ec2.send(command, options(signal));
    },
    count: async () => (await state()).rules.length,
    throttle: { code: "RequestLimitExceeded", status: 503 },
    notFound: "InvalidGroup.NotFound",
    internal: "InternalError",
  },
  {
    action: "elasticloadbalancing:RegisterTargets",
    call: async (signal?: AbortSignal) => {
      const Id = await target();
      const command = new RegisterTargetsCommand({ TargetGroupArn: TARGET_GROUP, Targets: [{ Id }] });
      return account.elb.send(command, options(signal));
    },
    count: async () => (await state()).targets.length,
    throttle: { code: "Throttling", status: 400 },
    notFound: "TargetGroupNotFoundException",
    internal: "InternalFailure",
  },
] as const;

const options = (signal?: AbortSignal) => (signal ? { abortSignal: signal } : {});
let known: string | undefined;
beforeEach(() => {
  known = undefined;
});
/** One running instance per test, launched when first asked for. */
async function target(): Promise<string> {
  known ??= await launched(account);
  return known;
}

describe.each(EFFECTS)("$action", ({ action, call, count, throttle, notFound, internal }) => {
  it("without a fault has its effect: the count can see it", async () => {
    await call();
    expect(await count()).toBe(1);
  });

  it("error-before: an error and no effect; then the next call works", async () => {
    await fault(action, "error-before");
    expect(await refusal(call())).toEqual({ code: internal, status: 500 });
    expect(await count()).toBe(0);
    await call();
    expect(await count()).toBe(1);
  });

  it("error-after: the effect, and then an error", async () => {
    await fault(action, "error-after", { code: "InternalError" });
    expect(await refusal(call())).toEqual({ code: "InternalError", status: 500 });
    expect(await count()).toBe(1);
  });

  it("hang-before: no answer and no effect", async () => {
    await target();
    const before = await count();
    await fault(action, "hang-before");
    expect((await refusal(call(AbortSignal.timeout(500)))).code).toMatch(/Abort|Timeout/);
    expect(await count()).toBe(before);
  });

  it("hang-after: the effect, and no answer", async () => {
    await target();
    const before = await count();
    await fault(action, "hang-after");
    expect((await refusal(call(AbortSignal.timeout(500)))).code).toMatch(/Abort|Timeout/);
    expect(await count()).toBe(before + 1);
    expect((await calls()).at(-1)).toMatchObject({ action, status: 0, fault: "hang-after" });
  });

  it("throttle: as this service says it, with no effect", async () => {
    await fault(action, "throttle");
    expect(await refusal(call())).toEqual(throttle);
    expect(await count()).toBe(0);
  });

  it("notfound: the action's documented code", async () => {
    await fault(action, "notfound");
    expect((await refusal(call())).code).toBe(notFound);
    expect(await count()).toBe(0);
  });

  it("garbage: the effect, and a body that is not the protocol", async () => {
    await fault(action, "garbage");
    await call().catch(() => undefined);
    expect(await count()).toBe(1);
    expect((await calls()).find((one) => one.fault === "garbage")).toMatchObject({ action, status: 200 });
  });
});

describe("the list of faults", () => {
  const describeAll = () => account.ec2.send(new DescribeInstancesCommand({}));
  const identity = () => account.sts.send(new GetCallerIdentityCommand({}));

  it("plays a fault so many times, then no more", async () => {
    await fault("ec2:DescribeInstances", "throttle", { times: 2 });
    await refusal(describeAll());
    await refusal(describeAll());
    await describeAll();
  });

  it("leaves other actions alone, and `ec2:*` means all of one service", async () => {
    await fault("ec2:*", "error-before", { times: 5 });
    await identity();
    await refusal(describeAll());
    await fault("*", "error-before");
    await refusal(identity());
  });

  it("is asked in order: the first that fits is played, and then the next", async () => {
    await account.post("faults", [
      { action: "ec2:RunInstances", mode: "notfound" },
      { action: "ec2:DescribeInstances", mode: "throttle" },
      { action: "ec2:*", mode: "error-before", code: "Unavailable" },
    ]);
    expect((await refusal(describeAll())).code).toBe("RequestLimitExceeded");
    expect(await refusal(describeAll())).toEqual({ code: "Unavailable", status: 503 });
    await describeAll();
  });

  it("is cleared by an empty one", async () => {
    await fault("*", "error-before", { times: 100 });
    await account.post("faults", []);
    await describeAll();
  });

  it("may have a rate: some calls fail, some do not, and the same seed fails the same", async () => {
    const run = async () => {
      await account.post("reset");
      await fault("ec2:DescribeInstances", "throttle", { rate: 0.5 });
      const results: string[] = [];
      for (let call = 0; call < 30; call++) {
        results.push(
          await describeAll().then(
            () => "fine",
            () => "failed",
          ),
        );
      }
      return results;
    };
    const first = await run();
    expect(new Set(first)).toEqual(new Set(["fine", "failed"]));
    expect(await run()).toEqual(first);
  });

  it("knows the short name of the load balancers' service", async () => {
    await fault("elbv2:DescribeTargetHealth", "error-before");
    const ask = new DescribeTargetHealthCommand({ TargetGroupArn: TARGET_GROUP });
    expect((await refusal(account.elb.send(ask))).status).toBe(500);
  });

  it("takes any code, with the status that belongs to it", async () => {
    await fault("ec2:RunInstances", "error-before", { code: "InsufficientInstanceCapacity" });
    expect(await refusal(account.ec2.send(new RunInstancesCommand(plainLaunch())))).toEqual({
      code: "InsufficientInstanceCapacity",
      status: 500,
    });
  });

  it("refuses what is no fault", async () => {
    expect(await account.post("faults", [{ action: "ec2:RunInstances", mode: "explode" }])).toHaveProperty(
      "error",
    );
    expect(await account.post("faults", [{ action: "RunInstances", mode: "throttle" }])).toHaveProperty(
      "error",
    );
    expect(await account.post("faults", { action: "*", mode: "throttle" })).toHaveProperty("error");
    await describeAll();
  });
});

it("undoing calls play them too: terminate and deregister happen although the client heard an error", async () => {
  const id = await target();
  await account.elb.send(new RegisterTargetsCommand({ TargetGroupArn: TARGET_GROUP, Targets: [{ Id: id }] }));
  await account.post("faults", [
    { action: "elasticloadbalancing:DeregisterTargets", mode: "error-after" },
    { action: "ec2:TerminateInstances", mode: "error-after", code: "InternalError" },
  ]);
  const deregister = new DeregisterTargetsCommand({ TargetGroupArn: TARGET_GROUP, Targets: [{ Id: id }] });
  expect((await refusal(account.elb.send(deregister))).status).toBe(500);
  expect((await state()).targets).toEqual([]);
  const terminate = new TerminateInstancesCommand({ InstanceIds: [id] });
  expect((await refusal(account.ec2.send(terminate))).status).toBe(500);
  expect(await stateOf(account, id)).not.toBe("running");
});

it("the SDK's own retries get through a fault that is played once", async () => {
  const { EC2Client } = await import("@aws-sdk/client-ec2");
  const { clientOptions } = await import("./account.ts");
  const patient = new EC2Client({ ...clientOptions(account.cloud.endpoint), maxAttempts: 3 });
  await fault("ec2:DescribeInstances", "throttle");
  await patient.send(new DescribeInstancesCommand({}));
  patient.destroy();
  expect((await calls()).filter(({ action }) => action === "ec2:DescribeInstances")).toHaveLength(2);
});

it("S3 and STS answer faults in their own form", async () => {
  await account.post("faults", [
    { action: "s3:PutObject", mode: "throttle" },
    { action: "s3:PutObject", mode: "notfound" },
    { action: "sts:*", mode: "throttle" },
  ]);
  const put = () =>
    account.s3.send(new PutObjectCommand({ Bucket: "acme-e2e-results", Key: "a", Body: "b" }));
  expect(await refusal(put())).toEqual({ code: "SlowDown", status: 503 });
  expect(await refusal(put())).toEqual({ code: "NoSuchBucket", status: 404 });
  expect(await refusal(account.sts.send(new GetCallerIdentityCommand({})))).toEqual({
    code: "Throttling",
    status: 400,
  });
});

it("a fault with “after” waits for that action, and counts from there", async () => {
  const look = () => account.ec2.send(new DescribeInstancesCommand({}));
  await fault("ec2:DescribeInstances", "error-before", { after: ["ec2:TerminateInstances"], skip: 1 });
  const id = await launched(account);
  await look();
  await look();
  await account.ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
  await look();
  expect((await refusal(look())).status).toBe(500);
  await look();
});
