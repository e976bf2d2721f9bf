import type { JsonObject } from "../src/util/json.ts";
import type { Queryable } from "./connection.ts";
import { parseJson, toJson } from "./json.ts";

/** A message that a surface is yet to send. */
export interface Outgoing {
  readonly id: number;
  readonly surface: string;
  readonly kind: string;
  /** Messages of one lane (a channel, a person) are sent in their order. */
  readonly lane: string;
  readonly body: JsonObject;
  readonly createdAt: number;
  readonly nextAttemptAt: number;
  readonly attempts: number;
}

export type NewOutgoing = Pick<Outgoing, "surface" | "kind" | "lane" | "body" | "createdAt"> & {
  readonly dedupeKey: string | null;
};

/** Writes a message down; false when one with the same key is there already. */
export async function insertOutgoing(db: Queryable, message: NewOutgoing): Promise<boolean> {
  const result = await db
    .insertInto("outbox")
    .values({
      surface: message.surface,
      kind: message.kind,
      payload_json: toJson({ lane: message.lane, body: message.body }),
      dedupe_key: message.dedupeKey,
      created_at: message.createdAt,
      next_attempt_at: message.createdAt,
      sent_at: null,
      failed_at: null,
      last_error: null,
    })
    .onConflict((conflict) => conflict.column("dedupe_key").doNothing())
    .executeTakeFirst();
  return (result.numInsertedOrUpdatedRows ?? 0n) > 0n;
}

/** Unsent messages after `afterId`, oldest first. */
export async function listUnsent(db: Queryable, afterId: number, limit: number): Promise<Outgoing[]> {
  const rows = await db
    .selectFrom("outbox")
    .selectAll()
    .where("sent_at", "is", null)
    .where("failed_at", "is", null)
    .where("id", ">", afterId)
    .orderBy("id")
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    id: row.id,
    surface: row.surface,
    kind: row.kind,
    ...parseJson<{ lane: string; body: JsonObject }>(row.payload_json),
    createdAt: row.created_at,
    nextAttemptAt: row.next_attempt_at,
    attempts: row.attempts,
  }));
}

/** Sent: the text is forgotten, the key is kept. */
export async function markSent(db: Queryable, id: number, at: number): Promise<void> {
  await db
    .updateTable("outbox")
    .set((eb) => ({ sent_at: at, attempts: eb("attempts", "+", 1), payload_json: "{}" }))
    .where("id", "=", id)
    .execute();
}

/** To a time that may have fractions of a millisecond (a jittered pause); the column takes whole ones alone. */
export async function postpone(db: Queryable, id: number, until: number, error: string): Promise<void> {
  await db
    .updateTable("outbox")
    .set((eb) => ({ next_attempt_at: Math.ceil(until), last_error: error, attempts: eb("attempts", "+", 1) }))
    .where("id", "=", id)
    .execute();
}

/** Given up. The text stays for whoever looks into it, until it is pruned. */
export async function markFailed(db: Queryable, id: number, at: number, error: string): Promise<void> {
  await db
    .updateTable("outbox")
    .set((eb) => ({ failed_at: at, last_error: error, attempts: eb("attempts", "+", 1) }))
    .where("id", "=", id)
    .execute();
}

export async function pruneOutbox(db: Queryable, before: number): Promise<void> {
  await db
    .deleteFrom("outbox")
    .where((eb) => eb.or([eb("sent_at", "<", before), eb("failed_at", "<", before)]))
    .execute();
}

export async function countUnsent(db: Queryable): Promise<number> {
  const { count } = await db
    .selectFrom("outbox")
    .select((eb) => eb.fn.countAll<number>().as("count"))
    .where("sent_at", "is", null)
    .where("failed_at", "is", null)
    .executeTakeFirstOrThrow();
  return Number(count);
}
