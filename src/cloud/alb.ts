import {
  DeregisterTargetsCommand,
  DescribeTargetGroupAttributesCommand,
  DescribeTargetGroupsCommand,
  DescribeTargetHealthCommand,
  RegisterTargetsCommand,
  type TargetDescription,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { z } from "zod";
import type { CallOptions } from "./call.ts";
import type { ClientSet } from "./clients.ts";
import { AwsFault, unreadableAnswer } from "./errors.ts";
import { parseAnswer } from "./parse.ts";
import { type GroupWeight, type RuleForward, ruleForward, setRuleForward } from "./rule-forward.ts";
import { isSameTarget, type Target, type TargetHealth, targetHealthSchema } from "./target-health.ts";

export interface TargetGroup {
  readonly arn: string;
  readonly name: string | undefined;
  /** `instance`, `ip`, `lambda` or `alb`: what a target's id is. */
  readonly targetType: string;
  readonly protocol: string | undefined;
  /** Where targets that name no port are reached. */
  readonly port: number | undefined;
  readonly healthCheck: {
    readonly enabled: boolean;
    readonly intervalSeconds: number;
    readonly timeoutSeconds: number | undefined;
    /** Passed checks in a row until an unhealthy target is healthy again; a new one needs a single check. */
    readonly healthyThreshold: number;
    readonly unhealthyThreshold: number;
    readonly path: string | undefined;
    readonly port: string | undefined;
    /** `200`, `200,302`, `200-399`. */
    readonly codes: string | undefined;
  };
  readonly loadBalancers: readonly string[];
  /** How long a deregistered target still finishes its requests. */
  readonly deregistrationDelaySeconds: number;
}

/** Load balancing of one region. Every method throws AwsFault, or the signal's reason. */
export interface LoadBalancing {
  readonly region: string;
  describeTargetGroup(arn: string, options?: CallOptions): Promise<TargetGroup>;
  /** Every registered target, those that drain included. */
  targets(arn: string, options?: CallOptions): Promise<TargetHealth[]>;
  /** Harmless to repeat. */
  register(arn: string, targets: readonly Target[], options?: CallOptions): Promise<void>;
  /** By exact Id and Port. Harmless to repeat, and for targets that are not registered (any more). */
  deregister(arn: string, targets: readonly Target[], options?: CallOptions): Promise<void>;
  ruleForward(ruleArn: string, options?: CallOptions): Promise<RuleForward>;
  setRuleForward(
    ruleArn: string,
    groups: readonly GroupWeight[],
    options?: CallOptions,
  ): Promise<RuleForward>;
}

export function createLoadBalancing(clients: ClientSet): LoadBalancing {
  return {
    region: clients.caller.region,
    describeTargetGroup: (arn, options = {}) => describeTargetGroup(clients, arn, options),
    targets: (arn, options = {}) => describeTargets(clients, arn, options),
    register: (arn, targets, options = {}) => register(clients, arn, targets, options),
    deregister: (arn, targets, options = {}) => deregister(clients, arn, targets, options),
    ruleForward: (ruleArn, options = {}) => ruleForward(clients, ruleArn, options),
    setRuleForward: (ruleArn, groups, options = {}) => setRuleForward(clients, ruleArn, groups, options),
  };
}

const groupsSchema = z.object({
  TargetGroups: z.array(
    z.object({
      TargetGroupArn: z.string(),
      TargetGroupName: z.string().optional(),
      TargetType: z.string().optional(),
      Protocol: z.string().optional(),
      Port: z.number().optional(),
      HealthCheckEnabled: z.boolean().optional(),
      HealthCheckIntervalSeconds: z.number().optional(),
      HealthCheckTimeoutSeconds: z.number().optional(),
      HealthyThresholdCount: z.number().optional(),
      UnhealthyThresholdCount: z.number().optional(),
      HealthCheckPath: z.string().optional(),
      HealthCheckPort: z.string().optional(),
      Matcher: z.object({ HttpCode: z.string().optional() }).optional(),
      LoadBalancerArns: z.array(z.string()).optional(),
    }),
  ),
});

const attributesSchema = z.object({
  Attributes: z.array(z.object({ Key: z.string().optional(), Value: z.string().optional() })),
});

// AWS's defaults, for members that it leaves out:
// docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
const DEFAULT_INTERVAL_SECONDS = 30;
const DEFAULT_HEALTHY = 5;
const DEFAULT_UNHEALTHY = 2;
const DEFAULT_DELAY_SECONDS = 300;

async function describeTargetGroup(
  clients: ClientSet,
  arn: string,
  options: CallOptions,
): Promise<TargetGroup> {
  const { caller, elb } = clients;
  const action = "elasticloadbalancing:DescribeTargetGroups";
  const attributesAction = "elasticloadbalancing:DescribeTargetGroupAttributes";
  const [answer, attributesAnswer] = await Promise.all([
    caller.call(
      action,
      (abortSignal) => elb.send(new DescribeTargetGroupsCommand({ TargetGroupArns: [arn] }), { abortSignal }),
      options,
    ),
    caller.call(
      attributesAction,
      (abortSignal) =>
        elb.send(new DescribeTargetGroupAttributesCommand({ TargetGroupArn: arn }), { abortSignal }),
      options,
    ),
  ]);
  const { TargetGroups } = parseAnswer(groupsSchema, answer, caller.facts(action));
  const { Attributes } = parseAnswer(attributesSchema, attributesAnswer, caller.facts(attributesAction));
  const group = TargetGroups.find((one) => one.TargetGroupArn === arn);
  if (!group) throw unreadableAnswer(caller.facts(action), `the target group ${arn} is not in it`);
  const delay = Attributes.find((one) => one.Key === "deregistration_delay.timeout_seconds")?.Value;
  return {
    arn,
    name: group.TargetGroupName,
    targetType: group.TargetType ?? "instance",
    protocol: group.Protocol,
    port: group.Port,
    healthCheck: {
      enabled: group.HealthCheckEnabled ?? true,
      intervalSeconds: group.HealthCheckIntervalSeconds ?? DEFAULT_INTERVAL_SECONDS,
      timeoutSeconds: group.HealthCheckTimeoutSeconds,
      healthyThreshold: group.HealthyThresholdCount ?? DEFAULT_HEALTHY,
      unhealthyThreshold: group.UnhealthyThresholdCount ?? DEFAULT_UNHEALTHY,
      path: group.HealthCheckPath,
      port: group.HealthCheckPort,
      codes: group.Matcher?.HttpCode,
    },
    loadBalancers: group.LoadBalancerArns ?? [],
    deregistrationDelaySeconds:
      delay !== undefined && /^\d+$/.test(delay) ? Number(delay) : DEFAULT_DELAY_SECONDS,
  };
}

// The list must be there, be it empty: an answer without it would read as "no target is registered".
const healthSchema = z.object({ TargetHealthDescriptions: z.array(targetHealthSchema) });

async function describeTargets(
  clients: ClientSet,
  arn: string,
  options: CallOptions,
): Promise<TargetHealth[]> {
  const action = "elasticloadbalancing:DescribeTargetHealth";
  const command = new DescribeTargetHealthCommand({ TargetGroupArn: arn });
  const send = (abortSignal: AbortSignal) => clients.elb.send(command, { abortSignal });
  const answer = await clients.caller.call(action, send, options);
  return parseAnswer(healthSchema, answer, clients.caller.facts(action)).TargetHealthDescriptions;
}

async function register(
  clients: ClientSet,
  arn: string,
  targets: readonly Target[],
  options: CallOptions,
): Promise<void> {
  if (targets.length === 0) return;
  const command = new RegisterTargetsCommand({ TargetGroupArn: arn, Targets: targets.map(toDescription) });
  const send = (abortSignal: AbortSignal) => clients.elb.send(command, { abortSignal });
  await clients.caller.call("elasticloadbalancing:RegisterTargets", send, options);
}

async function deregister(
  clients: ClientSet,
  arn: string,
  targets: readonly Target[],
  options: CallOptions,
): Promise<void> {
  if (targets.length === 0) return;
  const command = new DeregisterTargetsCommand({ TargetGroupArn: arn, Targets: targets.map(toDescription) });
  const send = (abortSignal: AbortSignal) => clients.elb.send(command, { abortSignal });
  try {
    await clients.caller.call("elasticloadbalancing:DeregisterTargets", send, options);
  } catch (error) {
    // A target whose instance is long gone may be called invalid: what counts is whether it is registered.
    if (!(error instanceof AwsFault) || !/^InvalidTarget/.test(error.awsCode ?? "")) throw error;
    const left = await describeTargets(clients, arn, options);
    if (left.some((one) => one.state !== "draining" && targets.some((target) => isSameTarget(target, one)))) {
      throw error;
    }
  }
}

function toDescription({ id, port, zone }: Target): TargetDescription {
  return {
    Id: id,
    ...(port === undefined ? {} : { Port: port }),
    ...(zone === undefined ? {} : { AvailabilityZone: zone }),
  };
}
