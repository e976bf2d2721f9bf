import type { JsonObject } from "../src/util/json.ts";
import type { Queryable } from "./connection.ts";
import { parseObject, toJson } from "./json.ts";

/** An event that was accepted and is not handled yet. */
export interface Delivery {
  readonly id: number;
  readonly source: string;
  readonly deliveryKey: string;
  readonly payload: JsonObject;
  readonly receivedAt: number;
  /** How often handling it has begun. */
  readonly attempts: number;
  /** How the last attempt failed; null when it did not get to its end. */
  readonly error: string | null;
}

/** SQLite takes about 32,000 values in one statement; five a row. */
export const MOST_DELIVERIES_AT_ONCE = 1_000;

/**
 * Writes events down, all or none, in one statement: on a disk that is told to keep its word, writing fifty
 * takes no longer than writing one. Answers the keys that were not there before.
 */
export async function insertDeliveries(
  db: Queryable,
  deliveries: readonly Pick<Delivery, "source" | "deliveryKey" | "payload" | "receivedAt">[],
): Promise<ReadonlySet<string>> {
  const rows = await db
    .insertInto("inbox")
    .values(
      deliveries.map((delivery) => ({
        source: delivery.source,
        delivery_key: delivery.deliveryKey,
        payload_json: toJson(delivery.payload),
        received_at: delivery.receivedAt,
        handled_at: null,
        error: null,
      })),
    )
    .onConflict((conflict) => conflict.column("delivery_key").doNothing())
    .returning("delivery_key")
    .execute();
  return new Set(rows.map((row) => row.delivery_key));
}

/** Unhandled events after `afterId`, in order of arrival. */
export async function listUnhandled(db: Queryable, afterId: number, limit: number): Promise<Delivery[]> {
  const rows = await db
    .selectFrom("inbox")
    .selectAll()
    .where("handled_at", "is", null)
    .where("id", ">", afterId)
    .orderBy("id")
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    id: row.id,
    source: row.source,
    deliveryKey: row.delivery_key,
    payload: parseObject(row.payload_json),
    receivedAt: row.received_at,
    attempts: row.attempts,
    error: row.error,
  }));
}

/** An attempt begins: should the process die in it, the missing error tells. */
export async function beginAttempt(db: Queryable, id: number): Promise<void> {
  await db
    .updateTable("inbox")
    .set((eb) => ({ attempts: eb("attempts", "+", 1), error: null }))
    .where("id", "=", id)
    .execute();
}

export async function failAttempt(db: Queryable, id: number, error: string): Promise<void> {
  await db.updateTable("inbox").set({ error }).where("id", "=", id).execute();
}

/** The event is handled; what it said is not needed any more and is forgotten, its key is kept. */
export async function markHandled(
  db: Queryable,
  id: number,
  at: number,
  error: string | null,
): Promise<void> {
  await db
    .updateTable("inbox")
    .set({ handled_at: at, error, payload_json: "{}" })
    .where("id", "=", id)
    .execute();
}

/** Forgets handled events older than `before`, keys too: nobody delivers again after so long. */
export async function pruneInbox(db: Queryable, before: number): Promise<void> {
  await db.deleteFrom("inbox").where("handled_at", "<", before).execute();
}

export async function countUnhandled(db: Queryable): Promise<number> {
  const { count } = await db
    .selectFrom("inbox")
    .select((eb) => eb.fn.countAll<number>().as("count"))
    .where("handled_at", "is", null)
    .executeTakeFirstOrThrow();
  return Number(count);
}
