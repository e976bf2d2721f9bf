import type { Selectable } from "kysely";
import type { Fault, StepState, StepView } from "../src/engine/types.ts";
import type { JsonValue } from "../src/util/json.ts";
import type { Queryable } from "./connection.ts";
import { parseJson, toJson } from "./json.ts";
import type { StepRow } from "./schema.ts";

/** `value` is a journaled fact (a time, an id): replayed like a step, shown to nobody. */
export type StepKind = "step" | "value" | "cleanup";

export interface StoredStep {
  readonly path: string;
  readonly scope: string;
  readonly ordinal: number;
  readonly name: string;
  readonly kind: StepKind;
  readonly state: StepState;
  readonly attempt: number;
  readonly startedAt: number | null;
  /** When the attempt at work began: its time limit counts from here, over restarts too. */
  readonly attemptAt: number | null;
  readonly endedAt: number | null;
  readonly detail: string | null;
  readonly result: JsonValue;
  readonly error: Fault | null;
}

export async function listSteps(db: Queryable, runId: number): Promise<StoredStep[]> {
  const rows = await db.selectFrom("steps").selectAll().where("run_id", "=", runId).orderBy("seq").execute();
  return rows.map(toStep);
}

export async function viewSteps(db: Queryable, runId: number): Promise<StepView[]> {
  const steps = await listSteps(db, runId);
  return steps.flatMap((step) => (step.kind === "value" ? [] : [{ ...viewOf(step), kind: step.kind }]));
}

function viewOf(step: StoredStep): Omit<StepView, "kind"> {
  const { path, name, state, startedAt, endedAt, detail, error } = step;
  return { path, name, state, attempt: attemptOf(step), startedAt, endedAt, detail, error };
}

/** A step may try within itself, as a configured one with `retries` does: who looks at it sees the last try. */
function attemptOf({ attempt, result, error }: StoredStep): number {
  return Math.max(attempt, triesIn(result), triesIn(error?.fields));
}

function triesIn(value: JsonValue | undefined): number {
  const isRecord = typeof value === "object" && value !== null && "tries" in value;
  return isRecord && typeof value.tries === "number" ? value.tries : 1;
}

/** Writes a step's row, new or changed. */
export async function saveStep(db: Queryable, runId: number, step: StoredStep): Promise<void> {
  const changing = {
    state: step.state,
    attempt: step.attempt,
    attempt_at: step.attemptAt,
    started_at: step.startedAt,
    ended_at: step.endedAt,
    detail: step.detail,
    result_json: toJson(step.result),
    error_json: step.error === null ? null : toJson(step.error),
  };
  await db
    .insertInto("steps")
    .values({
      run_id: runId,
      path: step.path,
      scope: step.scope,
      ordinal: step.ordinal,
      name: step.name,
      kind: step.kind,
      ...changing,
    })
    .onConflict((conflict) => conflict.columns(["run_id", "path"]).doUpdateSet(changing))
    .execute();
}

/** When a step began; null when the run has none at that path. */
export async function stepStartedAt(db: Queryable, runId: number, path: string): Promise<number | null> {
  const row = await db
    .selectFrom("steps")
    .select("started_at")
    .where("run_id", "=", runId)
    .where("path", "=", path)
    .executeTakeFirst();
  return row?.started_at ?? null;
}

export async function setStepDetail(
  db: Queryable,
  runId: number,
  path: string,
  detail: string,
): Promise<void> {
  await db
    .updateTable("steps")
    .set({ detail })
    .where("run_id", "=", runId)
    .where("path", "=", path)
    .execute();
}

/** Durations in ms of the newest successful executions of one step, over all runs of a kind. */
export async function recentStepDurations(
  db: Queryable,
  kind: string,
  path: string,
  limit: number,
): Promise<number[]> {
  const rows = await db
    .selectFrom("steps")
    .innerJoin("runs", "runs.id", "steps.run_id")
    .select(["steps.started_at", "steps.ended_at"])
    .where("runs.kind", "=", kind)
    .where("steps.path", "=", path)
    .where("steps.state", "=", "succeeded")
    .orderBy("steps.seq", "desc")
    .limit(limit)
    .execute();
  return rows.flatMap((row) =>
    row.started_at !== null && row.ended_at !== null ? [row.ended_at - row.started_at] : [],
  );
}

function toStep(row: Selectable<StepRow>): StoredStep {
  return {
    path: row.path,
    scope: row.scope,
    ordinal: row.ordinal,
    name: row.name,
    kind: row.kind as StepKind,
    state: row.state as StepState,
    attempt: row.attempt,
    startedAt: row.started_at,
    attemptAt: row.attempt_at,
    endedAt: row.ended_at,
    detail: row.detail,
    result: parseJson(row.result_json),
    error: parseJson<Fault | null>(row.error_json),
  };
}
