import {
  DescribeInstancesCommand,
  DescribeVolumesCommand,
  RunInstancesCommand,
  type RunInstancesRequest,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Account,
  AMI,
  GROUP_OTHER_VPC,
  launched,
  openAccount,
  PENDING_AMI,
  plainLaunch,
  refusal,
  SUBNET_B,
  SUBNET_OTHER_VPC,
  stateOf,
  until,
} from "./account.ts";

let account: Account;
beforeAll(async () => {
  account = await openAccount();
});
afterAll(() => account.close());

const run = (request: Partial<RunInstancesRequest> = {}) =>
  account.ec2.send(new RunInstancesCommand({ ...plainLaunch(), ...request }));

const count = async () => ((await account.get("state")) as { instances: unknown[] }).instances.length;

describe("client tokens", () => {
  it("launch once per zone: an identical request answers with the same instance", async () => {
    const first = await run({ ClientToken: "once" });
    const again = await run({ ClientToken: "once" });
    expect(again.Instances?.[0]?.InstanceId).toBe(first.Instances?.[0]?.InstanceId);
    expect(again.ReservationId).toBe(first.ReservationId);
  });

  it("launch a second instance in another zone", async () => {
    const first = await run({ ClientToken: "zonal" });
    const other = await run({ ClientToken: "zonal", SubnetId: SUBNET_B });
    expect(other.Instances?.[0]?.InstanceId).not.toBe(first.Instances?.[0]?.InstanceId);
    expect(other.Instances?.[0]?.Placement?.AvailabilityZone).toBe("us-east-1b");
  });

  it("refuse other parameters in the same zone", async () => {
    await run({ ClientToken: "changed" });
    expect(await refusal(run({ ClientToken: "changed", InstanceType: "t3.large" }))).toEqual({
      code: "IdempotentParameterMismatch",
      status: 400,
    });
  });

  it("are found by filter, and a second launch without one is a second instance", async () => {
    await run({ ClientToken: "found" });
    const filter = { Filters: [{ Name: "client-token", Values: ["found"] }] };
    const { Reservations } = await account.ec2.send(new DescribeInstancesCommand(filter));
    expect(Reservations?.flatMap(({ Instances = [] }) => Instances)).toHaveLength(1);
    const [one, two] = [await run(), await run()];
    expect(one.Instances?.[0]?.InstanceId).not.toBe(two.Instances?.[0]?.InstanceId);
  });

  it("of simultaneous identical requests launch one instance", async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => run({ ClientToken: "at-once" })));
    expect(new Set(all.map(({ Instances }) => Instances?.[0]?.InstanceId)).size).toBe(1);
  });

  it("are not used up by a launch that failed", async () => {
    const request = { ClientToken: "failed", InstanceType: "t3a.2xlarge" } as const;
    expect((await refusal(run(request))).code).toBe("InsufficientInstanceCapacity");
    await account.post("config", { capacity: [{ type: "t3a.2xlarge", zone: "us-east-1a", available: 1 }] });
    expect((await run(request)).Instances).toHaveLength(1);
  });
});

describe("capacity", () => {
  it("lacking is a server error, HTTP 500", async () => {
    await account.post("config", { capacity: [{ type: "t3a.large", zone: "us-east-1a", available: 0 }] });
    expect(await refusal(run({ InstanceType: "t3a.large" }))).toEqual({
      code: "InsufficientInstanceCapacity",
      status: 500,
    });
    expect((await run({ InstanceType: "t3a.large", SubnetId: SUBNET_B })).Instances).toHaveLength(1);
  });

  it("that is there in part launches at least MinCount", async () => {
    await account.post("config", { capacity: [{ type: "t3a.small", zone: "us-east-1a", available: 2 }] });
    const request = { InstanceType: "t3a.small", MinCount: 1, MaxCount: 3 } as const;
    expect((await run(request)).Instances).toHaveLength(2);
    expect((await refusal(run(request))).code).toBe("InsufficientInstanceCapacity");
  });
});

describe("a launch is refused for", () => {
  it.each<[string, Partial<RunInstancesRequest>, string]>([
    ["an unknown image", { ImageId: "ami-0ffffffffffffffff" }, "InvalidAMIID.NotFound"],
    ["what is no image id", { ImageId: "platform" }, "InvalidAMIID.Malformed"],
    ["an image that is still being made", { ImageId: PENDING_AMI }, "InvalidAMIID.Unavailable"],
    ["an unknown subnet", { SubnetId: "subnet-0ffffffffffffffff" }, "InvalidSubnetID.NotFound"],
    ["an unknown security group", { SecurityGroupIds: ["sg-0ffffffffffffffff"] }, "InvalidGroup.NotFound"],
    ["a group of another network", { SecurityGroupIds: [GROUP_OTHER_VPC] }, "InvalidParameter"],
    ["an unknown key pair", { KeyName: "nobody" }, "InvalidKeyPair.NotFound"],
    ["a type of another architecture", { InstanceType: "t4g.large" }, "InvalidParameterValue"],
    ["too much user data", { UserData: Buffer.alloc(16_385).toString("base64") }, "InvalidParameterValue"],
    ["user data that is not base64", { UserData: "#cloud-config" }, "InvalidParameterValue"],
    ["a token that is too long", { ClientToken: "x".repeat(65) }, "InvalidParameterValue"],
    ["fewer at most than at least", { MinCount: 2, MaxCount: 1 }, "InvalidParameterCombination"],
    [
      "a root volume smaller than its snapshot",
      { BlockDeviceMappings: [{ DeviceName: "/dev/sda1", Ebs: { VolumeSize: 8 } }] },
      "InvalidBlockDeviceMapping",
    ],
    [
      "another volume without a size",
      { BlockDeviceMappings: [{ DeviceName: "/dev/xvda", Ebs: { VolumeType: "gp3" } }] },
      "MissingParameter",
    ],
    [
      "tags for what is not launched",
      { TagSpecifications: [{ ResourceType: "vpc", Tags: [{ Key: "a", Value: "b" }] }] },
      "InvalidParameterValue",
    ],
    [
      "a reserved tag",
      { TagSpecifications: [{ ResourceType: "instance", Tags: [{ Key: "aws:x", Value: "b" }] }] },
      "InvalidParameterValue",
    ],
    [
      "too many tags",
      {
        TagSpecifications: [
          {
            ResourceType: "instance",
            Tags: Array.from({ length: 51 }, (_, index) => ({ Key: `k${index}`, Value: "" })),
          },
        ],
      },
      "TagLimitExceeded",
    ],
    ["what this cloud would ignore", { HibernationOptions: { Configured: true } }, "UnsupportedOperation"],
    ["a dry run, which would have succeeded", { DryRun: true }, "DryRunOperation"],
  ])("%s", async (_name, request, code) => {
    const before = await count();
    expect((await refusal(run(request))).code).toBe(code);
    expect(await count()).toBe(before);
  });

  it("a subnet outside the group's network", async () => {
    expect((await refusal(run({ SubnetId: SUBNET_OTHER_VPC }))).code).toBe("InvalidParameter");
  });

  it("lack of permission, also in a dry run", async () => {
    await account.post("config", { denied: ["ec2:RunInstances"] });
    expect(await refusal(run({ DryRun: true }))).toEqual({ code: "UnauthorizedOperation", status: 403 });
    await account.post("config", { denied: [] });
    expect((await refusal(run({ DryRun: true }))).code).toBe("DryRunOperation");
  });
});

describe("what a launch decides", () => {
  it("reaches the machine: user data, key, tags, image, first boot", async () => {
    const userData = "#cloud-config\nruncmd: [true]\n";
    const id = await launched(account, {
      UserData: Buffer.from(userData).toString("base64"),
      KeyName: "stg1-staging-key",
      TagSpecifications: [{ ResourceType: "instance", Tags: [{ Key: "slot", Value: "stg1" }] }],
    });
    await until(() => account.hosts.started.some(({ instanceId }) => instanceId === id));
    const spec = account.hosts.started.find(({ instanceId }) => instanceId === id);
    expect(spec).toMatchObject({
      userData,
      authorizedKeys: ["ssh-ed25519 AAAATEST tester"],
      tags: { slot: "stg1" },
      image: { imageId: AMI, settings: { flavour: "plain" } },
      firstBoot: true,
      sshPort: 2222,
    });
    expect(spec?.address).toMatch(/^127\.0\.\d+\.\d+$/);
  });

  it("maps the root volume by the image's device name, with tags; another name is another volume", async () => {
    const id = await launched(account, {
      BlockDeviceMappings: [
        { DeviceName: "/dev/sda1", Ebs: { VolumeSize: 200, VolumeType: "gp3", DeleteOnTermination: true } },
        { DeviceName: "/dev/xvdf", Ebs: { VolumeSize: 10 } },
      ],
      TagSpecifications: [{ ResourceType: "volume", Tags: [{ Key: "slot", Value: "stg1" }] }],
    });
    const attached = { Filters: [{ Name: "attachment.instance-id", Values: [id] }] };
    const { Volumes } = await account.ec2.send(new DescribeVolumesCommand(attached));
    expect(Volumes?.map(({ Size, VolumeType, Tags }) => ({ Size, VolumeType, Tags }))).toEqual([
      { Size: 200, VolumeType: "gp3", Tags: [{ Key: "slot", Value: "stg1" }] },
      { Size: 10, VolumeType: "gp2", Tags: [{ Key: "slot", Value: "stg1" }] },
    ]);
    await account.ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    await until(async () => (await stateOf(account, id)) === "terminated");
    // The second one does not go with the instance by default, and the sandbox's state shows it.
    const state = (await account.get("state")) as { volumes: { size: number }[] };
    expect(state.volumes.map(({ size }) => size)).toContain(10);
    expect(state.volumes.map(({ size }) => size)).not.toContain(200);
  });

  it("shows metadata options and instance profile", async () => {
    const { Instances } = await run({
      MetadataOptions: { HttpTokens: "required", HttpPutResponseHopLimit: 2 },
      IamInstanceProfile: { Name: "staging" },
    });
    expect(Instances?.[0]?.MetadataOptions).toMatchObject({
      HttpTokens: "required",
      HttpPutResponseHopLimit: 2,
    });
    expect(Instances?.[0]?.IamInstanceProfile?.Arn).toBe(
      "arn:aws:iam::123456789012:instance-profile/staging",
    );
  });
});
