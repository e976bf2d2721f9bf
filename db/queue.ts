import type { JsonObject } from "../src/util/json.ts";
import type { Queryable } from "./connection.ts";
import { parseJson, toJson } from "./json.ts";

export interface Waiting {
  readonly id: number;
  readonly runId: number;
  readonly candidates: readonly string[];
  /** Whether it may take a resource that is held (by its own requester, or with the right to). */
  readonly adopt: boolean;
  readonly requestedAt: number;
  readonly requestedBy: { readonly id: string; readonly name: string };
  /** What runs, and with what. */
  readonly kind: string;
  readonly input: JsonObject;
  readonly via: string;
  /** The resource that is reserved for it until its requester answers. */
  readonly offer: { readonly resource: string; readonly until: number } | null;
}

export async function enqueue(
  db: Queryable,
  entry: { runId: number; candidates: readonly string[]; adopt: boolean; requestedAt: number },
): Promise<void> {
  await db
    .insertInto("queue")
    .values({
      run_id: entry.runId,
      candidates_json: toJson(entry.candidates),
      adopt: entry.adopt ? 1 : 0,
      requested_at: entry.requestedAt,
    })
    .execute();
}

/** Everyone who waits, first come first. */
export async function listQueue(db: Queryable): Promise<Waiting[]> {
  const rows = await db
    .selectFrom("queue")
    .innerJoin("runs", "runs.id", "queue.run_id")
    .leftJoin("offers", (join) =>
      join.onRef("offers.run_id", "=", "queue.run_id").on("offers.answer", "is", null),
    )
    .select([
      "queue.id",
      "queue.run_id",
      "queue.candidates_json",
      "queue.adopt",
      "queue.requested_at",
      "runs.requested_by",
      "runs.requester_name",
      "runs.kind",
      "runs.input_json",
      "runs.via",
      "offers.resource",
      "offers.until",
    ])
    .orderBy("queue.id")
    .execute();
  return rows.map((row) => ({
    id: row.id,
    runId: row.run_id,
    candidates: parseJson<string[]>(row.candidates_json),
    adopt: row.adopt === 1,
    requestedAt: row.requested_at,
    requestedBy: { id: row.requested_by, name: row.requester_name },
    kind: row.kind,
    input: parseJson<JsonObject>(row.input_json),
    via: row.via,
    offer: row.resource === null || row.until === null ? null : { resource: row.resource, until: row.until },
  }));
}

export async function removeFromQueue(db: Queryable, runId: number): Promise<void> {
  await db.deleteFrom("queue").where("run_id", "=", runId).execute();
}
