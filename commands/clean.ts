import { defineCommand, flag, required } from "./lib/command.ts";
import { findSlotInUse, fromEngine } from "./lib/slots.ts";
import { bold, code, lines, t, who } from "./lib/text.ts";
import { nameOf } from "./lib/values.ts";
import { announce, refuse } from "./services.ts";

export const clean = defineCommand({
  name: "clean",
  summary: "Tries a dirty slot's cleanup again now, or with --force declares the slot clean.",
  role: "maintainer",
  acts: true,
  repeatable: false,
  positionals: { slot: required(nameOf("slot")) },
  options: { force: flag("declare it clean: what could not be confirmed is struck out") },
  run: async (context, args) => {
    const { services, person, prefix } = context;
    const slot = await findSlotInUse(context, args.slot);
    if ("refused" in slot) return slot;
    const cleaned = await services.engine.clean(slot.name, person, { declareClean: args.force });
    if (cleaned.refused) {
      if (cleaned.reasonCode !== "not_dirty") return fromEngine(context, cleaned);
      return refuse("not_dirty", t`${bold(slot.name)} is not dirty: there is nothing to clean.`);
    }
    if (args.force) {
      return announce(
        t`${who(person)} has declared ${bold(slot.name)} clean. Check in AWS that nothing is left of it.`,
      );
    }
    return announce(
      lines(
        t`The cleanup of ${bold(slot.name)} is tried again now.`,
        ...cleaned.open.map(
          ({ title, lastError }) =>
            t`  Owed: ${title}${lastError === null ? null : t` (last time: ${lastError})`}`,
        ),
        t`If it cannot succeed, look in AWS, then ${code(`${prefix} clean ${slot.name} --force`)}.`,
      ),
    );
  },
});
