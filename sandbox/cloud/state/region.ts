import { join } from "node:path";
import type { CloudConfig, Delays, LoadBalancerConfig, RegionConfig } from "../config.ts";
import type { BalancerRequest, BalancerRoute, CloudHosts } from "../ports.ts";
import { ClientTokens } from "./client-tokens.ts";
import type { Clock } from "./clock.ts";
import { arnSuffix } from "./ids.ts";
import { Instance, type LaunchFacts } from "./instance.ts";
import { groupsOf, type ListenerRule, LoadBalancer, type RuleAction, ruleAction } from "./load-balancer.ts";
import { letsIn, SecurityGroup } from "./security-group.ts";
import { TargetGroup } from "./target-group.ts";
import { TargetTimes } from "./target-times.ts";

export interface RegionSurroundings {
  readonly clock: Clock;
  readonly hosts: CloudHosts;
  readonly delays: () => Delays;
  readonly random: () => number;
  readonly folder: string;
  readonly accountId: string;
  readonly ports: CloudConfig["instancePorts"];
  freeAddress(address: string): void;
}

/** All that one region holds. Made from the configuration, changed by calls and by time. */
export class Region {
  readonly config: RegionConfig;
  readonly instances = new Map<string, Instance>();
  readonly groups: ReadonlyMap<string, SecurityGroup>;
  readonly targetGroups: ReadonlyMap<string, TargetGroup>;
  readonly loadBalancers: readonly LoadBalancer[];
  readonly tokens = new ClientTokens();
  readonly targetTimes = new TargetTimes();
  readonly imageStates: Map<string, "available" | "pending" | "failed">;
  /** Instances that a zone still takes, by `type|zone`; unlimited where there is no entry. */
  readonly capacity: Map<string, number>;
  readonly #around: RegionSurroundings;

  constructor(config: RegionConfig, around: RegionSurroundings) {
    this.config = config;
    this.#around = around;
    this.imageStates = new Map(config.images.map(({ id, state }) => [id, state]));
    this.capacity = new Map(
      config.capacity.map(({ type, zone, available }) => [`${type}|${zone}`, available]),
    );
    this.groups = this.#makeGroups();
    this.targetGroups = this.#makeTargetGroups();
    this.loadBalancers = config.loadBalancers.map((one) => this.#makeBalancer(one));
  }

  get name(): string {
    return this.config.name;
  }

  get accountId(): string {
    return this.#around.accountId;
  }

  get delays(): Delays {
    return this.#around.delays();
  }

  get now(): number {
    return this.#around.clock.now();
  }

  launch(facts: LaunchFacts): Instance {
    const { clock, hosts, delays, ports, folder } = this.#around;
    const instance = new Instance(facts, {
      clock,
      host: hosts.instances,
      delays,
      ports,
      folder: join(folder, facts.instanceId),
      mayConnect: (one, source, port) => this.mayConnect(one, source, port),
      onChange: (one) => {
        if (one.state === "terminated") this.#around.freeAddress(one.facts.address);
      },
      onGone: (one) => this.#forget(one),
    });
    this.instances.set(facts.instanceId, instance);
    return instance;
  }

  mayConnect(instance: Instance, source: string, port: number): boolean {
    return instance.facts.groupIds.some((groupId) =>
      [...(this.groups.get(groupId)?.rules.values() ?? [])].some((rule) =>
        letsIn(rule, source, port, (id) => this.#addressesIn(id)),
      ),
    );
  }

  targetGroup(arn: string): TargetGroup | undefined {
    return this.targetGroups.get(arn);
  }

  isVpcDefault(vpcId: string): boolean {
    return this.config.vpcs.some((vpc) => vpc.id === vpcId && vpc.default);
  }

  isGroupInUse(groupArn: string): boolean {
    return this.loadBalancers.some((balancer) => balancer.uses(groupArn));
  }

  balancersUsing(groupArn: string): LoadBalancer[] {
    return this.loadBalancers.filter((balancer) => balancer.uses(groupArn));
  }

  route(balancerName: string, request: BalancerRequest): BalancerRoute {
    const balancer = this.loadBalancers.find(({ name }) => name === balancerName);
    if (!balancer)
      return { kind: "fixed", status: 503, contentType: "text/plain", body: "no such load balancer" };
    return balancer.route(request, (arn) => this.targetGroups.get(arn), this.#around.random);
  }

  findRule(ruleArn: string): { balancer: LoadBalancer; rule: ListenerRule } | undefined {
    for (const balancer of this.loadBalancers) {
      const rule = balancer.rules.find(({ arn }) => arn === ruleArn);
      if (rule) return { balancer, rule };
    }
    return undefined;
  }

  /** Changes what a rule does; groups that come into use are checked from the start. */
  changeAction(rule: ListenerRule, action: RuleAction): void {
    const idle = groupsOf(action).filter(({ arn }) => !this.isGroupInUse(arn));
    rule.action = action;
    for (const { arn } of idle) this.targetGroups.get(arn)?.begin();
  }

  /** Ends everything at once. */
  async close(): Promise<void> {
    for (const group of this.targetGroups.values()) group.close();
    await Promise.all([...this.instances.values()].map((instance) => instance.destroy()));
    for (const { state, facts } of this.instances.values()) {
      if (state !== "terminated") this.#around.freeAddress(facts.address);
    }
  }

  #forget(instance: Instance): void {
    this.instances.delete(instance.facts.instanceId);
    for (const group of this.targetGroups.values()) group.forgetInstance(instance.facts.instanceId);
  }

  #addressesIn(groupId: string): ReadonlySet<string> {
    const members = [...this.instances.values()].filter(
      ({ isAlive, facts }) => isAlive && facts.groupIds.includes(groupId),
    );
    return new Set(members.map(({ facts }) => facts.address));
  }

  #makeGroups(): Map<string, SecurityGroup> {
    const groups = new Map<string, SecurityGroup>();
    for (const { id, name, vpc, ingress } of this.config.securityGroups) {
      const group = new SecurityGroup(id, name, vpc);
      for (const rule of ingress) {
        group.add(
          {
            protocol: rule.protocol,
            fromPort: rule.fromPort,
            toPort: rule.toPort === -1 ? rule.fromPort : rule.toPort,
            cidrIpv4: rule.cidr,
            cidrIpv6: undefined,
            referencedGroupId: rule.group,
          },
          { description: rule.description, initial: true, visibleFrom: 0 },
        );
      }
      groups.set(id, group);
    }
    return groups;
  }

  #makeTargetGroups(): Map<string, TargetGroup> {
    const { clock, hosts, delays } = this.#around;
    return new Map(
      this.config.targetGroups.map((config) => {
        const arn = config.arn ?? this.#arn(`targetgroup/${config.name}/${arnSuffix()}`);
        const group = new TargetGroup(config, arn, {
          clock,
          checker: hosts.health,
          delays,
          isInUse: (groupArn) => this.isGroupInUse(groupArn),
          isInstanceRunning: (instanceId) => this.instances.get(instanceId)?.state === "running",
          times: this.targetTimes,
        });
        return [arn, group];
      }),
    );
  }

  #makeBalancer(config: LoadBalancerConfig): LoadBalancer {
    const suffix = arnSuffix();
    const arn = config.arn ?? this.#arn(`loadbalancer/app/${config.name}/${suffix}`);
    const tail = arn.split(":loadbalancer/")[1] ?? `app/${config.name}/${suffix}`;
    const listenerArn = config.listenerArn ?? this.#arn(`listener/${tail}/${arnSuffix()}`);
    const ruleBase = listenerArn.replace(":listener/", ":listener-rule/");
    const rules: ListenerRule[] = config.rules.map((rule) => ({
      arn: rule.arn ?? `${ruleBase}/${arnSuffix()}`,
      priority: rule.priority,
      hosts: rule.host,
      paths: rule.path,
      action: ruleAction(rule.action, (name) => this.#groupArn(name)),
    }));
    const fallback: ListenerRule = {
      arn: `${ruleBase}/${arnSuffix()}`,
      priority: undefined,
      hosts: undefined,
      paths: undefined,
      action: ruleAction(config.default, (name) => this.#groupArn(name)),
    };
    return new LoadBalancer(config, { arn, listenerArn }, [...rules, fallback], new Date(this.now));
  }

  #groupArn(nameOrArn: string): string {
    const group = [...this.targetGroups.values()].find(
      ({ name, arn }) => name === nameOrArn || arn === nameOrArn,
    );
    if (!group)
      throw new Error(
        `The configuration of region ${this.name} names an unknown target group '${nameOrArn}'`,
      );
    return group.arn;
  }

  #arn(resource: string): string {
    return `arn:aws:elasticloadbalancing:${this.name}:${this.accountId}:${resource}`;
  }
}
