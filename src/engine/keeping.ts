import type { Queryable } from "../../db/connection.ts";
import { findLease, type Hold, saveLease } from "../../db/leases.ts";
import { changeObligation, setDue } from "../../db/obligations.ts";
import type { StoredRun } from "../../db/runs.ts";
import { SlipwayError } from "../util/errors.ts";
import type { JsonObject } from "../util/json.ts";
import { cleanUpInTime } from "./cleanup.ts";
import type { Fence } from "./guard.ts";
import { endKept, isDue, LEASE_KIND, lockUnder, openObligations } from "./leasing.ts";
import type { EngineParts } from "./parts.ts";

/** What a run may do with the time of the tenancy that it works in: keep it, end it, take it over. */

export interface Tenant {
  readonly parts: EngineParts;
  readonly stored: StoredRun;
  readonly fence: Fence;
  readonly tenancy: string;
}

export interface KeepOptions {
  readonly kinds: readonly string[];
  /** ms since 1970. */
  readonly until: number;
  /** No extension goes beyond; ms since 1970. */
  readonly maxUntil: number;
  readonly reason: string | null;
}

/** How a run takes over what an earlier run of the tenancy had kept. */
export interface TakeOver {
  /** What was owed until the run's own thing had taken the old one's place; struck out. */
  readonly met: { readonly id: string; readonly note: string } | null;
  /** What now stands on the resource. */
  readonly facts: JsonObject;
  /** How long it stands; null: until the run's end. */
  readonly keep: KeepOptions | null;
}

export async function keep(own: Tenant, options: KeepOptions): Promise<void> {
  await own.parts.guard.write(own.fence, (trx) => keepOwn(trx, own, options));
}

async function keepOwn(trx: Queryable, own: Tenant, options: KeepOptions): Promise<void> {
  const { parts, fence, tenancy, stored } = own;
  const lease = await findLease(trx, fence.resource);
  const now = parts.clock.now();
  await setDue(trx, tenancy, options.until, { kinds: options.kinds, ofRun: stored.id });
  await setDue(trx, tenancy, options.until, { kinds: [LEASE_KIND] });
  await saveLease(trx, {
    ...lease,
    prior: {
      mode: "kept",
      holder: stored.requestedBy,
      reason: options.reason,
      since: now,
      until: options.until,
      runId: stored.id,
      lock: lockUnder(lease.prior),
    },
    remainingMs: Math.max(0, options.until - now),
    maxUntil: options.maxUntil,
  });
}

/**
 * The turning point of a run that takes an earlier one's place, in one transaction: before it a failure, a cancel
 * or a crash leaves what was kept as it was; after it that is due, and the run's own thing is what stands there.
 */
export async function takeOver(own: Tenant, { met, facts, keep }: TakeOver): Promise<void> {
  const { parts, fence, tenancy, stored } = own;
  await parts.guard.write(fence, async (trx) => {
    if (met)
      await changeObligation(trx, met.id, { state: "gone", goneAt: parts.clock.now(), note: met.note });
    await endKept(trx, tenancy, `run #${stored.id} has taken its place`, { exceptRun: stored.id });
    const lease = await findLease(trx, fence.resource);
    const ended =
      lease.prior?.mode === "kept"
        ? { prior: lockUnder(lease.prior), remainingMs: null, maxUntil: null }
        : {};
    await saveLease(trx, { ...lease, ...ended, facts: { ...lease.facts, ...facts } });
    if (keep) await keepOwn(trx, own, keep);
  });
  parts.changed({ type: "resource", resource: fence.resource });
}

export async function keepAlong(own: Tenant, kinds: readonly string[]): Promise<void> {
  const { parts, fence, tenancy } = own;
  await parts.guard.write(fence, async (trx) => {
    const { prior } = await findLease(trx, fence.resource);
    if (prior?.mode === "kept" && prior.until !== null) await setDue(trx, tenancy, prior.until, { kinds });
  });
}

export async function expire(own: Tenant): Promise<void> {
  const { parts, fence, tenancy, stored } = own;
  await parts.guard.write(fence, async (trx) => {
    await endKept(trx, tenancy, `terminated by ${stored.requestedBy.name}, run #${stored.id}`);
    const lease = await findLease(trx, fence.resource);
    if (lease.prior?.mode === "kept") {
      await saveLease(trx, { ...lease, prior: lockUnder(lease.prior), remainingMs: null });
    }
  });
}

/** Whoever cancels a run does not want what it was about to keep; what an earlier run had kept stays. */
export async function giveUpKeeping(
  trx: Queryable,
  run: StoredRun,
  fence: Fence,
  tenancy: string,
): Promise<void> {
  const lease = await findLease(trx, fence.resource);
  if (lease.prior?.mode !== "kept" || !isKeptBy(run, lease.prior)) return;
  await setDue(trx, tenancy, null);
  await saveLease(trx, { ...lease, prior: lockUnder(lease.prior), remainingMs: null });
}

function isKeptBy({ id, startedAt }: StoredRun, { runId, since }: Hold): boolean {
  return runId === undefined ? startedAt !== null && since >= startedAt : runId === id;
}

/** @throws SlipwayError `cleanup_unconfirmed` when something could not be undone within the time for a cleanup. */
export async function clearEarlier(
  own: Tenant,
  { signal, startedAt }: { readonly signal: AbortSignal; readonly startedAt: number },
): Promise<void> {
  const { parts, fence, tenancy, stored } = own;
  await cleanUpInTime(parts, { tenancy, fence, signal, since: startedAt, exceptRun: stored.id });
  signal.throwIfAborted();
  const open = await openObligations(parts.guard.db, tenancy);
  const left = open.filter((obligation) => isDue(obligation) && obligation.runId !== stored.id);
  if (left.length === 0) return;
  const faults = left.map(({ title, lastError }) => (lastError === null ? title : `${title} (${lastError})`));
  throw new SlipwayError(
    "cleanup_unconfirmed",
    `What stood on ${fence.resource} before could not be removed: ${faults.join(", ")}`,
    {
      remedy: `Cleanup goes on by itself; nothing launches on ${fence.resource} before it is confirmed. See why it fails, then begin again.`,
    },
  );
}
