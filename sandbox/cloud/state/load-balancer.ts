import type { ActionConfig, LoadBalancerConfig } from "../config.ts";
import type { BalancerRequest, BalancerRoute } from "../ports.ts";
import type { TargetGroup } from "./target-group.ts";

export interface WeightedGroup {
  readonly arn: string;
  readonly weight: number;
}

/** What a rule does with a request. */
export type RuleAction =
  | { readonly kind: "forward"; readonly groups: readonly WeightedGroup[] }
  | { readonly kind: "fixed"; readonly status: number; readonly contentType: string; readonly body: string };

export interface ListenerRule {
  readonly arn: string;
  /** undefined for the listener's default rule, which is asked last. */
  readonly priority: number | undefined;
  readonly hosts: readonly string[] | undefined;
  readonly paths: readonly string[] | undefined;
  action: RuleAction;
}

/** A load balancer with its one listener. */
export class LoadBalancer {
  readonly arn: string;
  readonly name: string;
  readonly listenerArn: string;
  readonly address: string;
  readonly createdAt: Date;
  /** Where it listens; known once it is open. */
  port: number;
  readonly rules: ListenerRule[];

  constructor(
    config: LoadBalancerConfig,
    arns: { arn: string; listenerArn: string },
    rules: ListenerRule[],
    now: Date,
  ) {
    this.arn = arns.arn;
    this.listenerArn = arns.listenerArn;
    this.name = config.name;
    this.address = config.address;
    this.port = config.port;
    this.createdAt = now;
    this.rules = rules.sort((a, b) => (a.priority ?? Infinity) - (b.priority ?? Infinity));
  }

  get defaultRule(): ListenerRule {
    const rule = this.rules.find(({ priority }) => priority === undefined);
    if (!rule) throw new Error(`Load balancer ${this.name} has no default rule`);
    return rule;
  }

  uses(groupArn: string): boolean {
    return this.rules.some(({ action }) => groupsOf(action).some(({ arn }) => arn === groupArn));
  }

  /** Where a request goes now. */
  route(
    request: BalancerRequest,
    group: (arn: string) => TargetGroup | undefined,
    random: () => number,
  ): BalancerRoute {
    const { action } = this.rules.find((rule) => matches(rule, request)) ?? this.defaultRule;
    if (action.kind === "fixed") return action;
    const chosen = drawn(action.groups, random);
    const target = chosen && group(chosen.arn);
    return {
      kind: "forward",
      targetGroup: target?.name ?? "",
      targets: target ? servingTargets(target) : [],
    };
  }
}

export function groupsOf(action: RuleAction): readonly WeightedGroup[] {
  return action.kind === "forward" ? action.groups : [];
}

/**
 * Healthy targets alone. "If a target group contains only unhealthy registered targets, the load balancer
 * routes requests to all those targets, regardless of their health status"; one that has not passed its
 * initial checks gets nothing in any case.
 * https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
 */
function servingTargets(group: TargetGroup): { instanceId: string; address: string; port: number }[] {
  const registered = group.registered();
  const healthy = registered.filter((target) => target.isHealthy);
  const serving =
    healthy.length > 0 ? healthy : registered.filter((one) => one.health().state === "unhealthy");
  return serving.map(({ instanceId, address, port }) => ({ instanceId, address, port }));
}

/** A group by weight; 0 gets nothing, unless all are 0: then nothing serves. */
function drawn(groups: readonly WeightedGroup[], random: () => number): WeightedGroup | undefined {
  const total = groups.reduce((sum, { weight }) => sum + weight, 0);
  if (total === 0) return undefined;
  let left = random() * total;
  for (const group of groups) {
    if (group.weight > 0 && left < group.weight) return group;
    left -= group.weight;
  }
  return groups.findLast(({ weight }) => weight > 0);
}

function matches(rule: ListenerRule, request: BalancerRequest): boolean {
  const host = request.host.replace(/:\d+$/, "").toLowerCase();
  return (
    (rule.hosts === undefined || rule.hosts.some((pattern) => glob(pattern.toLowerCase()).test(host))) &&
    (rule.paths === undefined || rule.paths.some((pattern) => glob(pattern).test(request.path)))
  );
}

const globs = new Map<string, RegExp>();

/** `*` is any run of characters, `?` is one, as in host-header and path-pattern conditions. */
function glob(pattern: string): RegExp {
  let compiled = globs.get(pattern);
  if (!compiled) {
    const source = [...pattern]
      .map((c) => (c === "*" ? ".*" : c === "?" ? "." : c.replace(/[.+^${}()|[\]\\]/, "\\$&")))
      .join("");
    compiled = new RegExp(`^${source}$`);
    globs.set(pattern, compiled);
  }
  return compiled;
}

export function ruleAction(config: ActionConfig, arnOf: (groupName: string) => string): RuleAction {
  if ("fixed" in config) return { kind: "fixed", ...config.fixed };
  const groups = config.forward.map(({ targetGroup, weight }) => ({ arn: arnOf(targetGroup), weight }));
  return { kind: "forward", groups };
}
