import type { Queryable } from "../../db/connection.ts";
import { findLease, type Lease, saveLease, untouched } from "../../db/leases.ts";
import { enqueue, removeFromQueue } from "../../db/queue.ts";
import { changeRun, insertRun, type StoredRun } from "../../db/runs.ts";
import { formatTime } from "../util/format.ts";
import type { JsonObject } from "../util/json.ts";
import { refuse, refuseUnsettled } from "./holds.ts";
import { closeOffer } from "./offering.ts";
import type { EngineParts } from "./parts.ts";
import type { Person, Refusal, SubmitRequest } from "./types.ts";

/** How a request becomes a run that waits, and how it is withdrawn again. */

/** Writes a run and its place in the queue. */
export async function enqueueRun(
  trx: Queryable,
  parts: EngineParts,
  request: SubmitRequest,
  version: number,
): Promise<number> {
  const now = parts.clock.now();
  const input: JsonObject = request.input;
  const runId = await insertRun(trx, {
    uuid: parts.newId(),
    kind: request.kind,
    version,
    target: request.candidates.length === 1 ? (request.candidates[0] ?? null) : null,
    candidates_json: JSON.stringify(request.candidates),
    state: "queued",
    reason: request.reason ?? null,
    requested_by: request.requestedBy.id,
    requester_name: request.requestedBy.name,
    via: request.via,
    pr: request.pr ?? null,
    sha: request.sha ?? null,
    input_json: JSON.stringify(input),
    config_hash: request.configHash,
    created_at: now,
    started_at: null,
    ended_at: null,
    fence: null,
    tenancy: null,
    cancel_requested_at: null,
    cancel_requested_by: null,
    outcome_json: null,
    settling_since: null,
    tests_json: null,
    facts_json: "{}",
    retry_of: request.retryOf ?? null,
    dedupe_key: request.dedupeKey ?? null,
  });
  await enqueue(trx, {
    runId,
    candidates: request.candidates,
    adopt: request.adopt ?? false,
    requestedAt: now,
  });
  return runId;
}

/** Takes a run that has not begun out of the queue; it ends cancelled, and an offer to it with it. */
export async function withdraw(
  trx: Queryable,
  parts: EngineParts,
  run: StoredRun,
  by: Person,
): Promise<{ offered: string | null }> {
  await removeFromQueue(trx, run.id);
  const now = parts.clock.now();
  const offer = await closeOffer(trx, run.id, { answer: "passed", by, at: now });
  await changeRun(trx, run.id, {
    state: "cancelled",
    reason:
      offer === null
        ? `Cancelled by ${by.name} before it began.`
        : `${offer.resource} was offered to it, and ${by.name} gave the turn up.`,
    cancelRequestedAt: now,
    cancelRequestedBy: by.name,
    endedAt: now,
  });
  return { offered: offer?.resource ?? null };
}

/** Nobody has answered in time: the run has had its turn. What was reserved for it is free. */
export async function expireOffer(
  trx: Queryable,
  { clock }: EngineParts,
  { resource, runId, holder, until }: Lease,
): Promise<void> {
  const now = clock.now();
  const offer =
    runId === null ? null : await closeOffer(trx, runId, { answer: "expired", by: null, at: now });
  if (offer === null || runId === null) {
    // No offer stands behind it: nothing may stay reserved for nobody.
    const lease = await findLease(trx, resource);
    await saveLease(trx, { ...untouched(resource), fence: lease.fence + 1 });
    return;
  }
  await removeFromQueue(trx, runId);
  const who = holder?.name ?? "its requester";
  await changeRun(trx, runId, {
    state: "cancelled",
    reason: `${resource} was offered to ${who} until ${formatTime(until ?? now, now)}, and nobody answered.`,
    endedAt: now,
  });
}

/**
 * Who asked to work on what stands somewhere was allowed to by who held it then: in a queue it would outlive that,
 * and in the end meet somebody else's environment.
 *
 * @throws Withdrawn when the request may not wait.
 */
export async function mayWait(trx: Queryable, request: SubmitRequest): Promise<void> {
  const { candidates, adopt, noWait } = request;
  const [only] = candidates;
  const unsettled = adopt && only !== undefined ? refuseUnsettled(await findLease(trx, only)) : null;
  if (unsettled) throw new Withdrawn(unsettled);
  if (noWait || adopt) throw new Withdrawn(await takenRefusal(trx, candidates));
}

/** Why one who may not wait gets nothing. */
async function takenRefusal(trx: Queryable, candidates: readonly string[]): Promise<Refusal> {
  const leases = await Promise.all(candidates.map((resource) => findLease(trx, resource)));
  const [first] = leases;
  const one = leases.length === 1 && first;
  const message = one
    ? `${first.resource} is taken by ${first.holder?.name ?? "a cleanup"}${first.runId === null ? "" : ` (run #${first.runId})`}.`
    : `None of ${candidates.join(", ")} is free.`;
  return refuse("slot_taken", message, {
    resources: [...candidates],
    holder: one ? (first.holder?.id ?? null) : null,
    holderName: one ? (first.holder?.name ?? null) : null,
    reason: one ? first.reason : null,
    since: one ? first.since : null,
    run: one ? first.runId : null,
  });
}

/** Leaves the transaction of a request that may not wait, so that nothing of it stays. */
export class Withdrawn extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}
