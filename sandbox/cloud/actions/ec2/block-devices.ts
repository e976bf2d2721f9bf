import type { BlockDeviceMapping } from "@aws-sdk/client-ec2";
import type { ImageConfig } from "../../config.ts";
import { resourceId } from "../../state/ids.ts";
import type { Volume } from "../../state/instance.ts";
import { AwsError } from "../../wire/aws-error.ts";
import { missingParameter } from "./errors.ts";

/**
 * The id of an image's root snapshot is derived from its own: both stay the same over a restart of the cloud.
 */
export function snapshotOf(image: ImageConfig): string {
  return image.id.replace(/^ami-/, "snap-");
}

/**
 * The volumes of a launch. A mapping under the image's root device name changes the root volume; under any
 * other name it makes another volume, and the root stays as the image has it.
 */
export function blockDevices(
  mappings: readonly BlockDeviceMapping[] | undefined,
  image: ImageConfig,
  tags: ReadonlyMap<string, string>,
  createdAt: Date,
): Volume[] {
  const root = mappings?.find(({ DeviceName }) => DeviceName === image.rootDeviceName);
  const others = (mappings ?? []).filter((one) => one !== root && one.NoDevice === undefined);
  for (const { DeviceName } of others) {
    if (DeviceName === undefined) throw missingParameter("deviceName");
  }
  return [
    volumeOf({ DeviceName: image.rootDeviceName, ...root }, image, tags, createdAt),
    ...others.map((mapping) => volumeOf(mapping, undefined, tags, createdAt)),
  ];
}

function volumeOf(
  mapping: BlockDeviceMapping,
  rootOf: ImageConfig | undefined,
  tags: ReadonlyMap<string, string>,
  createdAt: Date,
): Volume {
  const { Ebs: ebs } = mapping;
  const size = ebs?.VolumeSize ?? rootOf?.rootVolumeSize;
  if (size === undefined) throw missingParameter("size or snapshotId");
  if (rootOf && size < rootOf.rootVolumeSize) {
    throw new AwsError(
      "InvalidBlockDeviceMapping",
      `Volume of size ${size}GB is smaller than snapshot '${snapshotOf(rootOf)}', expect size >= ` +
        `${rootOf.rootVolumeSize}GB`,
    );
  }
  const type = ebs?.VolumeType ?? "gp2";
  return {
    volumeId: resourceId("vol"),
    deviceName: mapping.DeviceName ?? "",
    size,
    type,
    iops: ebs?.Iops ?? (type === "gp3" ? 3000 : type === "gp2" ? Math.max(100, size * 3) : undefined),
    throughput: ebs?.Throughput ?? (type === "gp3" ? 125 : undefined),
    encrypted: ebs?.Encrypted ?? false,
    // Volumes of the image go with the instance by default; others stay (API reference, EbsBlockDevice).
    deleteOnTermination: ebs?.DeleteOnTermination ?? rootOf !== undefined,
    snapshotId: rootOf ? snapshotOf(rootOf) : ebs?.SnapshotId,
    createdAt,
    tags,
  };
}
