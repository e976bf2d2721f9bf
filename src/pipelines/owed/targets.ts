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
import type { DischargeContext, ObligationKind } from "../../engine/obligation.ts";
import type { JsonObject } from "../../util/json.ts";
import { watched } from "../watched.ts";
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

/** So many failures of the listener rule are waited for, with their pauses seven seconds and more. */
const FAILURES_WAITED_FOR = 4;
const RELEASED_WITHIN_MS = 60_000;

/** A registration of ours. Draining frees those who wait for it; gone is when the group shows it no more. */
export function targetKind(cloud: Cloud): ObligationKind<TargetFacts> {
  return {
    kind: OWED.target,
    version: 1,
    title: "Take out of the load balancer",
    // No request may still be sent to it; but a rule that cannot be mended must not keep it in for ever.
    after: [{ kind: OWED.forward, failures: FAILURES_WAITED_FOR }],
    discharge: async (context) => {
      const { facts, signal } = context;
      const region = cloud.region(facts.region);
      try {
        await region.cleanup.balancing.deregister(facts.groupArn, [facts.target], watched(context));
      } catch (error) {
        // A deleted target group holds no targets; an instance that is no more cannot be named any longer.
        if (error instanceof AwsFault && (error.kind === "not_found" || error.kind === "invalid")) {
          if (await isOut(region, facts, signal)) return;
        }
        throw error;
      }
      const options = { deadline: context.now() + RELEASED_WITHIN_MS, ...watched(context), what: "draining" };
      await region.poller.target(facts.groupArn, facts.target, untilDraining, options);
      await context.release();
      await region.poller.target(facts.groupArn, facts.target, untilDeregistered, {
        deadline: context.now() + facts.deregisterWithinMs,
        ...watched(context),
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
      try {
        const back = await putBack(cloud.region(facts.region), context);
        if (back.length > 0) context.log(`Back in the target group: ${back.join(", ")}.`);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof AwsFault && error.kind === "not_found")) throw error;
        context.log(`${error.message} There is no target group that they could come back to.`);
      }
    },
  };
}

/** Registers those that can be, and sees them registered. */
async function putBack(
  region: CloudRegion,
  context: DischargeContext<OldTargetsFacts>,
): Promise<readonly string[]> {
  const { facts, signal } = context;
  const { balancing, ec2 } = region.cleanup;
  const ids = facts.targets.map(({ id }) => id).filter((id) => id.startsWith("i-"));
  const found = await ec2.findInstances(ids, watched(context));
  const back: TargetJson[] = [];
  for (const target of facts.targets) {
    const state = ids.includes(target.id) ? (found.get(target.id)?.state ?? "not known to AWS") : "running";
    const refused = await registerUnlessEnded(balancing, facts.groupArn, target, state, signal);
    if (refused === undefined) back.push(target);
    else context.log(`${target.id} is ${state} and cannot come back${refused}.`);
  }
  const shown = await balancing.targets(facts.groupArn, { signal });
  const missing = back.filter((target) =>
    isDeregistered(shown.find((health) => isSameTarget(health, target))),
  );
  if (missing.length > 0) throw new Error(`Not back yet: ${missing.map(({ id }) => id).join(", ")}.`);
  return back.map(({ id }) => id);
}

/** Undefined when it is registered, else why it is not: AWS takes no instance that does not run as a target. */
async function registerUnlessEnded(
  balancing: CloudRegion["cleanup"]["balancing"],
  groupArn: string,
  target: TargetJson,
  state: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (state === "terminated" || state === "shutting-down") return "";
  try {
    await balancing.register(groupArn, [target], { signal });
    return undefined;
  } catch (error) {
    const isRefused = error instanceof AwsFault && error.kind === "invalid";
    if (!isRefused || state === "running" || state === "pending") throw error;
    return ` (${error.message})`;
  }
}

/** A listener rule that was turned goes back to the groups it had, unless the switch succeeded. */
export function forwardKind(cloud: Cloud): ObligationKind<ForwardFacts> {
  return {
    kind: OWED.forward,
    version: 1,
    title: "Turn the listener rule back",
    discharge: async ({ facts, signal, log }) => {
      const { balancing } = cloud.region(facts.region).cleanup;
      try {
        await balancing.setRuleForward(facts.ruleArn, facts.groups, { signal });
      } catch (error) {
        signal.throwIfAborted();
        // A rule that is no more forwards to nothing; a group that is no more may yet be made again.
        if (!(error instanceof AwsFault && /^(Rule|Listener)NotFound/.test(error.awsCode ?? ""))) throw error;
        log(`${error.message} There is no rule that could be turned back.`);
      }
    },
  };
}
