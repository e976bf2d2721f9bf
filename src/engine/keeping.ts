import type { Queryable } from "../../db/connection.ts";
import { findLease, saveLease } from "../../db/leases.ts";
import { setDue } from "../../db/obligations.ts";
import type { StoredRun } from "../../db/runs.ts";
import { SlipwayError } from "../util/errors.ts";
import { cleanUpInTime } from "./cleanup.ts";
import type { Fence } from "./guard.ts";
import { LEASE_KIND, openObligations } from "./leasing.ts";
import type { EngineParts } from "./parts.ts";

/** What a run may do with the time of the tenancy that it works in: keep it, end it, clear it. */

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

export async function keep(own: Tenant, options: KeepOptions): Promise<void> {
  const { parts, fence, tenancy, stored } = own;
  await parts.guard.write(fence, async (trx) => {
    const lease = await findLease(trx, fence.resource);
    const now = parts.clock.now();
    await setDue(trx, tenancy, options.until, { kinds: [...options.kinds, LEASE_KIND] });
    await saveLease(trx, {
      ...lease,
      prior: {
        mode: "kept",
        holder: stored.requestedBy,
        reason: options.reason,
        since: now,
        until: options.until,
      },
      remainingMs: Math.max(0, options.until - now),
      maxUntil: options.maxUntil,
    });
  });
}

export async function keepAlong(own: Tenant, kinds: readonly string[]): Promise<void> {
  const { parts, fence, tenancy } = own;
  await parts.guard.write(fence, async (trx) => {
    const { prior } = await findLease(trx, fence.resource);
    if (prior?.mode === "kept" && prior.until !== null) await setDue(trx, tenancy, prior.until, { kinds });
  });
}

export async function expire(own: Tenant): Promise<void> {
  const { parts, fence, tenancy } = own;
  await parts.guard.write(fence, async (trx) => {
    await setDue(trx, tenancy, null);
    const lease = await findLease(trx, fence.resource);
    if (lease.prior?.mode === "kept") await saveLease(trx, { ...lease, prior: null, remainingMs: null });
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
  const ownKeep =
    lease.prior?.mode === "kept" && run.startedAt !== null && lease.prior.since >= run.startedAt;
  if (!ownKeep) return;
  await setDue(trx, tenancy, null);
  await saveLease(trx, { ...lease, prior: null, remainingMs: null });
}

/** @throws SlipwayError `cleanup_unconfirmed` when something could not be undone within the time for a cleanup. */
export async function clearTenancy(
  own: Tenant,
  { signal, startedAt }: { readonly signal: AbortSignal; readonly startedAt: number },
): Promise<void> {
  const { parts, fence, tenancy } = own;
  await expire(own);
  await cleanUpInTime(parts, { tenancy, fence, signal, since: startedAt });
  signal.throwIfAborted();
  const left = await openObligations(parts.guard.db, tenancy);
  if (left.length === 0) return;
  const faults = left.map(({ title, lastError }) => (lastError === null ? title : `${title} (${lastError})`));
  throw new SlipwayError(
    "cleanup_unconfirmed",
    `What stood on ${fence.resource} before could not be removed: ${faults.join(", ")}`,
    { remedy: `Nothing new was begun. Cleanup goes on by itself; see why it fails, then begin again.` },
  );
}
