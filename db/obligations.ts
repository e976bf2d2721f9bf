import type { Selectable } from "kysely";
import type { ObligationState, ObligationView } from "../src/engine/types.ts";
import type { JsonObject } from "../src/util/json.ts";
import type { Queryable } from "./connection.ts";
import { parseJson, parseObject, toJson } from "./json.ts";
import type { ObligationRow } from "./schema.ts";

/** Another obligation that must be out of the way first: gone, or (for a draining target) at least let go. */
export interface Need {
  readonly id: string;
  readonly until: "gone" | "released";
}

export interface StoredObligation extends ObligationView {
  readonly version: number;
  readonly tenancy: string;
  readonly needs: readonly Need[];
  readonly shareKey: string | null;
  readonly releasedAt: number | null;
  readonly nextAttemptAt: number | null;
  readonly createdAt: number;
}

export type NewObligation = Pick<
  StoredObligation,
  | "id"
  | "kind"
  | "version"
  | "title"
  | "tenancy"
  | "resource"
  | "runId"
  | "facts"
  | "needs"
  | "shareKey"
  | "due"
  | "createdAt"
>;

export async function insertObligation(db: Queryable, owed: NewObligation): Promise<void> {
  await db
    .insertInto("obligations")
    .values({
      id: owed.id,
      kind: owed.kind,
      version: owed.version,
      state: "recorded",
      title: owed.title,
      tenancy: owed.tenancy,
      resource: owed.resource,
      run_id: owed.runId,
      facts_json: toJson(owed.facts),
      needs_json: toJson(owed.needs),
      share_key: owed.shareKey,
      due_at: owed.due,
      created_at: owed.createdAt,
    })
    .execute();
}

export async function findObligation(db: Queryable, id: string): Promise<StoredObligation | null> {
  const row = await db.selectFrom("obligations").selectAll().where("id", "=", id).executeTakeFirst();
  return row ? toObligation(row) : null;
}

export async function listObligations(
  db: Queryable,
  where: {
    runId?: number | undefined;
    resource?: string | undefined;
    tenancy?: string | undefined;
    open?: boolean | undefined;
  },
): Promise<StoredObligation[]> {
  let query = db.selectFrom("obligations").selectAll().orderBy("created_at").orderBy("id");
  if (where.runId !== undefined) query = query.where("run_id", "=", where.runId);
  if (where.resource !== undefined) query = query.where("resource", "=", where.resource);
  if (where.tenancy !== undefined) query = query.where("tenancy", "=", where.tenancy);
  if (where.open) query = query.where("state", "<>", "gone");
  return (await query.execute()).map(toObligation);
}

export type ObligationChange = Partial<{
  state: ObligationState;
  facts: JsonObject;
  title: string;
  due: number | null;
  releasedAt: number;
  attempts: number;
  nextAttemptAt: number | null;
  lastError: string | null;
  goneAt: number;
  note: string;
}>;

export async function changeObligation(db: Queryable, id: string, change: ObligationChange): Promise<void> {
  const { facts, due, releasedAt, nextAttemptAt, lastError, goneAt, ...same } = change;
  await db
    .updateTable("obligations")
    .set({
      ...same,
      ...(facts !== undefined && { facts_json: toJson(facts) }),
      ...(due !== undefined && { due_at: due }),
      ...(releasedAt !== undefined && { released_at: releasedAt }),
      ...(nextAttemptAt !== undefined && { next_attempt_at: nextAttemptAt }),
      ...(lastError !== undefined && { last_error: lastError }),
      ...(goneAt !== undefined && { gone_at: goneAt }),
    })
    .where("id", "=", id)
    .execute();
  if (change.state === "gone" || typeof lastError === "string") await countUpRuns(db, "id", id);
}

/** Writes down why what is kept in a tenancy ends; call it before that is made due. */
export async function noteEndOfKept(
  db: Queryable,
  tenancy: string,
  note: string,
  which: { exceptRun?: number; exceptKind: string },
): Promise<void> {
  let query = db
    .updateTable("obligations")
    .set({ note })
    .where("tenancy", "=", tenancy)
    .where("state", "<>", "gone")
    .where("due_at", "is not", null)
    .where("kind", "<>", which.exceptKind);
  if (which.exceptRun !== undefined) query = query.where("run_id", "<>", which.exceptRun);
  await query.execute();
}

/** Sets when the open obligations of a tenancy are due; `null` = as soon as no run works there. */
export async function setDue(
  db: Queryable,
  tenancy: string,
  due: number | null,
  which: { kinds?: readonly string[]; onlyKept?: boolean; ofRun?: number; exceptRun?: number } = {},
): Promise<void> {
  let query = db
    .updateTable("obligations")
    .set({ due_at: due })
    .where("tenancy", "=", tenancy)
    .where("state", "<>", "gone");
  if (which.kinds) query = query.where("kind", "in", [...which.kinds]);
  if (which.ofRun !== undefined) query = query.where("run_id", "=", which.ofRun);
  if (which.exceptRun !== undefined) query = query.where("run_id", "<>", which.exceptRun);
  if (which.onlyKept) query = query.where("due_at", "is not", null);
  await query.execute();
  await countUpRuns(db, "tenancy", tenancy);
}

/**
 * What an ended run has left standing, or has worked on, is part of what surfaces show of it: a change counts its
 * revision up.
 */
async function countUpRuns(db: Queryable, by: "id" | "tenancy", value: string): Promise<void> {
  await db
    .updateTable("runs")
    .set((eb) => ({ revision: eb("revision", "+", 1) }))
    .where("ended_at", "is not", null)
    .where("target", "in", (eb) => eb.selectFrom("obligations").select("resource").where(by, "=", value))
    .where("tenancy", "in", (eb) => eb.selectFrom("obligations").select("tenancy").where(by, "=", value))
    .execute();
}

/** How many other open obligations hold the same shared thing. */
export async function countSharers(db: Queryable, shareKey: string, exceptId: string): Promise<number> {
  const { count } = await db
    .selectFrom("obligations")
    .select((eb) => eb.fn.countAll<number>().as("count"))
    .where("share_key", "=", shareKey)
    .where("state", "<>", "gone")
    .where("id", "<>", exceptId)
    .executeTakeFirstOrThrow();
  return count;
}

function toObligation(row: Selectable<ObligationRow>): StoredObligation {
  return {
    id: row.id,
    kind: row.kind,
    version: row.version,
    title: row.title,
    state: row.state as ObligationState,
    tenancy: row.tenancy,
    resource: row.resource,
    runId: row.run_id,
    facts: parseObject(row.facts_json),
    needs: parseJson<Need[]>(row.needs_json),
    shareKey: row.share_key,
    due: row.due_at,
    releasedAt: row.released_at,
    attempts: row.attempts,
    nextAttemptAt: row.next_attempt_at,
    lastError: row.last_error,
    createdAt: row.created_at,
    goneAt: row.gone_at,
    note: row.note,
  };
}
