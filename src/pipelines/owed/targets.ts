import type { GroupWeight } from "../../cloud/index.ts";
import {
  AwsFault,
  type Cloud,
  type CloudRegion,
  isDeregistered,
  isSameTarget,
  type Target,
  untilDeregistered,
  untilDraining,
} from "../../cloud/index.ts";
import type { ObligationKind } from "../../engine/obligation.ts";
import type { JsonObject } from "../../util/json.ts";
import { OWED } from "./kinds.ts";

export type TargetJson = Target & JsonObject;

export type TargetFacts = JsonObject & {
  readonly region: string;
  readonly groupArn: string;
  readonly target: TargetJson;
  /** How long draining may take, in ms. */
  readonly deregisterWithinMs: number;
};

export type OldTargetsFacts = JsonObject & {
  readonly region: string;
  readonly groupArn: string;
  readonly targets: readonly TargetJson[];
};

export type ForwardFacts = JsonObject & {
  readonly region: string;
  readonly ruleArn: string;
  readonly groups: readonly (GroupWeight & JsonObject)[];
};

const RELEASED_WITHIN_MS = 60_000;

/** A registration of ours. Draining frees those who wait for it; gone is when the group shows it no more. */
export function targetKind(cloud: Cloud): ObligationKind<TargetFacts> {
  return {
    kind: OWED.target,
    version: 1,
    title: "Take out of the load balancer",
    discharge: async (context) => {
      const { facts, signal } = context;
      const region = cloud.region(facts.region);
      try {
        await region.cleanup.balancing.deregister(facts.groupArn, [facts.target], { signal });
      } catch (error) {
        // A deleted target group holds no targets; an instance that is no more cannot be named any longer.
        if (error instanceof AwsFault && (error.kind === "not_found" || error.kind === "invalid")) {
          if (await isOut(region, facts, signal)) return;
        }
        throw error;
      }
      const options = { deadline: context.now() + RELEASED_WITHIN_MS, signal, what: "draining" };
      await region.poller.target(facts.groupArn, facts.target, untilDraining, options);
      await context.release();
      await region.poller.target(facts.groupArn, facts.target, untilDeregistered, {
        deadline: context.now() + facts.deregisterWithinMs,
        signal,
        what: "deregistered",
      });
    },
  };
}

async function isOut(region: CloudRegion, facts: TargetFacts, signal: AbortSignal): Promise<boolean> {
  try {
    const shown = await region.cleanup.balancing.targets(facts.groupArn, { signal });
    return isDeregistered(shown.find((health) => isSameTarget(health, facts.target)));
  } catch (error) {
    if (error instanceof AwsFault && error.kind === "not_found") return true;
    throw error;
  }
}

/** What a swap took out comes back, by exact id and port, unless the swap succeeded. */
export function oldTargetsKind(cloud: Cloud): ObligationKind<OldTargetsFacts> {
  return {
    kind: OWED.oldTargets,
    version: 1,
    title: "Put the old targets back",
    after: [{ kind: OWED.target, until: "released" }],
    discharge: async (context) => {
      const { facts, signal } = context;
      const { balancing, ec2 } = cloud.region(facts.region).cleanup;
      const alive = await livingTargets(facts, async (ids) => await ec2.findInstances(ids, { signal }));
      for (const target of facts.targets) {
        if (!alive.includes(target)) context.log(`${target.id} is terminated and cannot come back.`);
      }
      if (alive.length === 0) return;
      await balancing.register(facts.groupArn, alive, { signal });
      const shown = await balancing.targets(facts.groupArn, { signal });
      const missing = alive.filter((target) =>
        isDeregistered(shown.find((health) => isSameTarget(health, target))),
      );
      if (missing.length > 0)
        throw new Error(`Not back yet: ${missing.map((target) => target.id).join(", ")}.`);
      context.log(`Back in the target group: ${alive.map((target) => target.id).join(", ")}.`);
    },
  };
}

/** Targets by instance id whose instance is not surely gone; addresses are always tried. */
async function livingTargets(
  facts: OldTargetsFacts,
  find: (ids: string[]) => Promise<Map<string, { state: string }>>,
): Promise<TargetJson[]> {
  const ids = facts.targets.map((target) => target.id).filter((id) => id.startsWith("i-"));
  const found = ids.length === 0 ? new Map<string, { state: string }>() : await find(ids);
  return facts.targets.filter((target) => {
    const state = found.get(target.id)?.state;
    return state !== "terminated" && state !== "shutting-down";
  });
}

/** A listener rule that was turned goes back to the groups it had, unless the switch succeeded. */
export function forwardKind(cloud: Cloud): ObligationKind<ForwardFacts> {
  return {
    kind: OWED.forward,
    version: 1,
    title: "Turn the listener rule back",
    discharge: async ({ facts, signal }) => {
      await cloud
        .region(facts.region)
        .cleanup.balancing.setRuleForward(facts.ruleArn, facts.groups, { signal });
    },
  };
}
