import type {
  DescribeTargetGroupAttributesInput,
  DescribeTargetGroupAttributesOutput,
  DescribeTargetGroupsInput,
  DescribeTargetGroupsOutput,
  ModifyTargetGroupAttributesInput,
  ModifyTargetGroupAttributesOutput,
  TargetGroup as TargetGroupOut,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import type { Region } from "../../state/region.ts";
import { DELAY_ATTRIBUTE, type TargetGroup } from "../../state/target-group.ts";
import { AwsError } from "../../wire/aws-error.ts";
import type { Action } from "../action.ts";
import { pageOf } from "../pages.ts";
import { groupOf, validationError } from "./errors.ts";

const LONGEST_DELAY_SECONDS = 3600;

export const describeTargetGroups: Action<DescribeTargetGroupsInput, DescribeTargetGroupsOutput> = (
  input,
  { region },
) => {
  const page = pageOf(chosenGroups(input, region), input.PageSize, input.Marker, "ValidationError");
  return {
    TargetGroups: page.items.map((group) => description(group, region)),
    ...(page.next === undefined ? {} : { NextMarker: page.next }),
  };
};

function chosenGroups(input: DescribeTargetGroupsInput, region: Region): readonly TargetGroup[] {
  const all = [...region.targetGroups.values()];
  if (input.TargetGroupArns) return input.TargetGroupArns.map((arn) => groupOf(region, arn));
  if (input.Names) {
    return input.Names.map((name) => {
      const group = all.find((one) => one.name === name);
      if (!group) throw new AwsError("TargetGroupNotFound", "One or more target groups not found");
      return group;
    });
  }
  if (input.LoadBalancerArn !== undefined) {
    const balancer = region.loadBalancers.find(({ arn }) => arn === input.LoadBalancerArn);
    if (!balancer) throw new AwsError("LoadBalancerNotFound", "One or more load balancers not found");
    return all.filter(({ arn }) => balancer.uses(arn));
  }
  return all;
}

function description(group: TargetGroup, region: Region): TargetGroupOut {
  const { health } = group;
  return {
    TargetGroupArn: group.arn,
    TargetGroupName: group.name,
    Protocol: "HTTP",
    ProtocolVersion: "HTTP1",
    Port: group.port,
    VpcId: group.vpcId,
    TargetType: "instance",
    IpAddressType: "ipv4",
    HealthCheckEnabled: true,
    HealthCheckProtocol: health.protocol,
    HealthCheckPort: "traffic-port",
    HealthCheckPath: health.path,
    HealthCheckIntervalSeconds: Math.ceil(health.intervalMs / 1000),
    HealthCheckTimeoutSeconds: Math.ceil(health.timeoutMs / 1000),
    HealthyThresholdCount: health.healthyThreshold,
    UnhealthyThresholdCount: health.unhealthyThreshold,
    Matcher: { HttpCode: health.matcher },
    LoadBalancerArns: region.balancersUsing(group.arn).map(({ arn }) => arn),
  };
}

export const describeTargetGroupAttributes: Action<
  DescribeTargetGroupAttributesInput,
  DescribeTargetGroupAttributesOutput
> = (input, { region }) => ({ Attributes: attributeList(groupOf(region, input.TargetGroupArn)) });

export const modifyTargetGroupAttributes: Action<
  ModifyTargetGroupAttributesInput,
  ModifyTargetGroupAttributesOutput
> = (input, { region }) => {
  const group = groupOf(region, input.TargetGroupArn);
  for (const { Key = "", Value = "" } of input.Attributes ?? []) checkAttribute(group, Key, Value);
  for (const { Key = "", Value = "" } of input.Attributes ?? []) {
    if (Key === DELAY_ATTRIBUTE) group.deregistrationDelaySeconds = Number(Value);
    else group.attributes.set(Key, Value);
  }
  return { Attributes: attributeList(group) };
};

function checkAttribute(group: TargetGroup, key: string, value: string): void {
  if (!group.attributes.has(key))
    throw validationError(`Target group attribute key '${key}' is not recognized`);
  if (key !== DELAY_ATTRIBUTE) return;
  if (!/^\d+$/.test(value) || Number(value) > LONGEST_DELAY_SECONDS) {
    throw validationError(
      `Target group attribute '${key}' value '${value}' must be between 0 and ${LONGEST_DELAY_SECONDS} inclusive`,
    );
  }
}

function attributeList(group: TargetGroup): { Key: string; Value: string }[] {
  return [...group.attributes].map(([Key, Value]) => ({ Key, Value }));
}
