import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  type Cloud,
  type Image,
  iamPolicy,
  PERMISSIONS,
  type PolicyInput,
  type ProbedSlot,
  probeSlot,
} from "../../src/cloud/index.ts";
import {
  type Answer,
  ec2Answer,
  elbAnswer,
  error,
  instancesAnswer,
  RawAws,
  REGION,
  targetsAnswer,
} from "./raw-aws.ts";
import { launchRequest, USER_DATA } from "./samples.ts";

const GROUP = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/stg1/1";
const RULE = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/stg3/50dc/f2f7/9683";

describe("the list of permissions", () => {
  it("holds exactly the actions that src/cloud calls", async () => {
    const folder = join(import.meta.dirname, "../../src/cloud");
    const called = new Set<string>();
    for (const name of await readdir(folder)) {
      if (["permissions.ts", "iam-policy.ts", "probes.ts", "error-codes.ts"].includes(name)) continue;
      const text = (await readFile(join(folder, name), "utf8")).replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
      for (const [, action] of text.matchAll(/"((?:ec2|elasticloadbalancing|s3):[A-Z][A-Za-z]+)"/g)) {
        called.add(action as string);
      }
    }
    const listed = PERMISSIONS.map((one) => one.action);
    const indirect = ["ec2:CreateTags", "s3:ListBucket"];
    expect([...called].sort()).toEqual(listed.filter((action) => !indirect.includes(action)).sort());
    expect(called.size).toBeGreaterThan(15);
  });
});

describe("the least policy", () => {
  const input: PolicyInput = {
    installation: "acme",
    slots: [
      {
        region: REGION,
        instanceTypes: ["t3.2xlarge", "t3a.2xlarge"],
        subnets: ["subnet-1"],
        securityGroups: ["sg-1"],
        keyName: "stg1-key",
        targetGroups: [GROUP],
      },
      {
        region: REGION,
        instanceTypes: ["t3.2xlarge"],
        subnets: ["subnet-1", "subnet-2"],
        securityGroups: ["sg-1"],
        keyName: "stg3-key",
        targetGroups: [GROUP.replace("stg1", "blue")],
        listenerRule: RULE,
      },
    ],
    results: [{ bucket: "acme-e2e-results", prefix: "stg1" }],
  };
  const statement = (policy: ReturnType<typeof iamPolicy>, sid: string) =>
    policy.Statement.find((one) => one.Sid === sid);
  const policy = iamPolicy(input);

  it("allows every action that the bot uses, and no pattern of actions", () => {
    const allowed = new Set(policy.Statement.flatMap((one) => one.Action));
    expect([...allowed].sort()).toEqual([...new Set(PERMISSIONS.map((one) => one.action))].sort());
    expect([...allowed].some((action) => action.includes("*"))).toBe(false);
  });

  it("ends only what carries the installation's tag", () => {
    expect(statement(policy, "EndWhatIsOurs")).toEqual({
      Sid: "EndWhatIsOurs",
      Effect: "Allow",
      Action: ["ec2:TerminateInstances"],
      Resource: ["arn:aws:ec2:us-east-1:123456789012:instance/*"],
      Condition: { StringEquals: { "aws:ResourceTag/slipway:installation": "acme" } },
    });
  });

  it("launches only tagged, of configured types, with IMDSv2, from configured parts", () => {
    expect(statement(policy, "LaunchTaggedInstances")?.Condition).toEqual({
      StringEquals: {
        "aws:RequestTag/slipway:installation": "acme",
        "ec2:InstanceType": ["t3.2xlarge", "t3a.2xlarge"],
        "ec2:MetadataHttpTokens": "required",
      },
    });
    expect(statement(policy, "LaunchFromWhatIsConfigured")?.Resource).toEqual([
      "arn:aws:ec2:us-east-1::image/*",
      "arn:aws:ec2:us-east-1:123456789012:subnet/subnet-1",
      "arn:aws:ec2:us-east-1:123456789012:subnet/subnet-2",
      "arn:aws:ec2:us-east-1:123456789012:security-group/sg-1",
      "arn:aws:ec2:us-east-1:123456789012:key-pair/stg1-key",
      "arn:aws:ec2:us-east-1:123456789012:key-pair/stg3-key",
    ]);
    expect(statement(policy, "TagWhatIsCreated")?.Condition?.StringEquals).toMatchObject({
      "ec2:CreateAction": ["RunInstances", "AuthorizeSecurityGroupIngress"],
    });
  });

  it("changes only what the configuration names", () => {
    expect(statement(policy, "SwitchTargetGroups")?.Resource).toEqual([
      RULE,
      "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/stg3/50dc/f2f7",
    ]);
    for (const one of policy.Statement) {
      if (one.Sid !== "Look") expect(one.Resource).not.toContain("*");
    }
    expect(statement(policy, "KeepTestResults")?.Resource).toEqual(["arn:aws:s3:::acme-e2e-results/stg1/*"]);
  });

  it("asks for nothing that is not used", () => {
    const [first] = input.slots;
    if (!first) throw new Error("no slot");
    const small = iamPolicy({
      installation: "acme",
      slots: [{ ...first, region: "cn-north-1", securityGroups: [] }],
    });
    const actions = small.Statement.flatMap((one) => one.Action);
    for (const action of actions) expect(action).not.toMatch(/Ingress|ModifyRule|ModifyListener|^s3:/);
    expect(statement(small, "EndWhatIsOurs")?.Resource).toEqual([
      "arn:aws-cn:ec2:cn-north-1:123456789012:instance/*",
    ]);
  });
});

describe("trying permissions without changing anything", () => {
  let aws: RawAws;
  let cloud: Cloud;
  beforeAll(async () => {
    aws = await RawAws.start();
  });
  beforeEach(() => {
    aws.calls.length = 0;
    cloud = aws.cloud();
  });
  afterEach(() => cloud.close());
  afterAll(() => aws.stop());

  const slot: ProbedSlot = {
    region: REGION,
    installation: "acme",
    image: "ami-1",
    launch: (image: Image) => ({ request: launchRequest({ image }), userData: USER_DATA }),
    securityGroup: "sg-1",
    port: 22,
    targetGroups: [GROUP],
    listenerRule: RULE,
  };
  const dryRun = error("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412);
  const good: Record<string, Answer> = {
    DescribeImages: ec2Answer(
      "DescribeImages",
      `<imagesSet><item><imageId>ami-1</imageId><imageState>available</imageState>
<rootDeviceName>/dev/sda1</rootDeviceName><blockDeviceMapping><item><deviceName>/dev/sda1</deviceName>
<ebs><volumeSize>8</volumeSize></ebs></item></blockDeviceMapping></item></imagesSet>`,
    ),
    DescribeInstances: instancesAnswer([]),
    DescribeSecurityGroupRules: ec2Answer("DescribeSecurityGroupRules", "<securityGroupRuleSet/>"),
    DescribeTargetGroups: elbAnswer(
      "DescribeTargetGroups",
      `<TargetGroups><member><TargetGroupArn>${GROUP}</TargetGroupArn></member></TargetGroups>`,
    ),
    DescribeTargetGroupAttributes: elbAnswer("DescribeTargetGroupAttributes", "<Attributes/>"),
    DescribeTargetHealth: targetsAnswer([]),
    DescribeRules: elbAnswer(
      "DescribeRules",
      `<Rules><member><RuleArn>${RULE}</RuleArn><Actions><member><Type>forward</Type>
<TargetGroupArn>${GROUP}</TargetGroupArn></member></Actions></member></Rules>`,
    ),
  };

  it("says what is allowed, and what AWS lets nobody try", async () => {
    aws.answer(({ action, parameters }) =>
      parameters.DryRun === "true" ? dryRun : (good[action] ?? dryRun),
    );
    const probes = await probeSlot(cloud, slot);
    const outcomes = Object.fromEntries(probes.map((probe) => [probe.action, probe.outcome]));
    expect(outcomes).toEqual({
      "ec2:DescribeImages": "allowed",
      "ec2:RunInstances": "allowed",
      "ec2:DescribeInstances": "allowed",
      "ec2:TerminateInstances": "untried",
      "ec2:DescribeSecurityGroupRules": "allowed",
      "ec2:AuthorizeSecurityGroupIngress": "allowed",
      "ec2:RevokeSecurityGroupIngress": "allowed",
      "elasticloadbalancing:DescribeTargetGroups": "allowed",
      "elasticloadbalancing:DescribeTargetHealth": "allowed",
      "elasticloadbalancing:RegisterTargets": "untried",
      "elasticloadbalancing:DeregisterTargets": "untried",
      "elasticloadbalancing:DescribeRules": "allowed",
      "elasticloadbalancing:ModifyRule": "untried",
    });
    for (const { action, parameters } of aws.calls) {
      if (!action.startsWith("Describe")) expect(parameters.DryRun, action).toBe("true");
    }
  });

  it("names each missing permission and each wrong name with its remedy, all at once", async () => {
    const denied = error("UnauthorizedOperation", "You are not authorized to perform this operation.", 403);
    aws.answer(({ action }) => {
      if (action === "RunInstances" || action === "RevokeSecurityGroupIngress") return denied;
      if (action === "AuthorizeSecurityGroupIngress") return error("InvalidGroup.NotFound", "no sg-1");
      return good[action] ?? dryRun;
    });
    const bad = (await probeSlot(cloud, slot)).filter(
      ({ outcome }) => outcome === "denied" || outcome === "wrong",
    );
    expect(bad.map(({ action, outcome }) => `${action} ${outcome}`).sort()).toEqual([
      "ec2:AuthorizeSecurityGroupIngress wrong",
      "ec2:RevokeSecurityGroupIngress denied",
      "ec2:RunInstances denied",
    ]);
    expect(bad.find(({ action }) => action === "ec2:RunInstances")?.remedy).toContain("ec2:RunInstances");
  });

  it("does not believe in a permission because an endpoint ignores DryRun", async () => {
    const launched = ec2Answer("RunInstances", "<instancesSet/>");
    aws.answer(({ action }) => good[action] ?? launched);
    const probes = await probeSlot(cloud, slot);
    expect(probes.find(({ action }) => action === "ec2:RunInstances")?.outcome).toBe("wrong");
  });
});
