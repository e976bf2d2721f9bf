import { lockAfter } from "../../commands/lib/leases.ts";
import type { LeaseView } from "../../src/engine/types.ts";
import type { Place } from "../../src/publish/slack-actions.ts";

/** What the buttons for what stands on a slot say of it. */
export function placeOf(lease: LeaseView): Place {
  return { slot: lease.resource, lockedBy: lockAfter(lease, lease.until ?? 0)?.holder?.name ?? null };
}
