import {
  type Action,
  DescribeRulesCommand,
  ModifyListenerCommand,
  ModifyRuleCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { z } from "zod";
import { SlipwayError } from "../util/errors.ts";
import type { CallOptions } from "./call.ts";
import type { ClientSet } from "./clients.ts";
import { unreadableAnswer } from "./errors.ts";
import { parseAnswer } from "./parse.ts";

export interface GroupWeight {
  readonly targetGroup: string;
  /** 0–999; a group of weight 0 gets no new requests. */
  readonly weight: number;
}

/** To which target groups a listener rule forwards. */
export interface RuleForward {
  readonly ruleArn: string;
  readonly groups: readonly GroupWeight[];
  /** Requests of one client stay with one group for this long; null when they do not. */
  readonly stickySeconds: number | null;
  /** A listener's default rule is changed through the listener. */
  readonly isDefault: boolean;
}

// Unknown members are kept: the actions go back to AWS as they came.
const actionSchema = z.looseObject({
  Type: z.string(),
  TargetGroupArn: z.string().optional(),
  ForwardConfig: z
    .looseObject({
      TargetGroups: z
        .array(z.looseObject({ TargetGroupArn: z.string(), Weight: z.number().optional() }))
        .optional(),
      TargetGroupStickinessConfig: z
        .looseObject({ Enabled: z.boolean().optional(), DurationSeconds: z.number().optional() })
        .optional(),
    })
    .optional(),
  AuthenticateOidcConfig: z.looseObject({}).optional(),
});
type RuleAction = z.output<typeof actionSchema>;

const rulesSchema = z.object({
  Rules: z.array(
    z.looseObject({ RuleArn: z.string(), IsDefault: z.boolean().optional(), Actions: z.array(actionSchema) }),
  ),
});

/** @throws AwsFault (`not_found` for an unknown rule); SlipwayError `rule_does_not_forward`. */
export async function ruleForward(
  clients: ClientSet,
  ruleArn: string,
  options: CallOptions,
): Promise<RuleForward> {
  const rule = await describeRule(clients, ruleArn, options);
  return forwardOf(ruleArn, rule.actions, rule.isDefault);
}

/**
 * Lets the rule forward to exactly these groups, in one change; its stickiness and its other actions (a
 * log-in, for instance) stay as they are. Harmless to repeat.
 *
 * @returns what AWS says that the rule does now.
 * @throws as `ruleForward`; AwsFault `garbage` when AWS's answer shows other groups.
 */
export async function setRuleForward(
  clients: ClientSet,
  ruleArn: string,
  groups: readonly GroupWeight[],
  options: CallOptions,
): Promise<RuleForward> {
  const rule = await describeRule(clients, ruleArn, options);
  forwardOf(ruleArn, rule.actions, rule.isDefault);
  const actions = rule.actions.map((action) => withGroups(action, groups)) as Action[];
  const changed = rule.isDefault
    ? await modifyDefault(clients, ruleArn, actions, options)
    : await modifyRule(clients, ruleArn, actions, options);
  const now = forwardOf(ruleArn, changed, rule.isDefault);
  if (!sameGroups(now.groups, groups)) {
    const action = rule.isDefault ? LISTENER_ACTION : RULE_ACTION;
    throw unreadableAnswer(clients.caller.facts(action), "it shows other target groups than were set");
  }
  return now;
}

const RULE_ACTION = "elasticloadbalancing:ModifyRule";
const LISTENER_ACTION = "elasticloadbalancing:ModifyListener";

async function describeRule(clients: ClientSet, ruleArn: string, options: CallOptions) {
  const action = "elasticloadbalancing:DescribeRules";
  const facts = clients.caller.facts(action);
  const command = new DescribeRulesCommand({ RuleArns: [ruleArn] });
  const send = (abortSignal: AbortSignal) => clients.elb.send(command, { abortSignal });
  const { Rules } = parseAnswer(rulesSchema, await clients.caller.call(action, send, options), facts);
  const rule = Rules.find((one) => one.RuleArn === ruleArn);
  if (!rule) throw unreadableAnswer(facts, `the rule ${ruleArn} is not in it`);
  return { actions: rule.Actions, isDefault: rule.IsDefault ?? false };
}

async function modifyRule(
  clients: ClientSet,
  ruleArn: string,
  Actions: Action[],
  options: CallOptions,
): Promise<RuleAction[]> {
  const facts = clients.caller.facts(RULE_ACTION);
  const command = new ModifyRuleCommand({ RuleArn: ruleArn, Actions });
  const send = (abortSignal: AbortSignal) => clients.elb.send(command, { abortSignal });
  const { Rules } = parseAnswer(rulesSchema, await clients.caller.call(RULE_ACTION, send, options), facts);
  const rule = Rules.find((one) => one.RuleArn === ruleArn);
  if (!rule) throw unreadableAnswer(facts, `the rule ${ruleArn} is not in it`);
  return rule.Actions;
}

const listenersSchema = z.object({
  Listeners: z.array(z.looseObject({ DefaultActions: z.array(actionSchema) })).length(1),
});

/** AWS refuses ModifyRule for a default rule: its actions are the listener's default actions. */
async function modifyDefault(
  clients: ClientSet,
  ruleArn: string,
  DefaultActions: Action[],
  options: CallOptions,
): Promise<RuleAction[]> {
  const facts = clients.caller.facts(LISTENER_ACTION);
  const command = new ModifyListenerCommand({ ListenerArn: listenerOfRule(ruleArn), DefaultActions });
  const send = (abortSignal: AbortSignal) => clients.elb.send(command, { abortSignal });
  const answer = await clients.caller.call(LISTENER_ACTION, send, options);
  return parseAnswer(listenersSchema, answer, facts).Listeners[0]?.DefaultActions ?? [];
}

/** `…:listener-rule/app/name/lb/listener/rule` → `…:listener/app/name/lb/listener`. */
function listenerOfRule(ruleArn: string): string {
  return ruleArn.replace(":listener-rule/", ":listener/").replace(/\/[^/]+$/, "");
}

function forwardOf(ruleArn: string, actions: readonly RuleAction[], isDefault: boolean): RuleForward {
  const action = actions.find((one) => one.Type === "forward");
  const groups = action && groupsOf(action);
  if (!groups || groups.length === 0) {
    throw new SlipwayError(
      "rule_does_not_forward",
      `the listener rule ${ruleArn} forwards to no target group`,
      {
        remedy: "Name in `listenerRule` a rule whose action is `forward`.",
        fields: { ruleArn },
      },
    );
  }
  const sticky = action.ForwardConfig?.TargetGroupStickinessConfig;
  const stickySeconds = sticky?.Enabled ? (sticky.DurationSeconds ?? 0) : null;
  return { ruleArn, groups, stickySeconds, isDefault };
}

/** A rule with one group may be described by TargetGroupArn alone, by ForwardConfig, or by both. */
function groupsOf(action: RuleAction): GroupWeight[] {
  const tuples = action.ForwardConfig?.TargetGroups;
  if (tuples && tuples.length > 0) {
    return tuples.map((tuple) => ({ targetGroup: tuple.TargetGroupArn, weight: tuple.Weight ?? 1 }));
  }
  return action.TargetGroupArn === undefined ? [] : [{ targetGroup: action.TargetGroupArn, weight: 1 }];
}

function withGroups(action: RuleAction, groups: readonly GroupWeight[]): RuleAction {
  if (action.Type === "forward") {
    // Given beside ForwardConfig, TargetGroupArn must name its only group: it is left out instead.
    const { TargetGroupArn: _, ...rest } = action;
    const TargetGroups = groups.map(({ targetGroup, weight }) => ({
      TargetGroupArn: targetGroup,
      Weight: weight,
    }));
    return { ...rest, ForwardConfig: { ...action.ForwardConfig, TargetGroups } };
  }
  if (action.AuthenticateOidcConfig) {
    // AWS never shows the client's secret; without this word it would demand it again.
    return {
      ...action,
      AuthenticateOidcConfig: { ...action.AuthenticateOidcConfig, UseExistingClientSecret: true },
    };
  }
  return action;
}

function sameGroups(a: readonly GroupWeight[], b: readonly GroupWeight[]): boolean {
  const key = (groups: readonly GroupWeight[]) =>
    groups
      .map(({ targetGroup, weight }) => `${targetGroup} ${groups.length === 1 ? "" : weight}`)
      .sort()
      .join("\n");
  return key(a) === key(b);
}
