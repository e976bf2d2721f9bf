import type { LoadBalancing } from "./alb.ts";
import type { Ec2 } from "./ec2.ts";
import { type Instance, InstanceDied } from "./instance.ts";
import { SharedPoll, type WaitOptions } from "./shared-poll.ts";
import {
  hopelessTarget,
  isDeregistered,
  isSameTarget,
  type Target,
  type TargetHealth,
  words,
} from "./target-health.ts";
import type { Timers } from "./timers.ts";

/**
 * Decides after each look: a value ends the waiting with it, undefined waits on, an error ends it with that
 * error. It is given undefined while AWS does not show the thing.
 */
export type Until<Seen, Result> = (seen: Seen | undefined) => Result | undefined;

/** All waiting for AWS in one region. Nothing is asked while nobody waits. */
export interface Poller {
  /**
   * @throws AwsFault at once when denied or invalid; `WaitTimeout` at the deadline, with the last state seen;
   *   the signal's reason; whatever `until` throws.
   */
  instance<Result extends {}>(
    id: string,
    until: Until<Instance, Result>,
    options: WaitOptions,
  ): Promise<Result>;
  target<Result extends {}>(
    groupArn: string,
    target: Target,
    until: Until<TargetHealth, Result>,
    options: WaitOptions,
  ): Promise<Result>;
  /** Calls are under way or planned. */
  readonly busy: boolean;
}

export interface PollerContext {
  /** Ports over clients of purpose `poll`: one attempt, so that throttling is seen here. */
  readonly ec2: Pick<Ec2, "findInstances" | "region">;
  readonly balancing: Pick<LoadBalancing, "targets">;
  readonly timers: Timers;
  /** In [0, 1). */
  readonly random: () => number;
}

export function createPoller({ ec2, balancing, timers, random }: PollerContext): Poller {
  const instances = new SharedPoll<string, Instance>({
    thing: "instance",
    fetch: (ids, signal) => ec2.findInstances(ids, { signal }),
    pick: (found, id) => found.get(id),
    describe: (instance) => instance.state,
    timers,
    random,
  });
  const groups = new Map<string, SharedPoll<Target, TargetHealth, readonly TargetHealth[]>>();
  const groupPoll = (arn: string) => {
    const known = groups.get(arn);
    if (known) return known;
    const made = new SharedPoll<Target, TargetHealth, readonly TargetHealth[]>({
      thing: "target",
      fetch: (_, signal) => balancing.targets(arn, { signal }),
      pick: (found, target) => found.find((health) => isSameTarget(health, target)),
      describe: words,
      timers,
      random,
    });
    groups.set(arn, made);
    return made;
  };
  return {
    instance: (id, until, options) => instances.wait(id, id, until, options),
    target: (arn, target, until, options) => groupPoll(arn).wait(target, target.id, until, options),
    get busy() {
      return instances.busy || [...groups.values()].some((poll) => poll.busy);
    },
  };
}

/** By which address the instance is to be reached; AWS may show `running` a moment before the address. */
export type AddressKind = "publicIp" | "privateIp" | "publicName" | "privateName";

/** Waits for `running` with an address of this kind. @throws InstanceDied */
export function untilRunning(address: AddressKind): Until<Instance, { instance: Instance; address: string }> {
  return (instance) => {
    if (!instance || instance.state === "pending") return undefined;
    if (instance.state !== "running") throw new InstanceDied(instance);
    const found = instance[address];
    return found === undefined ? undefined : { instance, address: found };
  };
}

/** Waits for `terminated`. An instance that is not shown is waited for: see `judgeAbsence`. */
export const untilTerminated: Until<Instance, Instance> = (instance) =>
  instance?.state === "terminated" ? instance : undefined;

/**
 * Waits until two looks in a row have shown `terminated`: one may be followed by an older answer. Stateful:
 * make one per waiting.
 */
export function untilTerminatedTwice(): Until<Instance, Instance> {
  let inARow = 0;
  return (instance) => {
    inARow = instance?.state === "terminated" ? inARow + 1 : 0;
    return inARow >= 2 ? instance : undefined;
  };
}

/** So often in a row (about ten seconds) a group that was just given to a rule may still be said to be unused. */
const UNUSED_LOOKS = 12;

/** Waits for `healthy`. Stateful: make one per waiting. @throws TargetFault when no waiting can help. */
export function untilHealthy(groupArn: string): Until<TargetHealth, TargetHealth> {
  let unused = 0;
  return (health) => {
    if (health?.state === "healthy") return health;
    unused = health?.reason === "Target.NotInUse" ? unused + 1 : 0;
    if (unused > 0 && unused < UNUSED_LOOKS) return undefined;
    const hopeless = health && hopelessTarget(groupArn, health);
    if (hopeless) throw hopeless;
    return undefined;
  };
}

/** Waits until the target is not registered any more and has drained. */
export const untilDeregistered: Until<TargetHealth, true> = (health) => isDeregistered(health) || undefined;

/** Waits until no new request is sent to the target: it drains, or is gone. */
export const untilDraining: Until<TargetHealth, true> = (health) =>
  isDeregistered(health) ||
  health?.state === "draining" ||
  health?.state === "unhealthy.draining" ||
  undefined;
