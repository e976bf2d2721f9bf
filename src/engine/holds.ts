import type { Queryable } from "../../db/connection.ts";
import { findLease, type Lease, saveLease } from "../../db/leases.ts";
import { changeObligation, type StoredObligation, setDue } from "../../db/obligations.ts";
import { formatTime, utc } from "../util/format.ts";
import type { JsonObject } from "../util/json.ts";
import { freeLease, makeDirty, openObligations } from "./leasing.ts";
import { LONGEST_LOCK_MS, type Person, type Refusal } from "./types.ts";

/** What people do to a resource without a run: lock, unlock, extend, clean. Each is one transaction. */

/** How the note begins of what nobody has confirmed gone. */
export const DECLARED_CLEAN = "declared clean";

export function refuse(reasonCode: string, message: string, fields: JsonObject = {}): Refusal {
  return { refused: true, reasonCode, message, fields };
}

export type HoldChange = { refused: false; lease: Lease; previousHolder: Person | null };

export async function lockResource(
  trx: Queryable,
  resource: string,
  by: Person,
  options: { until: number | null; reason: string | null; force: boolean; now: number },
): Promise<HoldChange | Refusal> {
  const lease = await findLease(trx, resource);
  const busy = refuseUnsettled(lease);
  if (busy) return busy;
  if (!isOwn(lease, by) && !options.force) return refuseForeign(lease);
  if (lease.mode === "kept" && options.until !== null) return refuseTimeOfKept(lease);
  const isTheirs = lease.mode !== "free" && lease.holder?.id === by.id;
  const previousHolder = isTheirs ? null : lease.holder;
  const locked: Lease = {
    ...lease,
    mode: lease.mode === "free" ? "locked" : lease.mode,
    fence: lease.fence + 1,
    holder: by,
    reason: options.reason ?? (isOwn(lease, by) ? lease.reason : null),
    // Theirs from now on; how old the environment is, its tenancy says.
    since: isTheirs ? lease.since : options.now,
    until: lease.mode === "kept" ? lease.until : options.until,
    // A lock that lies under what is kept is its former holder's: it does not come back after a take-over.
    prior: isOwn(lease, by) ? lease.prior : null,
  };
  await saveLease(trx, locked);
  return { refused: false, lease: locked, previousHolder };
}

/** An environment's end is `extend`'s to move: a lock would silently not have the time that was asked for. */
function refuseTimeOfKept(lease: Lease): Refusal {
  const { resource, until } = lease;
  const stands = until === null ? "" : ` until ${utc(until)}`;
  return refuse(
    "environment_kept",
    `An environment is kept on ${resource}${stands}: its time is not a lock's.`,
    holdFields(lease),
  );
}

export async function unlockResource(
  trx: Queryable,
  resource: string,
  by: Person,
  options: { force: boolean; now: number },
): Promise<(HoldChange & { freed: boolean }) | Refusal> {
  const lease = await findLease(trx, resource);
  if (lease.mode === "free") return refuse("not_locked", `${resource} is free already.`, { resource });
  const busy = refuseUnsettled(lease);
  if (busy) return busy;
  if (!isOwn(lease, by) && !options.force) return refuseForeign(lease);
  const previousHolder = lease.holder?.id === by.id ? null : lease.holder;
  if (lease.mode === "kept") {
    // Who gives the slot up gives up the lock that lies under what is kept as well.
    const dirty = await makeDirty(trx, { ...lease, prior: null }, `given up by ${by.name}`, options.now);
    return { refused: false, lease: dirty, previousHolder, freed: false };
  }
  await freeLease(trx, lease, options.now);
  return { refused: false, lease: await findLease(trx, resource), previousHolder, freed: true };
}

export async function extendHold(
  trx: Queryable,
  resource: string,
  by: Person,
  options: { ms: number; maxTtlMs: number; force: boolean; now: number },
): Promise<{ refused: false; until: number } | Refusal> {
  const lease = await findLease(trx, resource);
  if (
    lease.mode === "run" &&
    lease.prior?.mode === "kept" &&
    (lease.prior.holder?.id === by.id || options.force)
  ) {
    return refuse(
      "slot_busy",
      `A run is at work on ${resource}; its time stands still meanwhile. Extend it when the run has ended.`,
      { resource, run: lease.runId },
    );
  }
  const busy = refuseUnsettled(lease);
  if (busy) return busy;
  if (lease.mode === "free")
    return refuse("nothing_there", `Nothing is held on ${resource}, so there is nothing to extend.`, {
      resource,
    });
  if (!isOwn(lease, by) && !options.force) return refuseForeign(lease);
  if (lease.until === null)
    return refuse("no_end", `${resource} is locked without an end: there is nothing to extend.`, {
      resource,
    });
  const wanted = lease.until + options.ms;
  const longest =
    lease.mode === "locked"
      ? options.now + LONGEST_LOCK_MS
      : (lease.maxUntil ?? (lease.tenancySince ?? lease.since ?? options.now) + options.maxTtlMs);
  if (lease.until >= longest) return refuseLonger(lease, lease.until, options.now);
  const until = Math.min(wanted, longest);
  await saveLease(trx, { ...lease, fence: lease.fence + 1, until });
  if (lease.mode === "kept" && lease.tenancy !== null) {
    await setDue(trx, lease.tenancy, until, { onlyKept: true });
  }
  return { refused: false, until };
}

function refuseLonger({ resource, mode }: Lease, until: number, now: number): Refusal {
  const end = formatTime(until, now);
  return mode === "locked"
    ? refuse("max_lock_reached", `${resource} is locked until ${end} already, as long as a lock can be.`, {
        resource,
        until,
      })
    : refuse(
        "max_ttl_reached",
        `${resource} already stands until ${end}, the longest that the configuration allows.`,
        { resource, until },
      );
}

export async function cleanResource(
  trx: Queryable,
  resource: string,
  by: Person,
  options: { declareClean: boolean; now: number },
): Promise<{ refused: false; open: StoredObligation[] } | Refusal> {
  const lease = await findLease(trx, resource);
  if (lease.mode !== "dirty")
    return refuse("not_dirty", `${resource} is not dirty: there is nothing to clean.`, {
      resource,
      mode: lease.mode,
    });
  const open = lease.tenancy === null ? [] : await openObligations(trx, lease.tenancy);
  for (const obligation of open) {
    const change = options.declareClean
      ? { state: "gone" as const, goneAt: options.now, note: `${DECLARED_CLEAN} by ${by.name}` }
      : { nextAttemptAt: null };
    await changeObligation(trx, obligation.id, change);
  }
  return { refused: false, open: options.declareClean ? [] : open };
}

export function isOwn(lease: Lease, by: Person): boolean {
  return lease.mode === "free" || lease.holder === null || lease.holder.id === by.id;
}

/**
 * Why nothing can be done now with what stands on a resource: a run is at work there, or is to be, or its cleanup is
 * not confirmed.
 */
export function refuseUnsettled(lease: Lease): Refusal | null {
  return refuseBusy(lease) ?? refuseOffered(lease) ?? refuseDirty(lease);
}

function refuseOffered(lease: Lease): Refusal | null {
  if (lease.mode !== "offered") return null;
  const who = lease.holder?.name ?? "nobody known";
  return refuse("slot_offered", `${lease.resource} is offered to ${who} (run #${lease.runId}).`, {
    ...holdFields(lease),
    run: lease.runId,
  });
}

function refuseBusy(lease: Lease): Refusal | null {
  if (lease.mode !== "run") return null;
  return refuse("slot_busy", `Run #${lease.runId} is at work on ${lease.resource}.`, {
    ...holdFields(lease),
    run: lease.runId,
  });
}

function refuseDirty(lease: Lease): Refusal | null {
  if (lease.mode !== "dirty") return null;
  return refuse(
    "slot_dirty",
    `${lease.resource} is dirty: ${lease.reason ?? "its cleanup is not confirmed yet"}.`,
    holdFields(lease),
  );
}

export function refuseForeign(lease: Lease): Refusal {
  const why = lease.reason === null ? "no reason given" : lease.reason;
  return refuse(
    "not_holder",
    `${lease.resource} is held by ${lease.holder?.name ?? "nobody known"} (${why}).`,
    holdFields(lease),
  );
}

function holdFields(lease: Lease): JsonObject {
  return {
    resource: lease.resource,
    holder: lease.holder?.id ?? null,
    holderName: lease.holder?.name ?? null,
    reason: lease.reason,
    since: lease.since,
    until: lease.until,
  };
}
