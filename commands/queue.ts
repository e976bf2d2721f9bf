import type { LeaseView, QueueEntry } from "../src/engine/types.ts";
import { defineCommand, optional } from "./lib/command.ts";
import { estimateStart, roughly, whenText } from "./lib/estimate.ts";
import { findSlotInUse, holderText, leaseOf, runLink, slotsInUse } from "./lib/slots.ts";
import { bold, lines, type Text, t, time, who } from "./lib/text.ts";
import { nameOf } from "./lib/values.ts";
import { answer, type CommandContext } from "./services.ts";

export const queue = defineCommand({
  name: "queue",
  summary: "Shows who waits for a slot, in the order of their turns, with an estimate.",
  role: "developer",
  acts: false,
  repeatable: true,
  positionals: { slot: optional(nameOf("slot")) },
  options: {},
  run: async (context, args) => {
    const { services } = context;
    const named = args.slot === undefined ? null : await findSlotInUse(context, args.slot);
    if (named && "refused" in named) return named;
    const slots = named ? [named.name] : await slotsInUse(services);
    const texts = await Promise.all(slots.map((slot) => queueOf(context, slot, named !== null)));
    const shown = texts.filter((text) => text !== null);
    return answer(shown.length === 0 ? t`Nobody waits for a slot.` : lines(...shown));
  },
});

async function queueOf(context: CommandContext, slot: string, always: boolean): Promise<Text | null> {
  const { services } = context;
  const entries = await services.engine.queue(slot);
  const lease = await leaseOf(services, slot);
  if (entries.length === 0) return always ? t`Nobody waits for ${bold(slot)}.` : null;
  const head =
    lease.mode === "free" ? t`${bold(slot)} is free` : t`${bold(slot)}: ${holderText(services, lease)}`;
  return lines(
    head,
    ...(await Promise.all(entries.map((entry) => entryText(context, lease, entries, entry)))),
  );
}

async function entryText(
  { services }: CommandContext,
  lease: LeaseView,
  entries: readonly QueueEntry[],
  entry: QueueEntry,
): Promise<Text> {
  const now = services.clock.now();
  if (entry.offer !== null)
    return t`  ${entry.position}. ${who(entry.requestedBy)}, ${runLink(services, entry.runId)}: it is their turn until ${time(entry.offer.until)}`;
  const parts = { engine: services.engine, config: services.config().config, now };
  const when = whenText(await estimateStart(parts, lease, entries, entry.runId), now);
  const waits = roughly(now - entry.requestedAt);
  return t`  ${entry.position}. ${who(entry.requestedBy)}, ${runLink(services, entry.runId)}, waits for ${waits}, ${when}`;
}
