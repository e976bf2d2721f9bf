import type { SlotConfig } from "./schema/slot.ts";

/** What carries a slot's requests, in the way in which it swaps: target groups, and the listener rule of a switch. */
export function targetsOf({ swap, targetGroup, targetGroups, listenerRule }: SlotConfig): readonly string[] {
  const used = swap === "switch" ? [...(targetGroups ?? []), listenerRule] : [targetGroup];
  return used.filter((arn) => arn !== undefined);
}
