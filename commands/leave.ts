import { defineCommand, required } from "./lib/command.ts";
import { findSlotInUse, fromEngine, runLink } from "./lib/slots.ts";
import { bold, code, t, who } from "./lib/text.ts";
import { nameOf } from "./lib/values.ts";
import { announce, refuse } from "./services.ts";

export const leave = defineCommand({
  name: "leave",
  summary: "Gives up your place in a slot's queue.",
  role: "developer",
  acts: true,
  repeatable: false,
  positionals: { slot: required(nameOf("slot")) },
  options: {},
  run: async (context, args) => {
    const { services, person, prefix } = context;
    const slot = await findSlotInUse(context, args.slot);
    if ("refused" in slot) return slot;
    const left = await services.engine.leave(slot.name, person);
    if (!left.refused) {
      return announce(
        t`${who(person)} no longer waits for ${bold(slot.name)} (${runLink(services, left.runId)}).`,
      );
    }
    if (left.reasonCode !== "not_queued") return fromEngine(context, left);
    return refuse(
      "not_queued",
      t`You do not wait for ${bold(slot.name)}.`,
      t`${code(`${prefix} queue`)} shows who waits.`,
    );
  },
});
