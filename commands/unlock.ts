import { defineCommand, flag, required } from "./lib/command.ts";
import { findSlotInUse, fromEngine, leaseOf, requireHolder, requireSettled } from "./lib/slots.ts";
import { tellHolder } from "./lib/tell.ts";
import { bold, t, who } from "./lib/text.ts";
import { nameOf } from "./lib/values.ts";
import { announce, refuse } from "./services.ts";

export const unlock = defineCommand({
  name: "unlock",
  summary: "Gives a held slot up; a kept environment is terminated first.",
  role: "developer",
  acts: true,
  repeatable: false,
  positionals: { slot: required(nameOf("slot")) },
  options: { force: flag("another person's slot (maintainer)") },
  run: async (context, args) => {
    const { services, person, prefix } = context;
    const slot = await findSlotInUse(context, args.slot);
    if ("refused" in slot) return slot;
    const lease = await leaseOf(services, slot.name);
    if (lease.mode === "free") {
      return refuse("not_locked", t`${bold(slot.name)} is free already.`);
    }
    const force = { given: args.force, command: `${prefix} unlock ${slot.name}` };
    const refusal =
      requireSettled(context, lease) ?? requireHolder(context, lease, `unlock ${slot.name}`, force);
    if (refusal) return refusal;
    const freed = await services.engine.unlock(slot.name, person, { force: args.force });
    if (freed.refused) return fromEngine(context, freed);
    const what =
      freed.lease.mode === "dirty"
        ? t`${who(person)} has given ${bold(slot.name)} up; what stands there is terminated, then it is free.`
        : t`${who(person)} has unlocked ${bold(slot.name)}.`;
    return announce(what, {
      tell: tellHolder(
        freed.previousHolder,
        t`${who(person)} has unlocked ${bold(slot.name)}, which you held.`,
      ),
    });
  },
});
