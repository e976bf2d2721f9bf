import {
  type CloudRegion,
  type GroupWeight,
  isDeregistered,
  isSameTarget,
  type Target,
  type TargetHealth,
  untilDraining,
  untilHealthy,
} from "../../cloud/index.ts";
import type { Owed } from "../../engine/owed.ts";
import type { Run } from "../../engine/run.ts";
import type { Step } from "../../engine/step.ts";
import { SlipwayError } from "../../util/errors.ts";
import type { JsonObject } from "../../util/json.ts";
import { OWED } from "../owed/kinds.ts";
import type { ForwardFacts, OldTargetsFacts, TargetFacts, TargetJson } from "../owed/targets.ts";
import type { SlotContext } from "../services.ts";
import { watched } from "../watched.ts";
import { refuseForeignTargets } from "./foreign-targets.ts";

/** AWS stops sending new requests to a draining target at once; this is for its own view to catch up. In ms. */
const DRAINING_WITHIN_MS = 60_000;

const NOTHING_CHANGED = "Nothing was changed in the load balancer.";

export type TookOver = (owed: Owed<JsonObject> | undefined, note: string) => Promise<void>;

const strikeOut: TookOver = async (owed, note) => {
  await owed?.strike(note);
};

/**
 * Puts an instance behind the slot's load balancer.
 *
 * - `replace`: the old targets out first, then the new one in. Never two at once, with a gap between.
 * - `overlap`: the new one in first; both serve for a moment.
 * - `switch`: the new one into the idle group of two; one change of the listener rule turns all requests over.
 *
 * When it fails the old targets come back, and the new one goes.
 */
export async function swapIn(
  run: Run,
  context: SlotContext,
  instanceId: string,
  how: Partial<How> = {},
): Promise<void> {
  const { slot } = context;
  const target: TargetJson = { id: instanceId, port: slot.targetPort };
  const asked = { took: strikeOut, ofRun: false, ...how };
  if (slot.swap === "switch") return await switchOver(run, context, target, asked);
  const groupArn = slot.targetGroup;
  if (groupArn === undefined)
    throw new SlipwayError("no_target_group", `${context.name} has no target group.`);
  if (slot.swap === "replace") return await replace(run, context, groupArn, target, asked);
  return await overlap(run, context, groupArn, target, asked);
}

interface How {
  /** Says that it has taken over: strikes out what was owed until then, if anything was. */
  readonly took: TookOver;
  /**
   * The registration is this run's own, though an earlier one may have owed the same for the environment that is kept:
   * if it fails, it is undone.
   */
  readonly ofRun: boolean;
}

/**
 * Whether requests go to an instance already: then a swap that fails must leave it there.
 *
 * In a scope of its own, so that a run that an older version began replays unchanged.
 */
export async function alreadyServes(
  run: Run,
  { slot, region }: SlotContext,
  instanceId: string,
): Promise<boolean> {
  const groupArn = slot.targetGroup;
  // The idle group of two gets no requests, whatever is left in it.
  if (slot.swap === "switch" || groupArn === undefined) return true;
  const target = { id: instanceId, port: slot.targetPort };
  return await run.in("Before", (run) =>
    run.step("Look who serves", async (step) => {
      const shown = await region.balancing.targets(groupArn, watched(step));
      return shown.some((health) => isSameTarget(health, target) && isThere(health));
    }),
  );
}

async function replace(
  run: Run,
  context: SlotContext,
  groupArn: string,
  target: TargetJson,
  how: How,
): Promise<void> {
  const old = await oweOldTargets(run, context, groupArn, target);
  if (old)
    await run.step("Take the old targets out", (step) =>
      takeOut(step, context.region, groupArn, old.facts.targets),
    );
  await putIn(run, context, groupArn, target, how);
  await how.took(old, "the new target took over");
}

async function overlap(
  run: Run,
  context: SlotContext,
  groupArn: string,
  target: TargetJson,
  how: How,
): Promise<void> {
  await putIn(run, context, groupArn, target, how);
  const old = await oweOldTargets(run, context, groupArn, target);
  if (old)
    await run.step("Take the old targets out", (step) =>
      takeOut(step, context.region, groupArn, old.facts.targets),
    );
  await how.took(old, "the new target took over");
}

async function switchOver(run: Run, context: SlotContext, target: TargetJson, how: How): Promise<void> {
  const { slot, region, name } = context;
  const { listenerRule, targetGroups } = slot;
  if (listenerRule === undefined || targetGroups === undefined)
    throw new SlipwayError("no_listener_rule", `${name} has no listener rule to switch.`);
  const before = await run.step("Read the listener rule", async (step) => {
    await refuseForeignTargets(run, context, NOTHING_CHANGED);
    const { groups } = await region.balancing.ruleForward(listenerRule, watched(step));
    return groups as (GroupWeight & JsonObject)[];
  });
  const { live, idle } = chooseSides(before, targetGroups);
  const turned = await run.owe<ForwardFacts>(OWED.forward, {
    facts: { region: slot.region, ruleArn: listenerRule, groups: before },
  });
  // A group that no rule names is not health-checked: at weight 0 it is, and gets no request.
  await run.step("Prepare the idle target group", async (step) => {
    await region.balancing.setRuleForward(listenerRule, [weight(live, 1), weight(idle, 0)], watched(step));
    await turned.created();
    const stale = await otherTargets(region, idle, target, step);
    await takeOut(step, region, idle, stale);
  });
  await putIn(run, context, idle, target, how);
  await run.step("Switch", async (step) => {
    await region.balancing.setRuleForward(listenerRule, [weight(live, 0), weight(idle, 1)], watched(step));
  });
  await how.took(turned, "the new target group took over");
  await run.step("Take the old targets out", async (step) => {
    await takeOut(step, region, live, await otherTargets(region, live, target, step));
  });
}

/** Pure: the group with the most weight is live; a rule that names neither of the two is not ours to turn. */
export function chooseSides(
  before: readonly GroupWeight[],
  groups: readonly string[],
): { live: string; idle: string } {
  const [first, second] = groups;
  if (first === undefined || second === undefined)
    throw new SlipwayError("no_target_group", "A switch needs two target groups.");
  const weightOf = (arn: string) => before.find((group) => group.targetGroup === arn)?.weight ?? 0;
  const foreign = before.filter((group) => group.weight > 0 && !groups.includes(group.targetGroup));
  if (foreign.length > 0) {
    throw new SlipwayError(
      "listener_rule_foreign",
      `The listener rule forwards to ${foreign.map((group) => group.targetGroup).join(", ")}, which is not one of the slot's two groups.`,
      {
        remedy:
          "Nothing was changed. Correct `targetGroups` or `listenerRule` of the slot, or the rule itself.",
      },
    );
  }
  return weightOf(second) > weightOf(first) ? { live: second, idle: first } : { live: first, idle: second };
}

function weight(targetGroup: string, value: number): GroupWeight {
  return { targetGroup, weight: value };
}

/** Owes the return of everything else that is in the group; nothing is owed when there is nothing. */
async function oweOldTargets(run: Run, context: SlotContext, groupArn: string, target: Target) {
  const { slot, region } = context;
  const targets = await run.step("Look for old targets", async (step) => {
    await refuseForeignTargets(run, context, NOTHING_CHANGED);
    return await otherTargets(region, groupArn, target, step);
  });
  if (targets.length === 0) return undefined;
  const owed = await run.owe<OldTargetsFacts>(OWED.oldTargets, {
    key: groupArn,
    facts: { region: slot.region, groupArn, targets },
  });
  if (owed.state === "recorded") await owed.created();
  return owed;
}

async function otherTargets(
  region: CloudRegion,
  groupArn: string,
  mine: Target,
  step: Step,
): Promise<TargetJson[]> {
  const shown = await region.balancing.targets(groupArn, watched(step));
  return shown
    .filter((health) => !isSameTarget(health, mine) && isThere(health))
    .map(({ id, port, zone }) => ({
      id,
      ...(port !== undefined && { port }),
      ...(zone !== undefined && { zone }),
    }));
}

function isThere(health: TargetHealth): boolean {
  return !isDeregistered(health) && health.state !== "draining";
}

async function takeOut(
  step: Step,
  region: CloudRegion,
  groupArn: string,
  targets: readonly Target[],
): Promise<void> {
  if (targets.length === 0) return;
  await region.balancing.deregister(groupArn, targets, watched(step));
  const options = { deadline: step.now() + DRAINING_WITHIN_MS, ...watched(step), what: "draining" };
  await Promise.all(targets.map((target) => region.poller.target(groupArn, target, untilDraining, options)));
  step.log(`Taken out: ${targets.map((target) => target.id).join(", ")}.`);
}

async function putIn(
  run: Run,
  context: SlotContext,
  groupArn: string,
  target: TargetJson,
  { ofRun }: How,
): Promise<void> {
  const { slot, region } = context;
  const owed = await run.owe<TargetFacts>(OWED.target, {
    key: `${target.id}:${groupArn}${ofRun ? `:${run.uuid}` : ""}`,
    facts: { region: slot.region, groupArn, target, deregisterWithinMs: slot.deregisterWithin },
  });
  await run.step(
    "Load balancer sees it healthy",
    async (step) => {
      // Of two runs that begin at once each has owed its target here, so one of them sees the other.
      await refuseForeignTargets(run, context, "What the load balancer had before comes back.");
      await region.balancing.register(groupArn, [target], watched(step));
      await owed.created();
      await region.poller.target(groupArn, target, untilHealthy(groupArn), {
        deadline: (step.deadline ?? step.now()) - 500,
        ...watched(step),
        what: "healthy",
      });
    },
    { timeoutMs: slot.healthyWithin },
  );
}
