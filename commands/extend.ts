import { formatDuration } from "../src/config/index.ts";
import { LONGEST_LOCK_MS } from "../src/engine/types.ts";
import { defineCommand, flag, required } from "./lib/command.ts";
import { findSlot, fromEngine, leaseOf, requireHolder, requireSettled } from "./lib/slots.ts";
import { tellHolder } from "./lib/tell.ts";
import { bold, code, t, time, who } from "./lib/text.ts";
import { duration, nameOf } from "./lib/values.ts";
import { announce, refuse } from "./services.ts";

export const extend = defineCommand({
  name: "extend",
  summary: "Holds a slot, or keeps its environment, for longer.",
  role: "developer",
  acts: true,
  repeatable: false,
  positionals: { slot: required(nameOf("slot")), by: required(duration) },
  options: { force: flag("another person's slot (maintainer)") },
  run: async (context, args) => {
    const { services, person, prefix } = context;
    const slot = findSlot(context, args.slot);
    if ("refused" in slot) return slot;
    const lease = await leaseOf(services, slot.name);
    const command = `${prefix} extend ${slot.name} ${formatDuration(args.by)}`;
    if (lease.mode === "free") {
      return refuse(
        "nothing_there",
        t`${bold(slot.name)} is free: there is nothing to extend.`,
        t`${code(`${prefix} lock ${slot.name} --for ${formatDuration(args.by)}`)} holds it.`,
      );
    }
    const refusal =
      requireSettled(context, lease) ??
      requireHolder(context, lease, `extend ${slot.name}`, { given: args.force, command });
    if (refusal) return refusal;
    const extended = await services.engine.extend(slot.name, person, {
      ms: args.by,
      maxTtlMs: slot.config.maxTtl,
      force: args.force,
    });
    if (extended.refused) return fromEngine(context, extended);
    const other = lease.holder !== null && lease.holder.id !== person.id ? lease.holder : null;
    const shortened = lease.until !== null && extended.until < lease.until + args.by;
    const longest =
      lease.mode === "locked"
        ? t` That is as long as a lock can be (${formatDuration(LONGEST_LOCK_MS)}).`
        : t` That is the longest that the slot allows (maxTtl).`;
    const limit = shortened ? longest : null;
    const text = t`${bold(slot.name)} is held until ${time(extended.until)} (extended by ${who(person)}).${limit}`;
    return announce(text, { tell: tellHolder(other, text) });
  },
});
