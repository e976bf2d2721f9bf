import type { ActionTable } from "../action.ts";
import {
  describeListeners,
  describeLoadBalancers,
  describeRules,
  modifyListener,
  modifyRule,
} from "./listeners.ts";
import {
  describeTargetGroupAttributes,
  describeTargetGroups,
  modifyTargetGroupAttributes,
} from "./target-groups.ts";
import { deregisterTargets, describeTargetHealth, registerTargets } from "./targets.ts";

export const ELBV2_ACTIONS = {
  DeregisterTargets: deregisterTargets,
  DescribeListeners: describeListeners,
  DescribeLoadBalancers: describeLoadBalancers,
  DescribeRules: describeRules,
  DescribeTargetGroupAttributes: describeTargetGroupAttributes,
  DescribeTargetGroups: describeTargetGroups,
  DescribeTargetHealth: describeTargetHealth,
  ModifyListener: modifyListener,
  ModifyRule: modifyRule,
  ModifyTargetGroupAttributes: modifyTargetGroupAttributes,
  RegisterTargets: registerTargets,
} satisfies ActionTable;
