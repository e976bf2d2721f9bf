import type { LeaseMode, LeaseView } from "../src/engine/types.ts";
import { defineCommand, flag, required } from "./lib/command.ts";
import { findSlotInUse, fromEngine, leaseOf, requireHolder, requireSettled, runLink } from "./lib/slots.ts";
import { tellHolder } from "./lib/tell.ts";
import { bold, code, type Text, t, who } from "./lib/text.ts";
import { nameOf } from "./lib/values.ts";
import { announce, type CommandContext, refuse } from "./services.ts";

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
    const settled = lease.mode === "offered" ? null : requireSettled(context, lease);
    const refusal = settled ?? requireHolder(context, lease, `unlock ${slot.name}`, force);
    if (refusal) return refusal;
    const freed = await services.engine.unlock(slot.name, person, { force: args.force });
    if (freed.refused) return fromEngine(context, freed);
    // Of a turn that was offered its person is told in any case, however it came to its end.
    const previousHolder = lease.mode === "offered" ? null : freed.previousHolder;
    return announce(whatChanged(context, lease, freed.lease.mode), {
      tell: tellHolder(previousHolder, toFormerHolder(context, freed.lease)),
    });
  },
});

/** What has become of what they held, and how they come by it again. */
function toFormerHolder({ person, prefix }: CommandContext, { resource, mode }: LeaseView): Text {
  const slot = bold(resource);
  if (mode === "dirty")
    return t`${who(person)} has given up ${slot}, which you held: your environment there is terminated. ${code(`${prefix} launch ${resource}`)} asks for the slot again.`;
  return t`${who(person)} has unlocked ${slot}, which you held. ${code(`${prefix} lock ${resource}`)} holds it again, if it is still free.`;
}

function whatChanged(
  { services, person }: CommandContext,
  { resource, mode, runId }: LeaseView,
  now: LeaseMode,
): Text {
  const slot = bold(resource);
  if (mode === "offered" && runId !== null)
    return t`${who(person)} has given up the turn of ${runLink(services, runId)} on ${slot}: it is the next one's.`;
  if (now === "dirty")
    return t`${who(person)} has given ${slot} up; what stands there is terminated, then it is free.`;
  return t`${who(person)} has unlocked ${slot}.`;
}
