import type { GroupIdentifier, Instance as InstanceOut } from "@aws-sdk/client-ec2";
import { type Instance, STATE_CODES } from "../../state/instance.ts";
import type { Region } from "../../state/region.ts";
import { architectureOf } from "./instance-types.ts";
import { tagList } from "./tags.ts";

export function groupIdentifiers(instance: Instance, region: Region): GroupIdentifier[] {
  return instance.facts.groupIds.map((id) => ({
    GroupId: id,
    GroupName: region.groups.get(id)?.name ?? id,
  }));
}

/**
 * An instance as DescribeInstances and RunInstances show it; once terminated it has no addresses and no
 * volumes.
 */
export function instanceDescription(instance: Instance, region: Region, now: number): InstanceOut {
  const { facts } = instance;
  const state = instance.describedState(now);
  const gone = state === "terminated";
  const hasPublic = state === "running" || state === "stopping" || state === "shutting-down";
  const description: InstanceOut = {
    InstanceId: facts.instanceId,
    ImageId: facts.image.id,
    InstanceType: facts.instanceType as NonNullable<InstanceOut["InstanceType"]>,
    State: { Code: STATE_CODES[state], Name: state },
    AmiLaunchIndex: facts.launchIndex,
    LaunchTime: instance.launchedAt,
    Placement: { AvailabilityZone: facts.zone, GroupName: "", Tenancy: "default" },
    Monitoring: { State: "disabled" },
    Architecture: architectureOf(facts.instanceType),
    Hypervisor: "xen",
    VirtualizationType: "hvm",
    RootDeviceType: "ebs",
    RootDeviceName: facts.image.rootDeviceName,
    EbsOptimized: false,
    EnaSupport: true,
    SourceDestCheck: true,
    PlatformDetails: "Linux/UNIX",
    MetadataOptions: {
      State: "applied",
      HttpTokens: facts.metadata.httpTokens,
      HttpEndpoint: facts.metadata.httpEndpoint,
      HttpPutResponseHopLimit: facts.metadata.httpPutResponseHopLimit,
      InstanceMetadataTags: facts.metadata.instanceMetadataTags,
    },
    PrivateDnsName: gone ? "" : `ip-${facts.address.replaceAll(".", "-")}.${region.name}.compute.internal`,
    PublicDnsName: hasPublic ? facts.address : "",
    StateTransitionReason: instance.stateTransitionReason,
    SecurityGroups: gone ? [] : groupIdentifiers(instance, region),
    BlockDeviceMappings: gone || state === "pending" ? [] : blockDevicesOf(instance),
    NetworkInterfaces: [],
    ProductCodes: [],
    Tags: tagList(instance.tags),
  };
  if (facts.clientToken !== undefined) description.ClientToken = facts.clientToken;
  if (facts.keyName !== undefined) description.KeyName = facts.keyName;
  if (facts.instanceProfile !== undefined) {
    description.IamInstanceProfile = { Arn: facts.instanceProfile, Id: "AIPASANDBOX000000001" };
  }
  if (instance.stateReason) {
    description.StateReason = { Code: instance.stateReason.code, Message: instance.stateReason.message };
  }
  if (!gone) {
    description.SubnetId = facts.subnetId;
    description.VpcId = facts.vpcId;
    description.PrivateIpAddress = facts.address;
  }
  if (hasPublic) description.PublicIpAddress = facts.address;
  return description;
}

function blockDevicesOf(instance: Instance): NonNullable<InstanceOut["BlockDeviceMappings"]> {
  return instance.facts.volumes.map((volume) => ({
    DeviceName: volume.deviceName,
    Ebs: {
      VolumeId: volume.volumeId,
      Status: "attached",
      AttachTime: volume.createdAt,
      DeleteOnTermination: volume.deleteOnTermination,
    },
  }));
}
