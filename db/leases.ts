import type { Selectable } from "kysely";
import type { LeaseMode, Person } from "../src/engine/types.ts";
import type { JsonObject } from "../src/util/json.ts";
import type { Queryable } from "./connection.ts";
import { parseJson, parseObject, toJson } from "./json.ts";
import type { LeaseRow } from "./schema.ts";

/** A hold to which a resource returns when the run on it ends. */
export interface Hold {
  readonly mode: "kept" | "locked";
  readonly holder: Person | null;
  readonly reason: string | null;
  readonly since: number;
  readonly until: number | null;
  /** Of what is kept: the run that keeps it. Not in what an older version wrote. */
  readonly runId?: number;
  /** Of what is kept: the lock that holds the resource when that has ended. */
  readonly lock?: Hold | null;
}

export interface Lease {
  readonly resource: string;
  readonly mode: LeaseMode;
  readonly fence: number;
  readonly tenancy: string | null;
  readonly tenancySince: number | null;
  readonly runId: number | null;
  readonly holder: Person | null;
  readonly reason: string | null;
  readonly since: number | null;
  readonly until: number | null;
  readonly maxUntil: number | null;
  /** What a hold had left when a run began to work on it, in ms. */
  readonly remainingMs: number | null;
  readonly prior: Hold | null;
  readonly facts: JsonObject;
}

/** A resource that nobody has ever used: free, at fence 0. */
export function untouched(resource: string): Lease {
  return {
    resource,
    mode: "free",
    fence: 0,
    tenancy: null,
    tenancySince: null,
    runId: null,
    holder: null,
    reason: null,
    since: null,
    until: null,
    maxUntil: null,
    remainingMs: null,
    prior: null,
    facts: {},
  };
}

export async function findLease(db: Queryable, resource: string): Promise<Lease> {
  const row = await db.selectFrom("leases").selectAll().where("resource", "=", resource).executeTakeFirst();
  return row ? toLease(row) : untouched(resource);
}

export async function listLeases(db: Queryable): Promise<Lease[]> {
  return (await db.selectFrom("leases").selectAll().orderBy("resource").execute()).map(toLease);
}

export async function readFence(db: Queryable, resource: string): Promise<number> {
  const row = await db
    .selectFrom("leases")
    .select("fence")
    .where("resource", "=", resource)
    .executeTakeFirst();
  return row?.fence ?? 0;
}

export async function saveLease(db: Queryable, lease: Lease): Promise<void> {
  const columns = {
    mode: lease.mode,
    fence: lease.fence,
    tenancy: lease.tenancy,
    tenancy_since: lease.tenancySince,
    run_id: lease.runId,
    holder: lease.holder?.id ?? null,
    holder_name: lease.holder?.name ?? null,
    reason: lease.reason,
    since: lease.since,
    until: lease.until,
    max_until: lease.maxUntil,
    remaining_ms: lease.remainingMs,
    prior_json: lease.prior === null ? null : toJson(lease.prior),
    facts_json: toJson(lease.facts),
  };
  await db
    .insertInto("leases")
    .values({ resource: lease.resource, ...columns })
    .onConflict((conflict) => conflict.column("resource").doUpdateSet(columns))
    .execute();
}

function toLease(row: Selectable<LeaseRow>): Lease {
  return {
    resource: row.resource,
    mode: row.mode as LeaseMode,
    fence: row.fence,
    tenancy: row.tenancy,
    tenancySince: row.tenancy_since,
    runId: row.run_id,
    holder: row.holder === null ? null : { id: row.holder, name: row.holder_name ?? row.holder },
    reason: row.reason,
    since: row.since,
    until: row.until,
    maxUntil: row.max_until,
    remainingMs: row.remaining_ms,
    prior: parseJson<Hold | null>(row.prior_json),
    facts: parseObject(row.facts_json),
  };
}
