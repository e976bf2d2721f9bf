import type { Reservation, RunInstancesRequest } from "@aws-sdk/client-ec2";
import type { ImageConfig } from "../../config.ts";
import { resourceId } from "../../state/ids.ts";
import type { Instance, LaunchFacts, MetadataOptions } from "../../state/instance.ts";
import type { Region } from "../../state/region.ts";
import { AwsError } from "../../wire/aws-error.ts";
import type { Action, CallContext } from "../action.ts";
import { blockDevices } from "./block-devices.ts";
import { dryRun, insufficientCapacity, invalidValue, missingParameter } from "./errors.ts";
import { groupIdentifiers, instanceDescription } from "./instance-description.ts";
import { architectureOf } from "./instance-types.ts";
import { refuseOtherTypes, tagsFor } from "./tags.ts";

const LONGEST_TOKEN = 64;
/** User data may be 16 KB before base64. */
const MOST_USER_DATA = 16_384;

export const runInstances: Action<RunInstancesRequest, Reservation> = async (input, context) => {
  const { region } = context;
  const [fewest, most] = countOf(input);
  const place = placeOf(input, region);
  const request = validated(input, region, place);
  if (input.DryRun) throw dryRun();
  await context.cloud.addresses.reserve(most);
  const token = input.ClientToken;
  if (token !== undefined) {
    const earlier = region.tokens.earlier(token, place.named ? place.zone : undefined, input);
    if (earlier) return reservation(earlier, context);
  }
  const count = takeCapacity(region, request.instanceType, place.zone, fewest, most);
  const instances = launched(input, request, place, count, context);
  if (token !== undefined)
    region.tokens.remember(token, place.named ? place.zone : undefined, input, instances);
  return reservation(instances, context);
};

interface Place {
  readonly subnetId: string;
  readonly vpcId: string;
  readonly zone: string;
  /** The request itself says the zone, or the subnet that lies in one. */
  readonly named: boolean;
}

interface Validated {
  readonly image: ImageConfig;
  readonly instanceType: string;
  readonly groupIds: readonly string[];
  readonly authorizedKeys: readonly string[];
  readonly userData: string | undefined;
}

function countOf({ MinCount = 0, MaxCount = 0 }: RunInstancesRequest): [fewest: number, most: number] {
  if (MinCount < 1) throw invalidValue("minCount", String(MinCount), "Must be at least 1.");
  if (MaxCount < MinCount) {
    throw new AwsError("InvalidParameterCombination", "MaxCount must be greater than or equal to MinCount.");
  }
  return [MinCount, MaxCount];
}

function placeOf(input: RunInstancesRequest, region: Region): Place {
  const nic = input.NetworkInterfaces?.[0];
  const wanted = input.SubnetId ?? nic?.SubnetId;
  const zone = input.Placement?.AvailabilityZone;
  const { subnets } = region.config;
  if (wanted !== undefined) {
    const subnet = subnets.find(({ id }) => id === wanted);
    if (!subnet) throw new AwsError("InvalidSubnetID.NotFound", `The subnet ID '${wanted}' does not exist`);
    if (zone !== undefined && zone !== subnet.zone) {
      throw invalidValue("availabilityZone", zone, `The subnet '${wanted}' is in ${subnet.zone}.`);
    }
    return { subnetId: subnet.id, vpcId: subnet.vpc, zone: subnet.zone, named: true };
  }
  const fallback = subnets.find(
    (subnet) => region.isVpcDefault(subnet.vpc) && (zone === undefined || subnet.zone === zone),
  );
  if (!fallback) {
    throw new AwsError("MissingInput", "No subnets found for the default VPC. Please specify a subnet.");
  }
  return { subnetId: fallback.id, vpcId: fallback.vpc, zone: fallback.zone, named: zone !== undefined };
}

/** Members that change what is launched here; the rest would be ignored in silence, so it is refused. */
const HONOURED: ReadonlySet<string> = new Set<keyof RunInstancesRequest>([
  "BlockDeviceMappings",
  "ClientToken",
  "DisableApiTermination",
  "DryRun",
  "EbsOptimized",
  "IamInstanceProfile",
  "ImageId",
  "InstanceInitiatedShutdownBehavior",
  "InstanceType",
  "KeyName",
  "MaxCount",
  "MetadataOptions",
  "MinCount",
  "NetworkInterfaces",
  "Placement",
  "SecurityGroupIds",
  "SubnetId",
  "TagSpecifications",
  "UserData",
]);

function validated(input: RunInstancesRequest, region: Region, place: Place): Validated {
  const ignored = Object.keys(input).find((name) => !HONOURED.has(name));
  if (ignored !== undefined) {
    throw new AwsError(
      "UnsupportedOperation",
      `The sandbox's cloud does not have ${ignored} for RunInstances.`,
    );
  }
  const image = imageOf(input, region);
  const instanceType = input.InstanceType ?? "m1.small";
  if (architectureOf(instanceType) !== image.architecture) {
    throw new AwsError(
      "InvalidParameterValue",
      `The architecture '${architectureOf(instanceType)}' of the specified instance type does not match the ` +
        `architecture '${image.architecture}' of the specified AMI.`,
    );
  }
  if ((input.ClientToken?.length ?? 0) > LONGEST_TOKEN) {
    throw invalidValue("clientToken", input.ClientToken ?? "", `At most ${LONGEST_TOKEN} characters.`);
  }
  refuseOtherTypes(input.TagSpecifications, [
    "instance",
    "volume",
    "network-interface",
    "spot-instances-request",
  ]);
  return {
    image,
    instanceType,
    groupIds: groupsOf(input, region, place),
    authorizedKeys: keysOf(input, region),
    userData: userDataOf(input),
  };
}

function imageOf(input: RunInstancesRequest, region: Region): ImageConfig {
  const id = input.ImageId;
  if (id === undefined) throw missingParameter("ImageId");
  if (!/^ami-[0-9a-f]{8,17}$/.test(id))
    throw new AwsError("InvalidAMIID.Malformed", `Invalid id: "${id}" (expecting "ami-...")`);
  const image = region.config.images.find((one) => one.id === id);
  if (!image) throw new AwsError("InvalidAMIID.NotFound", `The image id '[${id}]' does not exist`);
  const state = region.imageStates.get(id);
  if (state !== "available") {
    throw new AwsError(
      "InvalidAMIID.Unavailable",
      `The image ID '[${id}]' is not available (its state is ${state})`,
    );
  }
  return image;
}

function groupsOf(input: RunInstancesRequest, region: Region, place: Place): string[] {
  const nic = input.NetworkInterfaces?.[0];
  if (nic && (input.SecurityGroupIds || input.SubnetId)) {
    throw new AwsError(
      "InvalidParameterCombination",
      "Network interfaces and an instance-level subnet ID or security groups may not be specified on the " +
        "same request",
    );
  }
  const ids = input.SecurityGroupIds ?? nic?.Groups;
  if (ids === undefined) {
    const standard = [...region.groups.values()].find(
      ({ vpcId, name }) => vpcId === place.vpcId && name === "default",
    );
    return standard ? [standard.groupId] : [];
  }
  for (const id of ids) {
    const group = region.groups.get(id);
    if (!group) throw new AwsError("InvalidGroup.NotFound", `The security group '${id}' does not exist`);
    if (group.vpcId !== place.vpcId) {
      throw new AwsError(
        "InvalidParameter",
        `Security group ${id} and subnet ${place.subnetId} belong to different networks.`,
      );
    }
  }
  return [...ids];
}

function keysOf(input: RunInstancesRequest, region: Region): string[] {
  if (input.KeyName === undefined) return [];
  const pair = region.config.keyPairs.find(({ name }) => name === input.KeyName);
  if (!pair) throw new AwsError("InvalidKeyPair.NotFound", `The key pair '${input.KeyName}' does not exist`);
  return [pair.publicKey];
}

function userDataOf({ UserData }: RunInstancesRequest): string | undefined {
  if (UserData === undefined) return undefined;
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(UserData)) {
    throw new AwsError("InvalidParameterValue", "Invalid BASE64 encoding of user data.");
  }
  const bytes = Buffer.from(UserData, "base64");
  if (bytes.byteLength > MOST_USER_DATA) {
    throw new AwsError("InvalidParameterValue", "User data is limited to 16384 bytes");
  }
  return bytes.toString("utf8");
}

/** As many as there are, but not fewer than MinCount: then none ("launches the largest possible number"). */
function takeCapacity(region: Region, type: string, zone: string, fewest: number, most: number): number {
  const key = `${type}|${zone}`;
  const left = region.capacity.get(key);
  if (left === undefined) return most;
  if (left < fewest) throw insufficientCapacity(type, zone);
  const count = Math.min(left, most);
  region.capacity.set(key, left - count);
  return count;
}

function launched(
  input: RunInstancesRequest,
  request: Validated,
  place: Place,
  count: number,
  { region, cloud, now }: CallContext,
): Instance[] {
  const reservationId = resourceId("r");
  const volumeTags = tagsFor("volume", input.TagSpecifications);
  const facts = Array.from(
    { length: count },
    (_, launchIndex): LaunchFacts => ({
      instanceId: resourceId("i"),
      reservationId,
      launchIndex,
      clientToken: input.ClientToken,
      region: region.name,
      zone: place.zone,
      subnetId: place.subnetId,
      vpcId: place.vpcId,
      instanceType: request.instanceType,
      image: request.image,
      keyName: input.KeyName,
      authorizedKeys: request.authorizedKeys,
      groupIds: request.groupIds,
      address: "",
      userData: request.userData,
      instanceProfile: profileOf(input, region),
      shutdownBehavior: input.InstanceInitiatedShutdownBehavior ?? "stop",
      disableApiTermination: input.DisableApiTermination ?? false,
      metadata: metadataOf(input),
      volumes: blockDevices(input.BlockDeviceMappings, request.image, volumeTags, new Date(now)),
      tags: tagsFor("instance", input.TagSpecifications),
    }),
  );
  // The address last: nothing after it can refuse.
  return facts.map((one) => region.launch({ ...one, address: cloud.addresses.take() }));
}

function profileOf({ IamInstanceProfile: given }: RunInstancesRequest, region: Region): string | undefined {
  if (given?.Arn !== undefined) return given.Arn;
  return given?.Name && `arn:aws:iam::${region.accountId}:instance-profile/${given.Name}`;
}

function metadataOf({ MetadataOptions: given }: RunInstancesRequest): MetadataOptions {
  return {
    httpTokens: given?.HttpTokens ?? "optional",
    httpEndpoint: given?.HttpEndpoint ?? "enabled",
    httpPutResponseHopLimit: given?.HttpPutResponseHopLimit ?? 1,
    instanceMetadataTags: given?.InstanceMetadataTags ?? "disabled",
  };
}

function reservation(instances: readonly Instance[], { region, now }: CallContext): Reservation {
  const first = instances[0];
  return {
    ReservationId: first?.facts.reservationId ?? "",
    OwnerId: region.accountId,
    Groups: first ? groupIdentifiers(first, region) : [],
    Instances: instances.map((instance) => instanceDescription(instance, region, now)),
  };
}
