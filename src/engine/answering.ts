import type { Queryable } from "../../db/connection.ts";
import { findLease, type Lease } from "../../db/leases.ts";
import { findOffer } from "../../db/offers.ts";
import { listQueue } from "../../db/queue.ts";
import { findRun, type StoredRun } from "../../db/runs.ts";
import { isOwn, refuse, refuseForeign } from "./holds.ts";
import { grant } from "./leasing.ts";
import type { EngineParts } from "./parts.ts";
import { withdraw } from "./submission.ts";
import type { Person, Refusal } from "./types.ts";

/** What people answer to an offer. Each is part of one transaction. */

export async function acceptOffer(
  trx: Queryable,
  parts: EngineParts,
  runId: number,
  by: Person,
): Promise<{ refused: false; resource: string; repeated: boolean } | Refusal> {
  const run = await findRun(trx, runId);
  if (!run) return refuse("unknown_run", `There is no run #${runId}.`, { run: runId });
  const offer = await findOffer(trx, runId);
  if (!offer) return refuse("not_offered", `Nothing has been offered to run #${runId}.`, { run: runId });
  const { resource } = offer;
  if (offer.answer === "started") return { refused: false, resource, repeated: true };
  const now = parts.clock.now();
  const lease = await findLease(trx, resource);
  const waiting = (await listQueue(trx)).find((entry) => entry.runId === runId);
  // Its time is its time, also when the janitor has not come round since.
  if (!waiting || !isOfferedTo(lease, run) || offer.answer !== null || offer.until <= now)
    return refuse("offer_over", `The offer of ${resource} to run #${runId} is over.`, {
      resource,
      run: runId,
      until: offer.until,
    });
  await grant(trx, parts, lease, waiting, { now, by });
  return { refused: false, resource, repeated: false };
}

function isOfferedTo({ mode, runId }: Lease, run: StoredRun): boolean {
  return mode === "offered" && runId === run.id;
}

/** Gives up the turn of the run that a resource is offered to; null when it is offered to none. */
export async function giveUpOffered(
  trx: Queryable,
  parts: EngineParts,
  resource: string,
  by: Person,
  { force }: { force: boolean },
): Promise<{ refused: false; runId: number; previousHolder: Person | null } | Refusal | null> {
  const lease = await findLease(trx, resource);
  const run = lease.mode === "offered" && lease.runId !== null ? await findRun(trx, lease.runId) : null;
  if (run === null) return null;
  if (!isOwn(lease, by) && !force) return refuseForeign(lease);
  await withdraw(trx, parts, run, by);
  return { refused: false, runId: run.id, previousHolder: isOwn(lease, by) ? null : lease.holder };
}
