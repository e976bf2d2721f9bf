import type { Selectable } from "kysely";
import type { OfferAnswer, OfferView, Person } from "../src/engine/types.ts";
import type { Queryable } from "./connection.ts";
import type { OfferRow } from "./schema.ts";

export async function insertOffer(
  db: Queryable,
  offer: { runId: number; resource: string; offeredAt: number; until: number },
): Promise<void> {
  const { runId, resource, offeredAt, until } = offer;
  await db.insertInto("offers").values({ run_id: runId, resource, offered_at: offeredAt, until }).execute();
}

/** The last one that the run was made. */
export async function findOffer(db: Queryable, runId: number): Promise<OfferView | null> {
  const row = await db
    .selectFrom("offers")
    .selectAll()
    .where("run_id", "=", runId)
    .orderBy("id", "desc")
    .limit(1)
    .executeTakeFirst();
  return row ? toOffer(row) : null;
}

/** Those that are open, and those that were answered or ran out since then; oldest first. */
export async function listOffers(db: Queryable, since: number): Promise<OfferView[]> {
  const rows = await db
    .selectFrom("offers")
    .selectAll()
    .where((eb) => eb.or([eb("answer", "is", null), eb("answered_at", ">=", since)]))
    .orderBy("id")
    .execute();
  return rows.map(toOffer);
}

/** @param by null: nobody */
export async function answerOffer(
  db: Queryable,
  runId: number,
  { answer, by, at }: { answer: OfferAnswer; by: Person | null; at: number },
): Promise<void> {
  await db
    .updateTable("offers")
    .set({
      answer,
      answered_at: at,
      answered_by: by?.id ?? null,
      answerer_name: by?.name ?? null,
    })
    .where("run_id", "=", runId)
    .where("answer", "is", null)
    .execute();
}

function toOffer(row: Selectable<OfferRow>): OfferView {
  return {
    id: row.id,
    runId: row.run_id,
    resource: row.resource,
    offeredAt: row.offered_at,
    until: row.until,
    answer: row.answer as OfferAnswer | null,
    answeredAt: row.answered_at,
    answeredBy:
      row.answered_by === null ? null : { id: row.answered_by, name: row.answerer_name ?? row.answered_by },
  };
}
