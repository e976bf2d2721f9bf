import type { Queryable } from "../../db/connection.ts";
import { findLease, type Lease, saveLease, untouched } from "../../db/leases.ts";
import { answerOffer, findOffer, insertOffer } from "../../db/offers.ts";
import type { Waiting } from "../../db/queue.ts";
import { changeRun } from "../../db/runs.ts";
import type { OfferAnswer, Person } from "./types.ts";

/**
 * Who asked long ago may have gone away: their turn is offered to them instead of begun. The resource is reserved
 * meanwhile. The offer's row is its record; the lease is what keeps others out, under a fence of its own.
 */
export async function makeOffer(
  trx: Queryable,
  lease: Lease,
  to: Waiting,
  { now, until }: { now: number; until: number },
): Promise<Lease> {
  const offered: Lease = {
    ...lease,
    mode: "offered",
    fence: lease.fence + 1,
    runId: to.runId,
    holder: to.requestedBy,
    since: now,
    until,
  };
  await saveLease(trx, offered);
  await insertOffer(trx, { runId: to.runId, resource: lease.resource, offeredAt: now, until });
  // Surfaces have something new to show.
  await changeRun(trx, to.runId, {});
  return offered;
}

/** Ends a run's offer, if it has one, and frees what was reserved for it; null when it has none. */
export async function closeOffer(
  trx: Queryable,
  runId: number,
  ending: { answer: Exclude<OfferAnswer, "started">; by: Person | null; at: number },
): Promise<{ resource: string } | null> {
  const offer = await findOffer(trx, runId);
  if (offer === null || offer.answer !== null) return null;
  const { resource } = offer;
  await answerOffer(trx, runId, ending);
  const lease = await findLease(trx, resource);
  // Only what was free is offered: nothing stands there to be seen to.
  if (lease.mode === "offered" && lease.runId === runId)
    await saveLease(trx, { ...untouched(resource), fence: lease.fence + 1 });
  return { resource };
}
