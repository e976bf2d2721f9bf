import type { ActionTable } from "../action.ts";
import { describeImages, describeKeyPairs, describeSubnets, describeVolumes } from "./fixtures.ts";
import { describeInstanceTypeOfferings, describeInstanceTypes } from "./instance-types.ts";
import {
  describeInstanceStatus,
  describeInstances,
  startInstances,
  stopInstances,
  terminateInstances,
} from "./instances.ts";
import { runInstances } from "./run-instances.ts";
import {
  authorizeSecurityGroupIngress,
  describeSecurityGroupRules,
  describeSecurityGroups,
  revokeSecurityGroupIngress,
} from "./security-groups.ts";
import { createTags, deleteTags } from "./tags.ts";

export const EC2_ACTIONS = {
  AuthorizeSecurityGroupIngress: authorizeSecurityGroupIngress,
  CreateTags: createTags,
  DeleteTags: deleteTags,
  DescribeImages: describeImages,
  DescribeInstanceStatus: describeInstanceStatus,
  DescribeInstanceTypeOfferings: describeInstanceTypeOfferings,
  DescribeInstanceTypes: describeInstanceTypes,
  DescribeInstances: describeInstances,
  DescribeKeyPairs: describeKeyPairs,
  DescribeSecurityGroupRules: describeSecurityGroupRules,
  DescribeSecurityGroups: describeSecurityGroups,
  DescribeSubnets: describeSubnets,
  DescribeVolumes: describeVolumes,
  RevokeSecurityGroupIngress: revokeSecurityGroupIngress,
  RunInstances: runInstances,
  StartInstances: startInstances,
  StopInstances: stopInstances,
  TerminateInstances: terminateInstances,
} satisfies ActionTable;
