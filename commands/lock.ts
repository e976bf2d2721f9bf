import { defineCommand, flag, required, value } from "./lib/command.ts";
import { findSlot, fromEngine, leaseOf, requireHolder, requireSettled } from "./lib/slots.ts";
import { tellHolder } from "./lib/tell.ts";
import { bold, t, time, who } from "./lib/text.ts";
import { duration, freeText, nameOf } from "./lib/values.ts";
import { announce } from "./services.ts";

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
    if (locked.refused) return fromEngine(context, locked);
    const ends = locked.lease.until === null ? t`until it is unlocked` : t`until ${time(locked.lease.until)}`;
    const why = args.reason === undefined ? null : t`: ${args.reason}`;
    return announce(t`${bold(slot.name)} is held by ${who(person)} ${ends}${why}.`, {
      tell: tellHolder(locked.previousHolder, t`${who(person)} has taken ${bold(slot.name)} over${why}.`),
    });
  },
});
