import type { Insertable, Selectable } from "kysely";
import type { EndState, Fault, RunState, RunView, TestCounts } from "../src/engine/types.ts";
import type { JsonObject, JsonValue } from "../src/util/json.ts";
import type { Queryable } from "./connection.ts";
import { parseJson, parseObject, toJson } from "./json.ts";
import type { RunRow } from "./schema.ts";

export type Outcome = { readonly state: EndState; readonly fault: Fault | null; readonly result: JsonValue };

/** A run with what only the engine needs to know. */
export interface StoredRun extends RunView {
  readonly version: number;
  readonly fence: number | null;
  readonly tenancy: string | null;
  readonly cancelRequestedAt: number | null;
  readonly settlingSince: number | null;
}

export async function insertRun(db: Queryable, row: Insertable<RunRow>): Promise<number> {
  const { id } = await db.insertInto("runs").values(row).returning("id").executeTakeFirstOrThrow();
  return id;
}

export async function findRun(db: Queryable, id: number): Promise<StoredRun | null> {
  const row = await db.selectFrom("runs").selectAll().where("id", "=", id).executeTakeFirst();
  return row ? toRun(row) : null;
}

export async function findRunByDedupeKey(db: Queryable, key: string): Promise<StoredRun | null> {
  const row = await db.selectFrom("runs").selectAll().where("dedupe_key", "=", key).executeTakeFirst();
  return row ? toRun(row) : null;
}

export async function listRuns(
  db: Queryable,
  options: { limit: number; target?: string | undefined; states?: readonly RunState[] | undefined },
): Promise<StoredRun[]> {
  let query = db.selectFrom("runs").selectAll().orderBy("id", "desc").limit(options.limit);
  if (options.target !== undefined) query = query.where("target", "=", options.target);
  if (options.states !== undefined) query = query.where("state", "in", [...options.states]);
  return (await query.execute()).map(toRun);
}

/** Runs that a restarted process takes up again, oldest first. */
export async function listActiveRuns(db: Queryable): Promise<StoredRun[]> {
  const rows = await db.selectFrom("runs").selectAll().where("state", "=", "running").orderBy("id").execute();
  return rows.map(toRun);
}

export type RunChange = Partial<{
  state: RunState;
  target: string;
  reason: string | null;
  sha: string | null;
  pr: number | null;
  configHash: string;
  startedAt: number;
  endedAt: number;
  fence: number;
  tenancy: string;
  cancelRequestedAt: number;
  cancelRequestedBy: string;
  outcome: Outcome;
  settlingSince: number;
  tests: TestCounts | null;
  facts: JsonObject;
}>;

/** Changes a run and counts its revision up, by which surfaces see that there is something new to show. */
export async function changeRun(db: Queryable, id: number, change: RunChange): Promise<void> {
  const {
    outcome,
    tests,
    facts,
    configHash,
    startedAt,
    endedAt,
    cancelRequestedAt,
    cancelRequestedBy,
    settlingSince,
    ...same
  } = change;
  await db
    .updateTable("runs")
    .set((eb) => ({
      ...same,
      ...(outcome !== undefined && { outcome_json: toJson(outcome) }),
      ...(tests !== undefined && { tests_json: tests === null ? null : toJson(tests) }),
      ...(facts !== undefined && { facts_json: toJson(facts) }),
      ...(configHash !== undefined && { config_hash: configHash }),
      ...(startedAt !== undefined && { started_at: startedAt }),
      ...(endedAt !== undefined && { ended_at: endedAt }),
      ...(cancelRequestedAt !== undefined && { cancel_requested_at: cancelRequestedAt }),
      ...(cancelRequestedBy !== undefined && { cancel_requested_by: cancelRequestedBy }),
      ...(settlingSince !== undefined && { settling_since: settlingSince }),
      revision: eb("revision", "+", 1),
    }))
    .where("id", "=", id)
    .execute();
}

/** Durations in ms of the newest successful runs of a kind (and of a target, when given). */
export async function recentDurations(
  db: Queryable,
  kind: string,
  target: string | null,
  limit: number,
): Promise<number[]> {
  let query = db
    .selectFrom("runs")
    .select(["started_at", "ended_at"])
    .where("kind", "=", kind)
    .where("state", "=", "succeeded")
    .orderBy("id", "desc")
    .limit(limit);
  if (target !== null) query = query.where("target", "=", target);
  const rows = await query.execute();
  return rows.flatMap((row) =>
    row.started_at !== null && row.ended_at !== null ? [row.ended_at - row.started_at] : [],
  );
}

export async function countRunsByState(
  db: Queryable,
): Promise<{ state: string; kind: string; count: number }[]> {
  return await db
    .selectFrom("runs")
    .select(["state", "kind", (eb) => eb.fn.countAll<number>().as("count")])
    .groupBy(["state", "kind"])
    .execute();
}

function toRun(row: Selectable<RunRow>): StoredRun {
  return {
    id: row.id,
    uuid: row.uuid,
    kind: row.kind,
    version: row.version,
    target: row.target,
    candidates: parseJson<string[]>(row.candidates_json),
    state: row.state as RunState,
    reason: row.reason,
    requestedBy: { id: row.requested_by, name: row.requester_name },
    via: row.via,
    pr: row.pr,
    sha: row.sha,
    input: parseObject(row.input_json),
    configHash: row.config_hash,
    createdAt: row.created_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    cancelRequestedAt: row.cancel_requested_at,
    cancelRequestedBy: row.cancel_requested_by,
    outcome: parseJson<Outcome | null>(row.outcome_json),
    tests: parseJson<TestCounts | null>(row.tests_json),
    facts: parseObject(row.facts_json),
    retryOf: row.retry_of,
    revision: row.revision,
    fence: row.fence,
    tenancy: row.tenancy,
    settlingSince: row.settling_since,
  };
}
