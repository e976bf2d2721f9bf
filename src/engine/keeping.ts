import type { Queryable } from "../../db/connection.ts";
import { findLease, saveLease } from "../../db/leases.ts";
import { setDue } from "../../db/obligations.ts";
import type { StoredRun } from "../../db/runs.ts";
import { dischargeDue } from "./discharger.ts";
import type { Fence } from "./guard.ts";
import { LEASE_KIND } from "./leasing.ts";
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

export async function clearTenancy(own: Tenant, signal: AbortSignal): Promise<void> {
  await expire(own);
  await dischargeDue(own.parts, { tenancy: own.tenancy, fence: own.fence, signal });
  signal.throwIfAborted();
}
