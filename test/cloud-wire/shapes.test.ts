import { DescribeInstancesCommand } from "@aws-sdk/client-ec2";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { AnyAction } from "../../sandbox/cloud/actions/action.ts";
import { ACTIONS } from "../../sandbox/cloud/actions/index.ts";
import { check } from "../../sandbox/cloud/schema/check.ts";
import committed from "../../sandbox/cloud/schema/enum-members.json" with { type: "json" };
import { currentEnumMembers } from "../../sandbox/cloud/schema/generate-enum-members.ts";
import { loadServiceModels, SERVICE_IDS, type ServiceModels } from "../../sandbox/cloud/schema/service.ts";
import type { Violation } from "../../sandbox/cloud/server/violations.ts";
import { type Account, AMI, openAccount, TARGET_GROUP } from "./account.ts";
import { rawCall } from "./raw.ts";

let models: ServiceModels;
beforeAll(async () => {
  models = await loadServiceModels();
});

describe("what is known of the SDK's shapes", () => {
  it("names the enums as the installed SDK declares them", async () => {
    expect(committed).toEqual(await currentEnumMembers());
  });

  it("has enums in it that requests and answers use", () => {
    expect(models.ec2.enumValues("RunInstancesRequest", "InstanceType")).toContain("t3.2xlarge");
    expect(models.ec2.enumValues("InstanceState", "Name")).toContain("shutting-down");
    expect(models.elasticloadbalancing.enumValues("TargetHealth", "State")).toContain("draining");
    expect(models.elasticloadbalancing.enumValues("TargetHealth", "Description")).toBeUndefined();
  });

  it("finds every action that this cloud has in the SDK", () => {
    for (const id of SERVICE_IDS) {
      for (const action of Object.keys(ACTIONS[id])) expect(models[id].operation(action)?.name).toBe(action);
    }
  });
});

describe("a request that does not fit its shape", () => {
  let account: Account;
  beforeAll(async () => {
    account = await openAccount();
  });
  afterEach(() => account.post("reset"));
  afterAll(() => account.close());

  const launch = {
    Action: "RunInstances",
    Version: "2016-11-15",
    ImageId: AMI,
    MinCount: "1",
    MaxCount: "1",
    InstanceType: "t3.large",
  };
  const violations = async () => (await account.get("violations")) as Violation[];

  it("is accepted when it does fit: the negative of all below", async () => {
    const answer = await rawCall(account.cloud.endpoint, "ec2", launch);
    expect(answer.status).toBe(200);
    expect(await violations()).toEqual([]);
  });

  it.each<[string, Record<string, string>, string, Violation["kind"], string]>([
    ["an unknown member", { Colour: "red" }, "UnknownParameter", "unknown-member", "Colour"],
    [
      "one deep inside",
      { "Placement.Colour": "red" },
      "UnknownParameter",
      "unknown-member",
      "Placement.Colour",
    ],
    [
      "one in a list",
      { "BlockDeviceMapping.1.Ebs.Size": "8" },
      "UnknownParameter",
      "unknown-member",
      "BlockDeviceMapping.1.Ebs.Size",
    ],
    ["a number that is none", { MinCount: "one" }, "InvalidParameterValue", "wrong-type", "MinCount"],
    ["a boolean that is none", { DryRun: "yes" }, "InvalidParameterValue", "wrong-type", "DryRun"],
    [
      "an enum's unknown value",
      { InstanceType: "t3.huge" },
      "InvalidParameterValue",
      "wrong-enum-value",
      "InstanceType",
    ],
    ["a structure given as text", { Placement: "here" }, "InvalidParameterValue", "wrong-type", "Placement"],
    [
      "a list without numbers",
      { "SecurityGroupId.a": "sg-1" },
      "InvalidParameterValue",
      "wrong-type",
      "SecurityGroupId.a",
    ],
  ])("is refused and recorded: %s", async (_name, more, code, kind, path) => {
    const answer = await rawCall(account.cloud.endpoint, "ec2", { ...launch, ...more });
    expect([answer.status, answer.code]).toEqual([400, code]);
    const [violation] = await violations();
    expect(violation).toMatchObject({ side: "request", action: "ec2:RunInstances", kind, path });
  });

  it("is refused for a missing member", async () => {
    const { MinCount: _left, ...rest } = launch;
    const answer = await rawCall(account.cloud.endpoint, "ec2", rest);
    expect(answer.code).toBe("MissingParameter");
    expect(await violations()).toMatchObject([{ kind: "missing-member", path: "MinCount" }]);
  });

  it("is a ValidationError for the load balancers' service", async () => {
    const base = { Version: "2015-12-01", TargetGroupArn: TARGET_GROUP };
    const register = { ...base, Action: "RegisterTargets" };
    const missing = await rawCall(account.cloud.endpoint, "elasticloadbalancing", register);
    expect([missing.status, missing.code]).toEqual([400, "ValidationError"]);
    const unknown = { ...register, "Targets.member.1.Id": "i-1", "Targets.member.1.Name": "x" };
    expect((await rawCall(account.cloud.endpoint, "elasticloadbalancing", unknown)).code).toBe(
      "ValidationError",
    );
    const flat = { ...register, "Targets.1.Id": "i-1" };
    expect((await rawCall(account.cloud.endpoint, "elasticloadbalancing", flat)).code).toBe(
      "ValidationError",
    );
    expect((await violations()).map(({ kind }) => kind)).toContain("unknown-member");
  });

  it("is InvalidAction when there is no such action, or this cloud does not have it", async () => {
    for (const Action of ["Explode", "CreateVpc", "__proto__", "constructor"]) {
      const answer = await rawCall(account.cloud.endpoint, "ec2", { Action, Version: "2016-11-15" });
      expect([answer.status, answer.code]).toEqual([400, "InvalidAction"]);
    }
  });
});

/** Plays an action that answers wrongly, in place of the real one, on a running cloud. */
describe("an answer that does not fit its shape", () => {
  const wrong = (output: object) =>
    check(models.ec2.operation("DescribeInstances")!.output, output, models.ec2.enumValues);

  it("is found out: unknown members, wrong types and wrong enum values, however deep", () => {
    const instance = { InstanceId: "i-1", State: { Name: "running", Code: 16 }, LaunchTime: new Date() };
    const answer = (one: object) => ({ Reservations: [{ Instances: [one] }] });
    expect(wrong(answer(instance))).toEqual([]);
    expect(wrong(answer({ ...instance, Colour: "red" }))).toMatchObject([
      { kind: "unknown-member", path: "Reservations[0].Instances[0].Colour" },
    ]);
    expect(wrong(answer({ ...instance, State: { Name: "walking" } }))).toMatchObject([
      { kind: "wrong-enum-value", path: "Reservations[0].Instances[0].State.Name" },
    ]);
    expect(wrong(answer({ ...instance, State: { Code: "16" } }))).toMatchObject([{ kind: "wrong-type" }]);
    expect(wrong(answer({ ...instance, LaunchTime: "now" }))).toMatchObject([{ kind: "wrong-type" }]);
    expect(wrong(answer({ ...instance, Tags: "none" }))).toMatchObject([{ kind: "wrong-type" }]);
    expect(wrong({ Reservations: [null] })).toMatchObject([{ kind: "wrong-type" }]);
  });

  it("misses no required member, also of an answer", () => {
    const { output } = models.sts.operation("AssumeRole")!;
    const credentials = { AccessKeyId: "a", SecretAccessKey: "b", SessionToken: "c", Expiration: new Date() };
    const enums = models.sts.enumValues;
    expect(check(output, { Credentials: credentials }, enums)).toEqual([]);
    const { Expiration: _left, ...rest } = credentials;
    expect(check(output, { Credentials: rest }, enums)).toMatchObject([
      { kind: "missing-member", path: "Credentials.Expiration" },
    ]);
  });

  it("is recorded by the running cloud, and closing the tests' account then fails", async () => {
    const drifted: AnyAction = () => ({ Reservations: [{ Colour: "red" }] });
    const account = await openAccount(
      {},
      { ...ACTIONS, ec2: { ...ACTIONS.ec2, DescribeInstances: drifted } },
    );
    await account.ec2.send(new DescribeInstancesCommand({}));
    expect(await account.get("violations")).toMatchObject([
      {
        side: "response",
        action: "ec2:DescribeInstances",
        kind: "unknown-member",
        path: "Reservations[0].Colour",
      },
    ]);
    await expect(account.close()).rejects.toThrow("broke the SDK's shapes");
  });

  it("counts as one when the action throws something unforeseen", async () => {
    const broken: AnyAction = () => {
      throw new TypeError("undefined is not a function");
    };
    const account = await openAccount({}, { ...ACTIONS, ec2: { ...ACTIONS.ec2, DescribeInstances: broken } });
    await expect(account.ec2.send(new DescribeInstancesCommand({}))).rejects.toMatchObject({
      name: "InternalFailure",
    });
    await expect(account.close()).rejects.toThrow("broke the SDK's shapes");
  });
});
