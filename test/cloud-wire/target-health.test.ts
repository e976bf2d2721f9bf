import { RunInstancesCommand, StopInstancesCommand, TerminateInstancesCommand } from "@aws-sdk/client-ec2";
import {
  DeregisterTargetsCommand,
  DescribeTargetHealthCommand,
  ModifyRuleCommand,
  ModifyTargetGroupAttributesCommand,
  RegisterTargetsCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  type Account,
  BLUE,
  GREEN,
  launched,
  openAccount,
  plainLaunch,
  RULE,
  refusal,
  SUBNET_OTHER_VPC,
  stateOf,
  TARGET_GROUP,
  until,
} from "./account.ts";

let account: Account;
let id: string;
beforeAll(async () => {
  account = await openAccount();
});
beforeEach(async () => {
  await account.post("reset");
  account.hosts.probes.length = 0;
  account.hosts.outcomes.clear();
  account.hosts.outcome = { passed: true, status: 200 };
  id = await launched(account);
});
afterAll(() => account.close());

const register = (group = TARGET_GROUP, target = id) =>
  account.elb.send(new RegisterTargetsCommand({ TargetGroupArn: group, Targets: [{ Id: target }] }));
const deregister = (group = TARGET_GROUP, target = id) =>
  account.elb.send(new DeregisterTargetsCommand({ TargetGroupArn: group, Targets: [{ Id: target }] }));
const list = async (group = TARGET_GROUP) =>
  (await account.elb.send(new DescribeTargetHealthCommand({ TargetGroupArn: group })))
    .TargetHealthDescriptions ?? [];
const health = async (group = TARGET_GROUP, target = id) => {
  const ask = new DescribeTargetHealthCommand({ TargetGroupArn: group, Targets: [{ Id: target }] });
  const { TargetHealthDescriptions } = await account.elb.send(ask);
  return TargetHealthDescriptions?.[0]?.TargetHealth;
};
const becomes = (state: string, group = TARGET_GROUP) =>
  until(async () => (await health(group))?.State === state);
const addressOf = (target: string) =>
  account.hosts.started.find(({ instanceId }) => instanceId === target)?.address;
const failWith = (status: number) => {
  account.hosts.outcome = { passed: false, reason: "ResponseCodeMismatch", status };
};
const forwardTo = (...groups: [arn: string, weight: number][]) =>
  account.elb.send(
    new ModifyRuleCommand({
      RuleArn: RULE,
      Actions: [
        {
          Type: "forward",
          ForwardConfig: {
            TargetGroups: groups.map(([TargetGroupArn, Weight]) => ({ TargetGroupArn, Weight })),
          },
        },
      ],
    }),
  );

describe("a registered target", () => {
  it("is initial, then healthy after one passing check, with neither reason nor description", async () => {
    await register();
    expect(await health()).toMatchObject({ State: "initial", Reason: "Elb.InitialHealthChecking" });
    await becomes("healthy");
    expect(await health()).toEqual({ State: "healthy" });
    expect(account.hosts.probes.at(-1)).toMatchObject({ port: 8080, path: "/health", matcher: "200" });
  });

  it("is still being registered for as long as the configuration says", async () => {
    await account.post("config", { delays: { registration: 700, firstHealthCheck: 1_000 } });
    await register();
    expect((await health())?.Reason).toBe("Elb.RegistrationInProgress");
    await until(async () => (await health())?.Reason === "Elb.InitialHealthChecking");
    await becomes("healthy");
  });

  it("is unhealthy only after the threshold of failing checks, with their code", async () => {
    failWith(502);
    await register();
    expect((await health())?.State).toBe("initial");
    await becomes("unhealthy");
    expect(await health()).toEqual({
      State: "unhealthy",
      Reason: "Target.ResponseCodeMismatch",
      Description: "Health checks failed with these codes: [502]",
    });
  });

  it("comes back only after the threshold of passing checks", async () => {
    failWith(502);
    await register();
    await becomes("unhealthy");
    const before = account.hosts.probes.length;
    account.hosts.outcome = { passed: true, status: 200 };
    await becomes("healthy");
    expect(account.hosts.probes.length - before).toBeGreaterThanOrEqual(5);
  });

  it.each([
    ["Timeout", "Target.Timeout"],
    ["FailedHealthChecks", "Target.FailedHealthChecks"],
  ] as const)("that fails by %s says so", async (reason, code) => {
    account.hosts.outcome = { passed: false, reason, status: undefined };
    await register();
    await becomes("unhealthy");
    expect((await health())?.Reason).toBe(code);
  });

  it("is unused with InvalidState once its instance is stopped", async () => {
    await register();
    await becomes("healthy");
    await account.ec2.send(new StopInstancesCommand({ InstanceIds: [id] }));
    expect(await health()).toMatchObject({ State: "unused", Reason: "Target.InvalidState" });
  });

  it("stays listed once only, however often it is registered", async () => {
    await register();
    await register();
    expect(await list()).toHaveLength(1);
  });
});

describe("deregistration", () => {
  it("drains for the delay, then the target is gone from the list and NotRegistered by name", async () => {
    await register();
    await becomes("healthy");
    await deregister();
    expect(await health()).toMatchObject({ State: "draining", Reason: "Target.DeregistrationInProgress" });
    expect(await list()).toHaveLength(1);
    await until(async () => (await list()).length === 0);
    expect(await health()).toMatchObject({ State: "unused", Reason: "Target.NotRegistered" });
  });

  it("takes as long as the group's attribute says", async () => {
    await account.elb.send(
      new ModifyTargetGroupAttributesCommand({
        TargetGroupArn: TARGET_GROUP,
        Attributes: [{ Key: "deregistration_delay.timeout_seconds", Value: "0" }],
      }),
    );
    await register();
    await becomes("healthy");
    await deregister();
    expect(await list()).toEqual([]);
  });

  it("of what is not registered succeeds", async () => {
    await deregister();
    await deregister(TARGET_GROUP, "i-0123456789abcdef0");
    expect(await list()).toEqual([]);
  });

  it("is taken back by registering again", async () => {
    await register();
    await becomes("healthy");
    await deregister();
    await register();
    expect((await health())?.State).toBe("initial");
    await becomes("healthy");
    expect(await list()).toHaveLength(1);
  });

  it("sends no more requests to the target", async () => {
    const route = () =>
      account.hosts.balancerSpecs[0]?.decide({
        method: "GET",
        host: "stg1",
        path: "/",
        sourceAddress: "127.0.0.1",
      });
    await register();
    await becomes("healthy");
    expect(route()).toMatchObject({ kind: "forward", targets: [{ instanceId: id, port: 8080 }] });
    await deregister();
    expect(route()).toMatchObject({ kind: "forward", targets: [] });
  });
});

describe("requests", () => {
  const route = () =>
    account.hosts.balancerSpecs[0]?.decide({
      method: "GET",
      host: "stg1",
      path: "/",
      sourceAddress: "127.0.0.1",
    });

  it("wait for the initial checks to pass", async () => {
    await account.post("config", { delays: { firstHealthCheck: 99_999 } });
    await register();
    expect((await health())?.State).toBe("initial");
    expect(route()).toMatchObject({ targets: [] });
  });

  it("go to healthy targets alone, but to all when every one is unhealthy", async () => {
    const other = await launched(account);
    await register();
    await register(TARGET_GROUP, other);
    const bothAre = (state: string) =>
      until(async () => (await list()).every(({ TargetHealth }) => TargetHealth?.State === state));
    await bothAre("healthy");
    expect(route()).toMatchObject({ targets: [{ instanceId: id }, { instanceId: other }] });
    const address = account.hosts.probes.find((probe) => probe.address !== addressOf(id))?.address ?? "";
    account.hosts.outcomes.set(address, { passed: false, reason: "Timeout", status: undefined });
    await until(async () => (await health(TARGET_GROUP, other))?.State === "unhealthy");
    expect(route()).toMatchObject({ targets: [{ instanceId: id }] });
    failWith(500);
    await bothAre("unhealthy");
    expect(route()).toMatchObject({ targets: [{ instanceId: id }, { instanceId: other }] });
  });
});

describe("a group that no listener or rule names", () => {
  it("leaves its targets unused and unprobed", async () => {
    await register(GREEN);
    expect(await health(GREEN)).toMatchObject({ State: "unused", Reason: "Target.NotInUse" });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(account.hosts.probes).toEqual([]);
    expect((await health(GREEN))?.Reason).toBe("Target.NotInUse");
  });

  it("has them checked from the start once it is named, also with weight 0", async () => {
    await register(GREEN);
    await forwardTo([BLUE, 1], [GREEN, 0]);
    expect((await health(GREEN))?.State).toBe("initial");
    await becomes("healthy", GREEN);
  });

  it("is still said to be unused for a while after it is named, and then checked", async () => {
    await account.post("config", { delays: { consistency: 400 } });
    await register(GREEN);
    await forwardTo([BLUE, 1], [GREEN, 1]);
    expect(await health(GREEN)).toMatchObject({ State: "unused", Reason: "Target.NotInUse" });
    await becomes("healthy", GREEN);
  });

  it("lets them go at once: there is nothing to drain", async () => {
    await register(GREEN);
    await deregister(GREEN);
    expect(await list(GREEN)).toEqual([]);
  });

  it("leaves healthy targets unused again when it is no longer named", async () => {
    await register(BLUE);
    await becomes("healthy", BLUE);
    await forwardTo([GREEN, 1]);
    expect((await health(BLUE))?.Reason).toBe("Target.NotInUse");
  });
});

describe("registration is refused for", () => {
  it("an unknown group, and for what is no group's ARN", async () => {
    expect(await refusal(register(TARGET_GROUP.replace("abcde1", "abcdff")))).toEqual({
      code: "TargetGroupNotFoundException",
      status: 400,
    });
    expect((await refusal(register("stg1"))).code).toBe("ValidationError");
  });

  it("instances that do not exist, do not run yet, run no more, or are in another network", async () => {
    expect((await refusal(register(TARGET_GROUP, "i-0123456789abcdef0"))).code).toBe(
      "InvalidTargetException",
    );
    await account.post("config", { delays: { pending: 99_999 } });
    const pending = await account.ec2.send(new RunInstancesCommand(plainLaunch()));
    const pendingId = pending.Instances?.[0]?.InstanceId ?? "";
    expect((await refusal(register(TARGET_GROUP, pendingId))).code).toBe("InvalidTargetException");
    await account.ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    await until(async () => (await stateOf(account, id)) === "terminated");
    expect((await refusal(register())).code).toBe("InvalidTargetException");
    await account.post("config", { delays: { pending: 30 } });
    const elsewhere = await launched(account, { SubnetId: SUBNET_OTHER_VPC, SecurityGroupIds: [] });
    expect((await refusal(register(TARGET_GROUP, elsewhere))).code).toBe("InvalidTargetException");
    expect((await refusal(register(TARGET_GROUP, "127.0.0.1"))).code).toBe("ValidationError");
  });
});
