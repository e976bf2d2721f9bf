import { type CommandContext, type Refusal, refuse } from "../services.ts";
import { findSlot, type NamedSlot } from "./slots.ts";
import { t } from "./text.ts";

/** The slot that was named, or every slot that may run the repository, in the configuration's order. */
export function chooseSlots(
  context: CommandContext,
  written: string | undefined,
  repository: string | null,
): readonly NamedSlot[] | Refusal {
  if (written !== undefined) {
    const slot = findSlot(context, written);
    return "refused" in slot ? slot : [slot];
  }
  const { slots, github } = context.services.config().config;
  const wanted = (repository ?? context.origin.repository)?.toLowerCase();
  const fitting = Object.entries(slots)
    .map(([name, config]) => ({ name, config }))
    .filter(({ config }) => {
      const allowed = config.repositories.length > 0 ? config.repositories : github.repositories;
      return wanted === undefined || allowed.some((one) => one.toLowerCase() === wanted);
    });
  if (fitting.length > 0) return fitting;
  const which = wanted === undefined ? "The configuration has no slots." : `No slot may run ${wanted}.`;
  return refuse("no_slots", t`${which}`, t`Slots stand under "slots" in slipway.yml.`);
}
