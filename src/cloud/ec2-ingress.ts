import {
  AuthorizeSecurityGroupIngressCommand,
  DescribeSecurityGroupRulesCommand,
  type Filter,
  type IpPermission,
  RevokeSecurityGroupIngressCommand,
} from "@aws-sdk/client-ec2";
import { z } from "zod";
import { SlipwayError } from "../util/errors.ts";
import type { CallOptions } from "./call.ts";
import { type Cidr, parseCidr } from "./cidr.ts";
import type { ClientSet } from "./clients.ts";
import { AwsFault } from "./errors.ts";
import { allPages, parseAnswer } from "./parse.ts";
import { isOurs, TAG, type Tags, tagFilters, tagList, tagsSchema } from "./tags.ts";
import { pause, type Timers } from "./timers.ts";

/** Who may reach which port: the key under which rules of a shared group are counted. */
export interface IngressKey {
  readonly groupId: string;
  readonly port: number;
  /** IPv4 or IPv6 network, e.g. `203.0.113.7/32`. */
  readonly cidr: string;
}

export interface IngressRequest extends IngressKey {
  /** Put on the rule itself; must hold `slipway:installation`, by which the rule is known as ours. */
  readonly tags: Tags;
  /** Shown in the console; AWS allows letters, digits and `._-:/()#,@[]+=&;{}!$*` and spaces, 255 of them. */
  readonly description: string;
}

/** A TCP ingress rule of a security group. */
export interface IngressRule {
  readonly ruleId: string;
  readonly groupId: string | undefined;
  readonly fromPort: number | undefined;
  readonly toPort: number | undefined;
  readonly protocol: string | undefined;
  /** Undefined for rules that name a group or a prefix list. */
  readonly cidr: string | undefined;
  readonly description: string | undefined;
  readonly tags: Tags;
}

export type OpenedIngress =
  | { readonly kind: "created"; readonly ruleId: string }
  /**
   * `ours`: made by this installation, maybe by an earlier attempt of this very call; else leave it alone.
   */
  | { readonly kind: "exists"; readonly ruleId: string; readonly ours: boolean; readonly tags: Tags };

export interface ClosedIngress {
  /** `already_gone`: AWS knew no such rule any more. */
  readonly kind: "closed" | "already_gone";
}

const ruleSchema = z
  .object({
    SecurityGroupRuleId: z.string().regex(/^sgr-/, "not a rule id"),
    GroupId: z.string().optional(),
    IsEgress: z.boolean().optional(),
    IpProtocol: z.string().optional(),
    FromPort: z.number().optional(),
    ToPort: z.number().optional(),
    CidrIpv4: z.string().optional(),
    CidrIpv6: z.string().optional(),
    Description: z.string().optional(),
    Tags: tagsSchema,
  })
  .transform((seen) => ({
    egress: seen.IsEgress ?? false,
    rule: {
      ruleId: seen.SecurityGroupRuleId,
      groupId: seen.GroupId,
      fromPort: seen.FromPort,
      toPort: seen.ToPort,
      protocol: seen.IpProtocol,
      cidr: seen.CidrIpv4 || seen.CidrIpv6 || undefined,
      description: seen.Description,
      tags: seen.Tags,
    } satisfies IngressRule,
  }));

const describeSchema = z.object({
  SecurityGroupRules: z.array(ruleSchema),
  NextToken: z
    .string()
    .optional()
    .transform((token) => token || undefined),
});

// AWS may leave the made rules out of the answer: then the rule is looked up.
const authorizeSchema = z.object({ SecurityGroupRules: z.array(ruleSchema).optional() });

/**
 * How often and how long apart a look is repeated before AWS's eventual consistency is no excuse any more.
 */
const LOOKS = 8;
const LOOK_PAUSE_MS = 500;

export interface IngressContext {
  readonly clients: ClientSet;
  readonly timers: Timers;
}

/**
 * Opens a port for a network. Harmless to repeat after an unknown outcome: the second time AWS says that the
 * rule is there, and its tag says whose it is.
 *
 * @throws AwsFault; SlipwayError `cidr_invalid`, `ingress_rule_not_found`.
 */
export async function openIngress(
  { clients, timers }: IngressContext,
  request: IngressRequest,
  options: CallOptions,
): Promise<OpenedIngress> {
  const action = "ec2:AuthorizeSecurityGroupIngress";
  const command = new AuthorizeSecurityGroupIngressCommand({
    GroupId: request.groupId,
    IpPermissions: [permissionOf(request)],
    TagSpecifications: [{ ResourceType: "security-group-rule", Tags: tagList(request.tags) }],
  });
  const send = (abortSignal: AbortSignal) => clients.ec2.send(command, { abortSignal });
  try {
    const answer = await clients.caller.call(action, send, options);
    const { SecurityGroupRules } = parseAnswer(authorizeSchema, answer, clients.caller.facts(action));
    const made = SecurityGroupRules?.[0]?.rule;
    if (made) return { kind: "created", ruleId: made.ruleId };
    return { kind: "created", ruleId: (await lookUntilFound({ clients, timers }, request, options)).ruleId };
  } catch (error) {
    if (!(error instanceof AwsFault) || error.kind !== "duplicate") throw error;
    const found = await lookUntilFound({ clients, timers }, request, options);
    const ours = isOurs(found.tags, request.tags[TAG.installation] ?? "");
    return { kind: "exists", ruleId: found.ruleId, ours, tags: found.tags };
  }
}

function permissionOf(request: IngressRequest): IpPermission {
  const { family, text } = readCidr(request.cidr);
  const Description = request.description.replace(/[^A-Za-z0-9 ._\-:/()#,@[\]+=&;{}!$*]/g, "-").slice(0, 255);
  const base = { IpProtocol: "tcp", FromPort: request.port, ToPort: request.port };
  return family === 4
    ? { ...base, IpRanges: [{ CidrIp: text, Description }] }
    : { ...base, Ipv6Ranges: [{ CidrIpv6: text, Description }] };
}

async function lookUntilFound(
  { clients, timers }: IngressContext,
  key: IngressKey,
  options: CallOptions,
): Promise<IngressRule> {
  for (let look = 1; ; look++) {
    const rule = await findRule(clients, key, options);
    if (rule) return rule;
    if (look >= LOOKS) {
      const what = `port ${key.port} of ${key.groupId} for ${key.cidr}`;
      throw new SlipwayError(
        "ingress_rule_not_found",
        `AWS says that ${what} is open, but shows no such rule`,
        {
          remedy:
            "Look at the group's inbound rules: one that covers the same port and network may be there.",
          fields: { ...key },
        },
      );
    }
    await pause(timers, LOOK_PAUSE_MS, options.signal);
  }
}

/** The rule that opens exactly this port to exactly this network, whoever made it. */
export async function findRule(
  clients: ClientSet,
  key: IngressKey,
  options: CallOptions,
): Promise<IngressRule | undefined> {
  const { text } = readCidr(key.cidr);
  const rules = await describeRules(clients, [{ Name: "group-id", Values: [key.groupId] }], options);
  return rules.find(
    (rule) =>
      rule.protocol === "tcp" &&
      rule.fromPort === key.port &&
      rule.toPort === key.port &&
      rule.cidr !== undefined &&
      parseCidr(rule.cidr)?.text === text,
  );
}

/** Every ingress rule that carries all these tags, in whatever group. */
export async function findRules(
  clients: ClientSet,
  tags: Tags,
  options: CallOptions,
): Promise<IngressRule[]> {
  return await describeRules(clients, tagFilters(tags), options);
}

/**
 * Closes by rule id, never by properties: in a default VPC a revoke by properties that matches nothing
 * reports success. What AWS answers is not believed either: it is done when the rule is not shown any more.
 * An id that AWS does not know may belong to a rule that is only seconds old, so that answer must stand for a
 * few seconds.
 *
 * @throws AwsFault; SlipwayError `ingress_rule_still_open`.
 */
export async function closeIngress(
  { clients, timers }: IngressContext,
  rule: RuleName,
  options: CallOptions,
): Promise<ClosedIngress> {
  let revoked = false;
  for (let look = 1; look <= LOOKS; look++) {
    revoked = (await revoke(clients, rule, options)) || revoked;
    const filters = [{ Name: "security-group-rule-id", Values: [rule.ruleId] }];
    const left = await describeRules(clients, filters, options);
    if (left.length === 0 && revoked) return { kind: "closed" };
    if (left.length === 0 && look === LOOKS) return { kind: "already_gone" };
    await pause(timers, LOOK_PAUSE_MS, options.signal);
  }
  throw new SlipwayError(
    "ingress_rule_still_open",
    `the rule ${rule.ruleId} of ${rule.groupId} is still there`,
    {
      remedy: "It is tried again; if it stays, remove it in the EC2 console.",
      fields: { ...rule },
    },
  );
}

export interface RuleName {
  readonly groupId: string;
  readonly ruleId: string;
}

/** False when AWS does not know the rule, or its group. */
async function revoke(
  clients: ClientSet,
  { groupId, ruleId }: RuleName,
  options: CallOptions,
): Promise<boolean> {
  const command = new RevokeSecurityGroupIngressCommand({ GroupId: groupId, SecurityGroupRuleIds: [ruleId] });
  const send = (abortSignal: AbortSignal) => clients.ec2.send(command, { abortSignal });
  try {
    await clients.caller.call("ec2:RevokeSecurityGroupIngress", send, options);
    return true;
  } catch (error) {
    if (error instanceof AwsFault && error.kind === "not_found") return false;
    throw error;
  }
}

async function describeRules(
  clients: ClientSet,
  filters: Filter[],
  options: CallOptions,
): Promise<IngressRule[]> {
  const action = "ec2:DescribeSecurityGroupRules";
  const facts = clients.caller.facts(action);
  const all = await allPages(facts, async (token) => {
    const command = new DescribeSecurityGroupRulesCommand({
      Filters: filters,
      MaxResults: 1000,
      NextToken: token,
    });
    const send = (abortSignal: AbortSignal) => clients.ec2.send(command, { abortSignal });
    const page = parseAnswer(describeSchema, await clients.caller.call(action, send, options), facts);
    return { items: page.SecurityGroupRules, next: page.NextToken };
  });
  return all.filter((one) => !one.egress).map((one) => one.rule);
}

function readCidr(text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr) return cidr;
  throw new SlipwayError("cidr_invalid", `"${text}" is not a network such as 203.0.113.7/32`, {
    remedy: "Correct the slot's `ingress.from`.",
  });
}
