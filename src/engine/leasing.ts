import type { Queryable } from "../../db/connection.ts";
import { type Hold, type Lease, listLeases, saveLease, untouched } from "../../db/leases.ts";
import type { StoredObligation } from "../../db/obligations.ts";
import {
  changeObligation,
  findObligation,
  insertObligation,
  listObligations,
  noteEndOfKept,
  setDue,
} from "../../db/obligations.ts";
import { answerOffer } from "../../db/offers.ts";
import { listQueue, removeFromQueue, type Waiting } from "../../db/queue.ts";
import { changeRun } from "../../db/runs.ts";
import { makeOffer } from "./offering.ts";
import type { EngineParts } from "./parts.ts";
import type { Person } from "./types.ts";

/**
 * Who has a resource, decided in one place.
 *
 *   free ──grant──▶ run ──release──▶ free | locked | kept | dirty
 *   free ──offer──▶ offered ──accepted──▶ run, ──passed, time ends──▶ free
 *   kept ──time ends / unlocked──▶ dirty ──cleanup confirmed──▶ free
 *   kept, locked ──grant to their holder, by name──▶ run ──release──▶ as it was, unless the run changed it
 *
 * Every arrow raises the fence, so whoever held the resource before can write about it no more.
 */

export const LEASE_KIND = "lease";
/** Why a resource is dirty after a run whose own cleanup took too long. */
export const CLEANUP_UNCONFIRMED = "cleanup unconfirmed";

export interface Grant {
  readonly runId: number;
  readonly resource: string;
  /** It begins when its requester says so. */
  readonly offered: boolean;
}

/**
 * Gives free resources to those who wait for them, first come first served, or offers them (see HandOff). What its
 * requester holds is theirs already and need not be offered.
 */
export async function grantWaiting(trx: Queryable, parts: EngineParts): Promise<Grant[]> {
  const queue = await listQueue(trx);
  if (queue.length === 0) return [];
  const now = parts.clock.now();
  const grants: Grant[] = [];
  // All leases at once: hundreds may wait, but the slots are few.
  const leases = new Map((await listLeases(trx)).map((lease) => [lease.resource, lease]));
  for (const waiting of queue) {
    const lease = waiting.candidates
      .map((resource) => leases.get(resource) ?? untouched(resource))
      .find((lease) => isGrantable(lease, waiting) && !isOver(lease, now));
    if (!lease) continue;
    const { resource } = lease;
    const offerMs = offerFor(parts, lease, waiting, now);
    if (offerMs !== null && waiting.offer !== null) continue;
    const next =
      offerMs === null
        ? await grant(trx, parts, lease, waiting, { now, by: null })
        : await makeOffer(trx, lease, waiting, { now, until: now + offerMs });
    leases.set(resource, next);
    grants.push({ runId: waiting.runId, resource, offered: offerMs !== null });
  }
  return grants;
}

/** For how long the turn is offered, in ms; null: it is given. */
function offerFor(
  { handOff }: EngineParts,
  { resource, mode }: Lease,
  { requestedBy, requestedAt, via }: Waiting,
  now: number,
): number | null {
  if (mode !== "free" && mode !== "offered") return null;
  return handOff({ resource, requestedBy, via, waitedMs: now - requestedAt });
}

/**
 * Pure: whether a resource may be given to one who waits. What they hold themselves only when they named it:
 * whoever takes any that is free does not mean the one that they keep. Who is offered one has that one.
 */
export function isGrantable(
  lease: Lease,
  waiting: Pick<Waiting, "adopt" | "requestedBy" | "candidates" | "runId" | "offer">,
): boolean {
  if (waiting.offer !== null) return lease.mode === "offered" && lease.runId === waiting.runId;
  if (lease.mode === "free") return true;
  if (lease.mode !== "kept" && lease.mode !== "locked") return false;
  if (waiting.adopt) return true;
  return waiting.candidates.length === 1 && lease.holder?.id === waiting.requestedBy.id;
}

/** What is kept has its end, whoever still waits for it: the next look of the janitor ends it. */
function isOver({ mode, until }: Lease, now: number): boolean {
  return mode === "kept" && until !== null && until <= now;
}

/** @param by who accepted the offer of it; null: nobody was asked, or need be */
export async function grant(
  trx: Queryable,
  parts: EngineParts,
  lease: Lease,
  to: Waiting,
  { now, by }: { now: number; by: Person | null },
): Promise<Lease> {
  const tenancy = lease.tenancy ?? parts.newId();
  const prior = holdOf(lease);
  const fence = lease.fence + 1;
  const granted: Lease = {
    ...lease,
    mode: "run",
    fence,
    tenancy,
    tenancySince: lease.tenancySince ?? now,
    runId: to.runId,
    holder: to.requestedBy,
    reason: null,
    since: now,
    until: null,
    prior,
    remainingMs: prior?.until != null ? Math.max(0, prior.until - now) : null,
  };
  await saveLease(trx, granted);
  await oweLease(trx, lease.resource, tenancy, to.runId, now);
  const configHash = parts.configHash();
  await changeRun(trx, to.runId, {
    state: "running",
    ...(configHash !== undefined && { configHash }),
    target: lease.resource,
    fence,
    tenancy,
    startedAt: now,
  });
  await removeFromQueue(trx, to.runId);
  if (to.offer !== null) await answerOffer(trx, to.runId, { answer: "started", by, at: now });
  return granted;
}

function holdOf(lease: Lease): Hold | null {
  if (lease.mode !== "kept" && lease.mode !== "locked") return null;
  const { mode, holder, reason, until } = lease;
  return { mode, holder, reason, since: lease.since ?? 0, until, lock: lockUnder(lease.prior) };
}

/** The lock to which a resource returns when nothing stands on it any more. */
export function lockUnder(hold: Hold | null): Hold | null {
  return hold?.mode === "locked" ? hold : (hold?.lock ?? null);
}

/** The lease itself is owed from the moment it is granted; it is met last, in the transaction that frees it. */
async function oweLease(
  trx: Queryable,
  resource: string,
  tenancy: string,
  runId: number,
  now: number,
): Promise<void> {
  const id = leaseObligationId(tenancy);
  if (await findObligation(trx, id)) return;
  await insertObligation(trx, {
    id,
    kind: LEASE_KIND,
    version: 1,
    title: `Release ${resource}`,
    tenancy,
    resource,
    runId,
    facts: {},
    needs: [],
    shareKey: null,
    due: null,
    createdAt: now,
  });
  await changeObligation(trx, id, { state: "created" });
}

export function leaseObligationId(tenancy: string): string {
  return `${tenancy}/${LEASE_KIND}`;
}

/** What is open in a tenancy, the lease itself left out. */
export async function openObligations(trx: Queryable, tenancy: string): Promise<StoredObligation[]> {
  const open = await listObligations(trx, { tenancy, open: true });
  return open.filter((obligation) => obligation.kind !== LEASE_KIND);
}

/**
 * Due is what has no time of its own. A kept environment's time stands still while a run works on it, so it is
 * not the obligation's date that makes it due but the end of the hold: the janitor then takes the date away.
 */
export function isDue(obligation: Pick<StoredObligation, "due">): boolean {
  return obligation.due === null;
}

/**
 * Ends a run's hold on its resource. What is left open decides what the resource becomes: nothing = free (or
 * the lock from before), only things due later = kept, anything due = dirty.
 */
export async function releaseAfterRun(trx: Queryable, lease: Lease, now: number): Promise<Lease["mode"]> {
  const tenancy = lease.tenancy ?? "";
  const open = await openObligations(trx, tenancy);
  if (open.some((obligation) => isDue(obligation))) {
    await makeDirty(trx, lease, CLEANUP_UNCONFIRMED, now);
    return "dirty";
  }
  if (open.length > 0) {
    await keepAfterRun(trx, lease, tenancy, now);
    return "kept";
  }
  return await freeLease(trx, lease, now);
}

/** Frees a resource, or gives it back to the person who had locked it before. */
export async function freeLease(trx: Queryable, lease: Lease, now: number): Promise<"free" | "locked"> {
  if (lease.tenancy !== null) {
    await changeObligation(trx, leaseObligationId(lease.tenancy), { state: "gone", goneAt: now });
  }
  const under = lockUnder(lease.prior);
  const lock = under !== null && (under.until === null || under.until > now) ? under : null;
  await saveLease(trx, {
    ...lease,
    mode: lock ? "locked" : "free",
    fence: lease.fence + 1,
    tenancy: null,
    tenancySince: null,
    runId: null,
    holder: lock?.holder ?? null,
    reason: lock?.reason ?? null,
    since: lock?.since ?? null,
    until: lock?.until ?? null,
    maxUntil: null,
    remainingMs: null,
    prior: null,
    facts: {},
  });
  return lock ? "locked" : "free";
}

export async function makeDirty(trx: Queryable, lease: Lease, reason: string, now: number): Promise<Lease> {
  const dirty: Lease = {
    ...lease,
    mode: "dirty",
    fence: lease.fence + 1,
    runId: null,
    reason,
    since: now,
    until: null,
    remainingMs: null,
    prior: lockUnder(lease.prior),
  };
  await saveLease(trx, dirty);
  if (lease.tenancy !== null) await endKept(trx, lease.tenancy, reason);
  return dirty;
}

/** Makes everything of a tenancy due. Why what was kept ends is told when it is gone (see `Story.ended`). */
export async function endKept(
  trx: Queryable,
  tenancy: string,
  why: string,
  which: { exceptRun?: number } = {},
): Promise<void> {
  await noteEndOfKept(trx, tenancy, why, { ...which, exceptKind: LEASE_KIND });
  await setDue(trx, tenancy, null, which);
}

/** The time to live stood still while the run worked; it goes on with what was left, up to the longest life. */
async function keepAfterRun(trx: Queryable, lease: Lease, tenancy: string, now: number): Promise<void> {
  const hold = lease.prior?.mode === "kept" ? lease.prior : null;
  const resumed = lease.remainingMs !== null ? now + lease.remainingMs : (hold?.until ?? now);
  const until = lease.maxUntil === null ? resumed : Math.min(resumed, lease.maxUntil);
  await setDue(trx, tenancy, until, { onlyKept: true });
  await setDue(trx, tenancy, until, { kinds: [LEASE_KIND] });
  await saveLease(trx, {
    ...lease,
    mode: "kept",
    fence: lease.fence + 1,
    runId: null,
    holder: hold?.holder ?? lease.holder,
    reason: hold?.reason ?? null,
    since: hold?.since ?? now,
    until,
    remainingMs: null,
    prior: lockUnder(lease.prior),
  });
}
