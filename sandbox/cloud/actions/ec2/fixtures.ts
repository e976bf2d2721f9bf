import type {
  DescribeImagesRequest,
  DescribeImagesResult,
  DescribeKeyPairsRequest,
  DescribeKeyPairsResult,
  DescribeSubnetsRequest,
  DescribeSubnetsResult,
  DescribeVolumesRequest,
  DescribeVolumesResult,
} from "@aws-sdk/client-ec2";
import type { Region } from "../../state/region.ts";
import { AwsError } from "../../wire/aws-error.ts";
import type { Action } from "../action.ts";
import { pageOf } from "../pages.ts";
import { snapshotOf } from "./block-devices.ts";
import { dryRun, notFound } from "./errors.ts";
import { filtered } from "./filters.ts";
import { tagList } from "./tags.ts";

/** Things of the configuration that calls can only look at have no tags. */
const UNTAGGED: ReadonlyMap<string, string> = new Map();

export const describeImages: Action<DescribeImagesRequest, DescribeImagesResult> = (input, { region }) => {
  const all = region.config.images.map((image) => ({
    ...image,
    state: region.imageStates.get(image.id) ?? image.state,
    tags: UNTAGGED,
  }));
  const chosen = input.ImageIds?.map((id) => {
    if (!/^ami-[0-9a-f]{8,17}$/.test(id)) {
      throw new AwsError("InvalidAMIID.Malformed", `Invalid id: "${id}" (expecting "ami-...")`);
    }
    const image = all.find((one) => one.id === id);
    if (!image) throw new AwsError("InvalidAMIID.NotFound", `The image id '[${id}]' does not exist`);
    return image;
  });
  if (input.DryRun) throw dryRun();
  const found = filtered(chosen ?? all, input.Filters, {
    "image-id": ({ id }) => [id],
    name: ({ name }) => [name],
    state: ({ state }) => [state],
    architecture: ({ architecture }) => [architecture],
    "root-device-type": () => ["ebs"],
    "owner-id": () => [region.accountId],
  });
  const page = pageOf(found, input.MaxResults, input.NextToken, "InvalidNextToken");
  return {
    Images: page.items.map((image) => ({
      ImageId: image.id,
      Name: image.name,
      ImageLocation: `${region.accountId}/${image.name}`,
      ImageType: "machine",
      State: image.state,
      Architecture: image.architecture,
      OwnerId: region.accountId,
      Public: false,
      PlatformDetails: "Linux/UNIX",
      Hypervisor: "xen",
      VirtualizationType: "hvm",
      EnaSupport: true,
      CreationDate: "2026-01-15T10:00:00.000Z",
      RootDeviceType: "ebs",
      RootDeviceName: image.rootDeviceName,
      BlockDeviceMappings: [
        {
          DeviceName: image.rootDeviceName,
          Ebs: {
            DeleteOnTermination: true,
            SnapshotId: snapshotOf(image),
            VolumeSize: image.rootVolumeSize,
            VolumeType: "gp3",
            Encrypted: false,
          },
        },
      ],
      Tags: [],
      ...(image.state === "failed"
        ? { StateReason: { Code: "Server.InternalError", Message: "The image could not be created" } }
        : {}),
    })),
    ...(page.next === undefined ? {} : { NextToken: page.next }),
  };
};

export const describeSubnets: Action<DescribeSubnetsRequest, DescribeSubnetsResult> = (input, { region }) => {
  const all = region.config.subnets.map((subnet) => ({ ...subnet, tags: UNTAGGED }));
  const chosen = input.SubnetIds?.map((id) => {
    const subnet = all.find((one) => one.id === id);
    if (!subnet) throw new AwsError("InvalidSubnetID.NotFound", `The subnet ID '${id}' does not exist`);
    return subnet;
  });
  if (input.DryRun) throw dryRun();
  const found = filtered(chosen ?? all, input.Filters, {
    "subnet-id": ({ id }) => [id],
    "vpc-id": ({ vpc }) => [vpc],
    "availability-zone": ({ zone }) => [zone],
    state: () => ["available"],
  });
  const page = pageOf(found, input.MaxResults, input.NextToken, "InvalidNextToken");
  return {
    Subnets: page.items.map((subnet) => ({
      SubnetId: subnet.id,
      VpcId: subnet.vpc,
      AvailabilityZone: subnet.zone,
      CidrBlock: subnet.cidr,
      State: "available",
      AvailableIpAddressCount: 4091,
      DefaultForAz: region.isVpcDefault(subnet.vpc),
      MapPublicIpOnLaunch: true,
      OwnerId: region.accountId,
      SubnetArn: `arn:aws:ec2:${region.name}:${region.accountId}:subnet/${subnet.id}`,
      Tags: [],
    })),
    ...(page.next === undefined ? {} : { NextToken: page.next }),
  };
};

export const describeKeyPairs: Action<DescribeKeyPairsRequest, DescribeKeyPairsResult> = (
  input,
  { region },
) => {
  const all = region.config.keyPairs.map((pair) => ({ ...pair, tags: UNTAGGED }));
  const chosen = input.KeyNames?.map((name) => {
    const pair = all.find((one) => one.name === name);
    if (!pair) throw notFound("InvalidKeyPair.NotFound", "key pair", name);
    return pair;
  });
  if (input.DryRun) throw dryRun();
  const found = filtered(chosen ?? all, input.Filters, { "key-name": ({ name }) => [name] });
  return {
    KeyPairs: found.map(({ name, publicKey }) => ({
      KeyName: name,
      KeyType: publicKey.startsWith("ssh-ed25519") ? "ed25519" : "rsa",
      Tags: [],
      ...(input.IncludePublicKey ? { PublicKey: publicKey } : {}),
    })),
  };
};

export const describeVolumes: Action<DescribeVolumesRequest, DescribeVolumesResult> = (input, { region }) => {
  const all = existingVolumes(region);
  const chosen = input.VolumeIds?.map((id) => {
    const found = all.find(({ volume }) => volume.volumeId === id);
    if (!found) throw new AwsError("InvalidVolume.NotFound", `The volume '${id}' does not exist.`);
    return found;
  });
  if (input.DryRun) throw dryRun();
  const found = filtered(chosen ?? all, input.Filters, {
    "volume-id": ({ volume }) => [volume.volumeId],
    "attachment.instance-id": ({ instanceId }) => [instanceId],
    status: ({ instanceId }) => [instanceId === undefined ? "available" : "in-use"],
    "volume-type": ({ volume }) => [volume.type],
  });
  const page = pageOf(found, input.MaxResults, input.NextToken, "InvalidNextToken");
  return {
    Volumes: page.items.map(({ volume, instanceId, zone }) => ({
      VolumeId: volume.volumeId,
      Size: volume.size,
      VolumeType: volume.type,
      State: instanceId === undefined ? "available" : "in-use",
      AvailabilityZone: zone,
      CreateTime: volume.createdAt,
      Encrypted: volume.encrypted,
      SnapshotId: volume.snapshotId ?? "",
      MultiAttachEnabled: false,
      Tags: tagList(volume.tags),
      ...(volume.iops === undefined ? {} : { Iops: volume.iops }),
      ...(volume.throughput === undefined ? {} : { Throughput: volume.throughput }),
      Attachments:
        instanceId === undefined
          ? []
          : [
              {
                VolumeId: volume.volumeId,
                InstanceId: instanceId,
                Device: volume.deviceName,
                State: "attached",
                AttachTime: volume.createdAt,
                DeleteOnTermination: volume.deleteOnTermination,
              },
            ],
    })),
    ...(page.next === undefined ? {} : { NextToken: page.next }),
  };
};

/** Volumes of living instances, and those that outlived theirs. */
export function existingVolumes(region: Region) {
  return [...region.instances.values()].flatMap((instance) => {
    const attached = instance.state !== "terminated";
    return instance.facts.volumes
      .filter(({ deleteOnTermination }) => attached || !deleteOnTermination)
      .map((volume) => ({
        volume,
        instanceId: attached ? instance.facts.instanceId : undefined,
        zone: instance.facts.zone,
        tags: volume.tags,
      }));
  });
}
