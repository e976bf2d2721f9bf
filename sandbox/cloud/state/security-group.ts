import { BlockList, isIPv4 } from "node:net";
import { resourceId } from "./ids.ts";

/** What a rule lets in: two rules are the same when all of this is. */
export interface RuleSource {
  readonly protocol: string;
  readonly fromPort: number;
  readonly toPort: number;
  readonly cidrIpv4: string | undefined;
  readonly cidrIpv6: string | undefined;
  readonly referencedGroupId: string | undefined;
}

export interface IngressRule extends RuleSource {
  readonly ruleId: string;
  readonly description: string | undefined;
  readonly tags: Map<string, string>;
  /** Part of the account's set-up, not made by a call. */
  readonly initial: boolean;
  /** Descriptions leave it out before this (milliseconds since the epoch). */
  readonly visibleFrom: number;
}

/** A security group with its inbound rules. */
export class SecurityGroup {
  readonly groupId: string;
  readonly name: string;
  readonly vpcId: string;
  readonly tags = new Map<string, string>();
  readonly rules = new Map<string, IngressRule>();

  constructor(groupId: string, name: string, vpcId: string) {
    this.groupId = groupId;
    this.name = name;
    this.vpcId = vpcId;
  }

  find(source: RuleSource): IngressRule | undefined {
    const wanted = sourceKey(source);
    return [...this.rules.values()].find((rule) => sourceKey(rule) === wanted);
  }

  add(
    source: RuleSource,
    facts: { description?: string | undefined; initial: boolean; visibleFrom: number },
  ): IngressRule {
    const rule: IngressRule = {
      ...source,
      ruleId: resourceId("sgr"),
      description: facts.description,
      tags: new Map(),
      initial: facts.initial,
      visibleFrom: facts.visibleFrom,
    };
    this.rules.set(rule.ruleId, rule);
    return rule;
  }
}

/**
 * Does the rule let TCP from this address in on this port? `groupMembers` resolves a rule that names a group.
 */
export function letsIn(
  rule: RuleSource,
  address: string,
  port: number,
  groupMembers: (groupId: string) => ReadonlySet<string>,
): boolean {
  if (rule.protocol !== "-1" && rule.protocol !== "tcp") return false;
  if (rule.protocol === "tcp" && (port < rule.fromPort || port > rule.toPort)) return false;
  if (rule.referencedGroupId !== undefined) return groupMembers(rule.referencedGroupId).has(address);
  const cidr = isIPv4(address) ? rule.cidrIpv4 : rule.cidrIpv6;
  return cidr !== undefined && blockOf(cidr).check(address, isIPv4(address) ? "ipv4" : "ipv6");
}

const blocks = new Map<string, BlockList>();

function blockOf(cidr: string): BlockList {
  let block = blocks.get(cidr);
  if (!block) {
    const [network = "", prefix = ""] = cidr.split("/");
    block = new BlockList();
    block.addSubnet(network, Number(prefix), isIPv4(network) ? "ipv4" : "ipv6");
    blocks.set(cidr, block);
  }
  return block;
}

export function sourceKey(rule: RuleSource): string {
  const { protocol, fromPort, toPort, cidrIpv4, cidrIpv6, referencedGroupId } = rule;
  return [protocol, fromPort, toPort, cidrIpv4 ?? "", cidrIpv6 ?? "", referencedGroupId ?? ""].join("|");
}
