import { describe, expect, it } from "vitest";
import {
  AwsFault,
  type LaunchCandidate,
  launchCandidates,
  remainingCandidates,
} from "../../src/cloud/index.ts";
import { toRunInstances } from "../../src/cloud/launch-request.ts";
import { IMAGE, launchInput, launchRequest, OWNER, USER_DATA } from "./samples.ts";

describe("the frozen launch request", () => {
  it("is the same for the same input, plain JSON, and cannot be changed", () => {
    const request = launchRequest();
    expect(launchRequest()).toEqual(request);
    expect(JSON.parse(JSON.stringify(request))).toEqual(request);
    expect(() => {
      (request.tags as Record<string, string>).team = "other";
    }).toThrow(TypeError);
    expect(() => {
      (request as { imageId: string }).imageId = "ami-2";
    }).toThrow(TypeError);
  });

  it("holds no user data, only its hash", () => {
    const secret = "-----BEGIN OPENSSH PRIVATE KEY-----";
    const request = launchRequest({ userData: `#cloud-config\n# ${secret}` });
    expect(JSON.stringify(request)).not.toContain(secret);
    expect(() => toRunInstances(request, "#cloud-config\n# other")).toThrow(
      expect.objectContaining({ code: "user_data_changed" }),
    );
  });

  it("has a token of 64 plain characters that every part of the launch enters", () => {
    const token = launchRequest().clientToken;
    expect(token).toMatch(/^[\x21-\x7e]{64}$/);
    const others = [
      launchRequest({ subnetId: "subnet-2" }),
      launchRequest({ instanceType: "t3a.2xlarge" }),
      launchRequest({ owner: { ...OWNER, generation: 2 } }),
      launchRequest({ owner: { ...OWNER, run: "another-run" } }),
      launchRequest({ owner: { ...OWNER, installation: "acm", run: `e${OWNER.run}` } }),
    ].map((request) => request.clientToken);
    expect(new Set([token, ...others]).size).toBe(6);
  });

  it("says to AWS what reference and dead-man timer need", () => {
    const input = toRunInstances(launchRequest(), USER_DATA);
    expect(input).toMatchObject({
      MinCount: 1,
      MaxCount: 1,
      ImageId: IMAGE.id,
      InstanceType: "t3.2xlarge",
      SubnetId: "subnet-1",
      SecurityGroupIds: ["sg-1"],
      KeyName: "stg1-key",
      InstanceInitiatedShutdownBehavior: "terminate",
      MetadataOptions: { HttpTokens: "required" },
      BlockDeviceMappings: [
        { DeviceName: "/dev/sda1", Ebs: { VolumeSize: 200, VolumeType: "gp3", DeleteOnTermination: true } },
      ],
    });
    expect(Buffer.from(input.UserData ?? "", "base64").toString()).toBe(USER_DATA);
    const types = input.TagSpecifications?.map((one) => one.ResourceType);
    expect(types).toEqual(["instance", "volume", "network-interface"]);
    for (const one of input.TagSpecifications ?? []) {
      expect(Object.fromEntries((one.Tags ?? []).map((tag) => [tag.Key, tag.Value]))).toEqual({
        Name: "acme-stg1",
        team: "platform",
        "slipway:installation": "acme",
        "slipway:run": OWNER.run,
        "slipway:slot": "stg1",
        "slipway:generation": "1",
      });
    }
  });

  it("never makes the root volume smaller than the snapshot", () => {
    expect(launchRequest({ rootVolume: { sizeGiB: 8 } }).rootVolume).toEqual({ sizeGiB: 80, type: "gp3" });
    expect(launchRequest({ rootVolume: undefined }).rootVolume.sizeGiB).toBe(80);
    const unknown = { ...IMAGE, rootSnapshotSizeGiB: undefined };
    expect(launchRequest({ image: unknown, rootVolume: { sizeGiB: 30 } }).rootVolume.sizeGiB).toBe(30);
    expect(() => launchRequest({ image: unknown, rootVolume: undefined })).toThrow(
      expect.objectContaining({ code: "root_volume_size_unknown" }),
    );
  });

  it.each([
    ["image_not_available", launchInput({ image: { ...IMAGE, state: "pending" } })],
    ["image_without_root", launchInput({ image: { ...IMAGE, rootDeviceName: undefined } })],
    ["user_data_too_large", launchInput({ userData: "x".repeat(16 * 1024 + 1) })],
    ["tag_reserved", launchInput({ tags: { "slipway:run": "mine" } })],
    ["tag_reserved", launchInput({ tags: { "aws:x": "y" } })],
    ["tag_too_long", launchInput({ tags: { key: "v".repeat(257) } })],
    [
      "too_many_tags",
      launchInput({ tags: Object.fromEntries(Array.from({ length: 46 }, (_, n) => [`t${n}`, ""])) }),
    ],
  ])("refuses with %s", (code, input) => {
    expect(() => launchRequest(input)).toThrow(expect.objectContaining({ code }));
  });
});

describe("where a launch is tried", () => {
  const candidates = launchCandidates(["t3.large", "p3.large"], ["subnet-a", "subnet-b"]);
  const first = candidates[0] as LaunchCandidate;
  const fault = (awsCode: string, kind: "capacity" | "server", definite: boolean) =>
    new AwsFault("x", {
      action: "ec2:RunInstances",
      region: "us-east-1",
      kind,
      definite,
      awsCode,
      httpStatus: 500,
      requestId: undefined,
      attempts: 1,
    });

  it("is every subnet with the preferred type, then the next type", () => {
    expect(candidates.map((one) => `${one.instanceType} ${one.subnetId}`)).toEqual([
      "t3.large subnet-a",
      "t3.large subnet-b",
      "p3.large subnet-a",
      "p3.large subnet-b",
    ]);
  });

  it("goes on after a lack of room, past the type after a used-up quota, and nowhere else", () => {
    const left = (code: string) => remainingCandidates(candidates, first, fault(code, "capacity", true));
    expect(left("InsufficientInstanceCapacity")).toEqual(candidates.slice(1));
    expect(left("VcpuLimitExceeded")).toEqual(candidates.slice(2));
    expect(left("VolumeLimitExceeded")).toEqual([]);
    expect(remainingCandidates(candidates, first, fault("InternalError", "server", false))).toEqual([]);
    const last = candidates[3] as LaunchCandidate;
    const room = fault("InsufficientInstanceCapacity", "capacity", true);
    expect(remainingCandidates(candidates, last, room)).toEqual([]);
    expect(remainingCandidates(candidates, first, fault("Insufficient…", "capacity", false))).toEqual([]);
  });
});
