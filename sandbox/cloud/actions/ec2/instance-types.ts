import type {
  ArchitectureType,
  DescribeInstanceTypeOfferingsRequest,
  DescribeInstanceTypeOfferingsResult,
  DescribeInstanceTypesRequest,
  DescribeInstanceTypesResult,
  InstanceTypeInfo,
} from "@aws-sdk/client-ec2";
import { AwsError } from "../../wire/aws-error.ts";
import type { Action } from "../action.ts";
import { filtered } from "./filters.ts";

/** Families of Graviton: `a1`, and those with a `g` after the generation (`t4g`, `c7gn`). */
export function architectureOf(instanceType: string): "x86_64" | "arm64" {
  const family = instanceType.split(".")[0] ?? "";
  return family === "a1" || /^[a-z]+\d+g/.test(family) ? "arm64" : "x86_64";
}

/** vCPUs and memory (MiB) of the sizes that general-purpose burstable and m families share. */
const SIZES: Readonly<Record<string, readonly [vcpus: number, memory: number]>> = {
  nano: [2, 512],
  micro: [2, 1024],
  small: [2, 2048],
  medium: [2, 4096],
  large: [2, 8192],
  xlarge: [4, 16_384],
  "2xlarge": [8, 32_768],
  "4xlarge": [16, 65_536],
};

export const describeInstanceTypes: Action<DescribeInstanceTypesRequest, DescribeInstanceTypesResult> = (
  input,
) => {
  const types = (input.InstanceTypes ?? []).map((type) => {
    const [family = "", size = ""] = type.split(".");
    const [vcpus, memory] = SIZES[size] ?? [2, 8192];
    const info: InstanceTypeInfo = {
      InstanceType: type,
      CurrentGeneration: true,
      BareMetal: false,
      Hypervisor: "nitro",
      ProcessorInfo: { SupportedArchitectures: [architectureOf(type) satisfies ArchitectureType] },
      VCpuInfo: { DefaultVCpus: vcpus },
      MemoryInfo: { SizeInMiB: memory },
      BurstablePerformanceSupported: family.startsWith("t"),
    };
    return info;
  });
  return { InstanceTypes: types };
};

/** Every type is offered in every zone; a lack is capacity's matter, as on AWS it mostly is. */
export const describeInstanceTypeOfferings: Action<
  DescribeInstanceTypeOfferingsRequest,
  DescribeInstanceTypeOfferingsResult
> = (input, { region }) => {
  const wanted = input.Filters?.find(({ Name }) => Name === "instance-type")?.Values;
  if (!wanted) {
    throw new AwsError("InvalidParameterValue", "The sandbox needs the filter 'instance-type' here");
  }
  const byZone = input.LocationType === "availability-zone";
  const locations = byZone ? [...new Set(region.config.subnets.map(({ zone }) => zone))] : [region.name];
  const offerings = wanted.flatMap((type) =>
    locations.map((location) => ({ type, location, tags: new Map<string, string>() })),
  );
  const found = filtered(offerings, input.Filters, {
    "instance-type": ({ type }) => [type],
    location: ({ location }) => [location],
  });
  return {
    InstanceTypeOfferings: found.map(({ type, location }) => ({
      InstanceType: type as NonNullable<InstanceTypeInfo["InstanceType"]>,
      LocationType: byZone ? "availability-zone" : "region",
      Location: location,
    })),
  };
};
