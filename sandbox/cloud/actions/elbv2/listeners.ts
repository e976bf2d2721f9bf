import type {
  Action as ActionShape,
  DescribeListenersInput,
  DescribeListenersOutput,
  DescribeLoadBalancersInput,
  DescribeLoadBalancersOutput,
  DescribeRulesInput,
  DescribeRulesOutput,
  Listener,
  ModifyListenerInput,
  ModifyListenerOutput,
  ModifyRuleInput,
  ModifyRuleOutput,
  Rule,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import type { ListenerRule, LoadBalancer, RuleAction } from "../../state/load-balancer.ts";
import type { Region } from "../../state/region.ts";
import { AwsError } from "../../wire/aws-error.ts";
import type { Action } from "../action.ts";
import { pageOf } from "../pages.ts";
import { checkedArn, groupOf, validationError } from "./errors.ts";

export const describeLoadBalancers: Action<DescribeLoadBalancersInput, DescribeLoadBalancersOutput> = (
  input,
  { region },
) => {
  const chosen = region.loadBalancers.filter(
    ({ arn, name }) =>
      (input.LoadBalancerArns?.includes(arn) ?? true) && (input.Names?.includes(name) ?? true),
  );
  const asked = (input.LoadBalancerArns ?? input.Names)?.length ?? 0;
  if (chosen.length < asked) {
    throw new AwsError("LoadBalancerNotFound", "One or more load balancers not found");
  }
  const page = pageOf(chosen, input.PageSize, input.Marker, "ValidationError");
  return {
    LoadBalancers: page.items.map((balancer) => ({
      LoadBalancerArn: balancer.arn,
      LoadBalancerName: balancer.name,
      // The port stands in for the name that the sandbox cannot have.
      DNSName: `${balancer.address}:${balancer.port}`,
      CreatedTime: balancer.createdAt,
      Scheme: "internet-facing",
      State: { Code: "active" },
      Type: "application",
      IpAddressType: "ipv4",
      AvailabilityZones: region.config.subnets.map(({ id, zone }) => ({ SubnetId: id, ZoneName: zone })),
      SecurityGroups: [],
    })),
    ...(page.next === undefined ? {} : { NextMarker: page.next }),
  };
};

export const describeListeners: Action<DescribeListenersInput, DescribeListenersOutput> = (
  input,
  { region },
) => {
  if (input.ListenerArns) {
    return {
      Listeners: input.ListenerArns.map((arn) => listenerDescription(balancerOfListener(region, arn))),
    };
  }
  if (input.LoadBalancerArn === undefined) {
    throw validationError("You must specify either listener ARNs or a load balancer ARN");
  }
  const arn = checkedArn(input.LoadBalancerArn, "loadbalancer", "load balancer");
  const balancer = region.loadBalancers.find((one) => one.arn === arn);
  if (!balancer) throw new AwsError("LoadBalancerNotFound", "One or more load balancers not found");
  return { Listeners: [listenerDescription(balancer)] };
};

export const modifyListener: Action<ModifyListenerInput, ModifyListenerOutput> = (input, { region }) => {
  const balancer = balancerOfListener(region, input.ListenerArn);
  if (input.DefaultActions !== undefined) {
    region.changeAction(balancer.defaultRule, actionFrom(input.DefaultActions, region));
  }
  return { Listeners: [listenerDescription(balancer)] };
};

export const describeRules: Action<DescribeRulesInput, DescribeRulesOutput> = (input, { region }) => {
  if (input.RuleArns) return { Rules: input.RuleArns.map((arn) => ruleDescription(ruleOf(region, arn))) };
  if (input.ListenerArn === undefined) {
    throw validationError("You must specify either listener rule ARNs or a listener ARN");
  }
  const { rules } = balancerOfListener(region, input.ListenerArn);
  const page = pageOf(rules, input.PageSize, input.Marker, "ValidationError");
  return {
    Rules: page.items.map(ruleDescription),
    ...(page.next === undefined ? {} : { NextMarker: page.next }),
  };
};

export const modifyRule: Action<ModifyRuleInput, ModifyRuleOutput> = (input, { region }) => {
  const rule = ruleOf(region, input.RuleArn);
  if (rule.priority === undefined) {
    throw new AwsError("OperationNotPermitted", `Default rule '${rule.arn}' cannot be modified`);
  }
  if (input.Conditions !== undefined)
    throw validationError("The sandbox keeps a rule's conditions as they are");
  if (input.Actions !== undefined) region.changeAction(rule, actionFrom(input.Actions, region));
  return { Rules: [ruleDescription(rule)] };
};

function balancerOfListener(region: Region, arn: string | undefined): LoadBalancer {
  const checked = checkedArn(arn, "listener", "listener");
  const balancer = region.loadBalancers.find(({ listenerArn }) => listenerArn === checked);
  if (!balancer) throw new AwsError("ListenerNotFound", "One or more listeners not found");
  return balancer;
}

function ruleOf(region: Region, arn: string | undefined): ListenerRule {
  const found = region.findRule(checkedArn(arn, "listener-rule", "listener rule"));
  if (!found) throw new AwsError("RuleNotFound", "One or more rules not found");
  return found.rule;
}

/** `TargetGroupArn` alone is a forward to one group; with `ForwardConfig` they must agree. */
function actionFrom(actions: readonly ActionShape[], region: Region): RuleAction {
  const [action] = actions;
  if (!action || actions.length > 1) {
    throw new AwsError("InvalidLoadBalancerAction", "The sandbox knows rules of exactly one action");
  }
  if (action.Type === "fixed-response" && action.FixedResponseConfig) {
    const { StatusCode, ContentType = "text/plain", MessageBody = "" } = action.FixedResponseConfig;
    return { kind: "fixed", status: Number(StatusCode), contentType: ContentType, body: MessageBody };
  }
  if (action.Type !== "forward") {
    throw new AwsError("InvalidLoadBalancerAction", `The sandbox knows no action of type '${action.Type}'`);
  }
  if (action.ForwardConfig?.TargetGroupStickinessConfig?.Enabled) {
    throw new AwsError(
      "InvalidLoadBalancerAction",
      "The sandbox's load balancers know no sticky target groups",
    );
  }
  const tuples = action.ForwardConfig?.TargetGroups;
  const groups = tuples?.map(({ TargetGroupArn, Weight = 1 }) => ({
    arn: groupOf(region, TargetGroupArn).arn,
    weight: checkedWeight(Weight),
  })) ?? [{ arn: groupOf(region, action.TargetGroupArn).arn, weight: 1 }];
  if (tuples && action.TargetGroupArn !== undefined) {
    if (groups.length !== 1 || groups[0]?.arn !== action.TargetGroupArn) {
      throw new AwsError(
        "InvalidLoadBalancerAction",
        "TargetGroupArn must be the same as the only target group of ForwardConfig",
      );
    }
  }
  if (new Set(groups.map(({ arn }) => arn)).size < groups.length) {
    throw new AwsError("InvalidLoadBalancerAction", "A target group may be named once per rule");
  }
  return { kind: "forward", groups };
}

function checkedWeight(weight: number): number {
  if (!Number.isInteger(weight) || weight < 0 || weight > 999) {
    throw validationError(`Weight '${weight}' must be between 0 and 999 inclusive`);
  }
  return weight;
}

function listenerDescription(balancer: LoadBalancer): Listener {
  return {
    ListenerArn: balancer.listenerArn,
    LoadBalancerArn: balancer.arn,
    Port: balancer.port,
    Protocol: "HTTP",
    DefaultActions: [actionDescription(balancer.defaultRule.action)],
  };
}

function ruleDescription(rule: ListenerRule): Rule {
  return {
    RuleArn: rule.arn,
    Priority: rule.priority === undefined ? "default" : String(rule.priority),
    IsDefault: rule.priority === undefined,
    Conditions: [...conditionOf("host-header", rule.hosts), ...conditionOf("path-pattern", rule.paths)],
    Actions: [actionDescription(rule.action)],
  };
}

function conditionOf(
  field: "host-header" | "path-pattern",
  values: readonly string[] | undefined,
): NonNullable<Rule["Conditions"]> {
  if (values === undefined) return [];
  const Values = [...values];
  const config =
    field === "host-header" ? { HostHeaderConfig: { Values } } : { PathPatternConfig: { Values } };
  return [{ Field: field, Values, ...config }];
}

function actionDescription(action: RuleAction): ActionShape {
  if (action.kind === "fixed") {
    return {
      Type: "fixed-response",
      Order: 1,
      FixedResponseConfig: {
        StatusCode: String(action.status),
        ContentType: action.contentType,
        MessageBody: action.body,
      },
    };
  }
  const [only, ...others] = action.groups;
  return {
    Type: "forward",
    ...(only && others.length === 0 ? { TargetGroupArn: only.arn } : {}),
    ForwardConfig: {
      TargetGroups: action.groups.map(({ arn, weight }) => ({ TargetGroupArn: arn, Weight: weight })),
      TargetGroupStickinessConfig: { Enabled: false },
    },
  };
}
