import type { LeaseView } from "../src/engine/types.ts";
import { defineCommand, flag, required, value } from "./lib/command.ts";
import { findSlot, fromEngine, isHolder, leaseOf, requireHolder, requireSettled } from "./lib/slots.ts";
import { tellHolder } from "./lib/tell.ts";
import { bold, code, type Text, t, time, who } from "./lib/text.ts";
import { duration, freeText, nameOf } from "./lib/values.ts";
import { announce, type CommandContext, type Refusal, refuse } from "./services.ts";

export const lock = defineCommand({
  name: "lock",
  summary: "Holds a slot without launching anything.",
  role: "developer",
  acts: true,
  repeatable: false,
  positionals: { slot: required(nameOf("slot")) },
  options: {
    for: value(duration, "how long; until unlocked when left out"),
    reason: value(freeText, "why, for those who wait"),
    force: flag("take another person's slot (maintainer)"),
  },
  run: async (context, args) => {
    const { services, person, prefix } = context;
    const slot = findSlot(context, args.slot);
    if ("refused" in slot) return slot;
    const lease = await leaseOf(services, slot.name);
    const force = { given: args.force, command: `${prefix} lock ${slot.name}` };
    const refusal =
      requireSettled(context, lease) ?? requireHolder(context, lease, `lock ${slot.name}`, force);
    if (refusal) return refusal;
    const until = args.for === undefined ? null : services.clock.now() + args.for;
    const locked = await services.engine.lock(slot.name, person, {
      until,
      reason: args.reason ?? null,
      force: args.force,
    });
    if (locked.refused)
      return locked.reasonCode === "environment_kept"
        ? refuseTimeOfKept(context, await leaseOf(services, slot.name))
        : fromEngine(context, locked);
    const ends = locked.lease.until === null ? t`until it is unlocked` : t`until ${time(locked.lease.until)}`;
    const why = args.reason === undefined ? null : t`: ${args.reason}`;
    return announce(t`${bold(slot.name)} is held by ${who(person)} ${ends}${why}.`, {
      tell: tellHolder(locked.previousHolder, toFormerHolder(context, locked.lease, why)),
    });
  },
});

/** What has become of what they held, and how they come by it again. */
function toFormerHolder({ person, prefix }: CommandContext, lease: LeaseView, why: Text | null): Text {
  const { resource, mode, until } = lease;
  const stands =
    mode === "kept" && until !== null
      ? t` Your environment there goes on as theirs, until ${time(until)}.`
      : null;
  return t`${who(person)} has taken ${bold(resource)} over${why}.${stands} ${code(`${prefix} queue ${resource}`)} shows who waits for it.`;
}

/** Nothing was asked for that could be had: more time, an earlier end and the environment itself have their own words. */
function refuseTimeOfKept({ prefix, person }: CommandContext, lease: LeaseView): Refusal {
  const { resource, until } = lease;
  const end = until === null ? null : t` until ${time(until)}`;
  const over = isHolder(lease, person)
    ? null
    : t` ${code(`${prefix} lock ${resource} --force`)} takes it over as it stands.`;
  return refuse(
    "environment_kept",
    t`An environment is kept on ${bold(resource)}${end}: ${code("--for")} is a lock's time and would not change that.`,
    t`${code(`${prefix} extend ${resource} 1h`)} gives it more time, ${code(`${prefix} terminate ${resource}`)} ends it.${over}`,
  );
}
