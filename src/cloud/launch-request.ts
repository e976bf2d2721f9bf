import { createHash } from "node:crypto";
import type { RunInstancesCommandInput } from "@aws-sdk/client-ec2";
import { SlipwayError } from "../util/errors.ts";
import type { Elsewhere } from "./error-codes.ts";
import type { AwsFault } from "./errors.ts";
import type { Image } from "./image.ts";
import { InstanceDied } from "./instance.ts";
import { type Owner, ownerTags, type Tags, tagList } from "./tags.ts";

/** A type in a subnet: one attempt of a launch. */
export interface LaunchCandidate {
  readonly instanceType: string;
  readonly subnetId: string;
}

export interface RootVolume {
  readonly sizeGiB: number;
  /** `gp3` unless configured otherwise. */
  readonly type: string;
  readonly iops?: number;
  readonly throughputMiB?: number;
}

export interface LaunchInput extends LaunchCandidate {
  readonly owner: Owner;
  readonly image: Image;
  readonly securityGroupIds: readonly string[];
  readonly keyName?: string | undefined;
  /** As configured; the size is raised to the snapshot's where it is smaller or missing. */
  readonly rootVolume?: Partial<RootVolume> | undefined;
  /** The team's own tags. */
  readonly tags?: Tags | undefined;
  /** The whole text. Only its hash enters the request: it holds the host key. */
  readonly userData: string;
  /** Name of an IAM instance profile. */
  readonly instanceProfile?: string | undefined;
}

/**
 * Everything that RunInstances is given, as frozen JSON, but for the user data, of which only the hash is
 * here. It is journaled before the call, and every repetition sends exactly this: another request under the
 * same client token is refused by AWS, and another token would launch a second instance.
 */
export interface LaunchRequest extends LaunchCandidate {
  readonly version: 1;
  readonly clientToken: string;
  readonly imageId: string;
  readonly securityGroupIds: readonly string[];
  readonly keyName: string | null;
  readonly rootDeviceName: string;
  readonly rootVolume: RootVolume;
  readonly tags: Tags;
  readonly instanceProfile: string | null;
  /** SHA-256 of the user data, hexadecimal. */
  readonly userDataHash: string;
}

/** AWS's limit, before base64: docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html */
const MOST_USER_DATA_BYTES = 16 * 1024;

/**
 * Pure: the same input gives the same request.
 *
 * @throws SlipwayError `image_not_available`, `image_without_root`, `root_volume_size_unknown`,
 *   `user_data_too_large`, or a tag's refusal.
 */
export function buildLaunchRequest(input: LaunchInput): LaunchRequest {
  const { owner, image, instanceType, subnetId } = input;
  if (Buffer.byteLength(input.userData) > MOST_USER_DATA_BYTES) {
    throw new SlipwayError("user_data_too_large", "the instance's user data is longer than AWS's 16 KiB");
  }
  const request: LaunchRequest = {
    version: 1,
    clientToken: clientToken(owner, { instanceType, subnetId }),
    imageId: image.id,
    instanceType,
    subnetId,
    securityGroupIds: [...input.securityGroupIds],
    keyName: input.keyName ?? null,
    rootDeviceName: rootDeviceOf(image),
    rootVolume: rootVolumeOf(image, input.rootVolume ?? {}),
    tags: ownerTags(owner, input.tags),
    instanceProfile: input.instanceProfile ?? null,
    userDataHash: userDataHash(input.userData),
  };
  return deepFreeze(request);
}

/**
 * The launch's idempotency token: 64 hexadecimal characters, AWS's longest. It names the subnet and the type
 * because a token is zonal (the same one in another zone would launch a second instance) and because changed
 * parameters under an old token are refused.
 */
export function clientToken(owner: Owner, { instanceType, subnetId }: LaunchCandidate): string {
  const parts = [owner.installation, owner.run, owner.slot, owner.generation, subnetId, instanceType];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

export function userDataHash(userData: string): string {
  return createHash("sha256").update(userData).digest("hex");
}

function rootDeviceOf(image: Image): string {
  if (image.state !== "available") {
    const why = image.stateReason ? ` (${image.stateReason})` : "";
    throw new SlipwayError("image_not_available", `the image ${image.id} is ${image.state}${why}`, {
      remedy: "Wait until the image is available, or name another with --ami or in the slot's `ami`.",
      fields: { image: image.id, state: image.state },
    });
  }
  if (image.rootDeviceName === undefined) {
    throw new SlipwayError("image_without_root", `the image ${image.id} names no root device`, {
      remedy: "Use an image that boots from an EBS volume.",
      fields: { image: image.id },
    });
  }
  return image.rootDeviceName;
}

function rootVolumeOf(image: Image, wanted: Partial<RootVolume>): RootVolume {
  const sizeGiB = Math.max(wanted.sizeGiB ?? 0, image.rootSnapshotSizeGiB ?? 0);
  if (sizeGiB <= 0) {
    throw new SlipwayError(
      "root_volume_size_unknown",
      `AWS does not say how large ${image.id}'s snapshot is`,
      {
        remedy: "Set the slot's `rootVolume.size`.",
        fields: { image: image.id },
      },
    );
  }
  return {
    sizeGiB,
    type: wanted.type ?? "gp3",
    ...(wanted.iops === undefined ? {} : { iops: wanted.iops }),
    ...(wanted.throughputMiB === undefined ? {} : { throughputMiB: wanted.throughputMiB }),
  };
}

/**
 * The journaled request as the SDK wants it.
 *
 * @throws SlipwayError `user_data_changed` when the user data is not the one that the request was built with.
 */
export function toRunInstances(request: LaunchRequest, userData: string): RunInstancesCommandInput {
  if (userDataHash(userData) !== request.userDataHash) {
    throw new SlipwayError("user_data_changed", "the user data is not the one that this launch began with", {
      remedy: "SLIPWAY_SECRET has changed since the run began: cancel the run and launch again.",
    });
  }
  const { rootVolume } = request;
  const Tags = tagList(request.tags);
  return {
    ClientToken: request.clientToken,
    MinCount: 1,
    MaxCount: 1,
    ImageId: request.imageId,
    InstanceType: request.instanceType as NonNullable<RunInstancesCommandInput["InstanceType"]>,
    SubnetId: request.subnetId,
    SecurityGroupIds: [...request.securityGroupIds],
    ...(request.keyName === null ? {} : { KeyName: request.keyName }),
    ...(request.instanceProfile === null ? {} : { IamInstanceProfile: { Name: request.instanceProfile } }),
    BlockDeviceMappings: [
      {
        DeviceName: request.rootDeviceName,
        Ebs: {
          VolumeSize: rootVolume.sizeGiB,
          VolumeType: rootVolume.type as "gp3",
          DeleteOnTermination: true,
          ...(rootVolume.iops === undefined ? {} : { Iops: rootVolume.iops }),
          ...(rootVolume.throughputMiB === undefined ? {} : { Throughput: rootVolume.throughputMiB }),
        },
      },
    ],
    // The default is `stop`: the dead-man timer's power-off would leave a stopped instance and its volume.
    InstanceInitiatedShutdownBehavior: "terminate",
    MetadataOptions: { HttpTokens: "required", HttpEndpoint: "enabled", HttpPutResponseHopLimit: 2 },
    TagSpecifications: [
      { ResourceType: "instance", Tags },
      { ResourceType: "volume", Tags },
      { ResourceType: "network-interface", Tags },
    ],
    UserData: Buffer.from(userData).toString("base64"),
  };
}

/** In which order a launch is tried: every subnet with the preferred type, then with the next type. */
export function launchCandidates(types: readonly string[], subnets: readonly string[]): LaunchCandidate[] {
  return types.flatMap((instanceType) => subnets.map((subnetId) => ({ instanceType, subnetId })));
}

/**
 * What is left to try after a definite lack of room for `failed`, in the launching call or while the instance
 * was starting; empty after any other fault: only "surely not launched" allows another token. A used-up quota
 * of the account holds in every subnet, so it takes all candidates of that type away.
 */
export function remainingCandidates(
  candidates: readonly LaunchCandidate[],
  failed: LaunchCandidate,
  fault: AwsFault | InstanceDied | Elsewhere,
): LaunchCandidate[] {
  const elsewhere = typeof fault === "string" ? fault : elsewhereAfter(fault);
  const at = candidates.findIndex(
    (one) => one.instanceType === failed.instanceType && one.subnetId === failed.subnetId,
  );
  if (elsewhere === "none" || at < 0) return [];
  const later = candidates.slice(at + 1);
  return elsewhere === "type" ? later.filter((one) => one.instanceType !== failed.instanceType) : later;
}

function elsewhereAfter(fault: AwsFault | InstanceDied): Elsewhere {
  if (fault instanceof InstanceDied) return fault.capacity ? "zone" : "none";
  return fault.kind === "capacity" && fault.definite ? (fault.elsewhere ?? "none") : "none";
}

function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === "object") for (const item of Object.values(value)) deepFreeze(item);
  return Object.freeze(value);
}
