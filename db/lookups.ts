import type { JsonValue } from "../src/util/json.ts";
import type { Queryable } from "./connection.ts";
import { parseJson, toJson } from "./json.ts";

/** What another system answered, and when it was asked. */
export interface Lookup {
  readonly answer: JsonValue;
  readonly askedAt: number;
}

export async function findLookup(db: Queryable, source: string, key: string): Promise<Lookup | null> {
  const row = await db
    .selectFrom("lookups")
    .select(["answer_json", "asked_at"])
    .where("source", "=", source)
    .where("key", "=", key)
    .executeTakeFirst();
  return row ? { answer: parseJson(row.answer_json), askedAt: row.asked_at } : null;
}

/** Writes an answer down in place of the one before, and forgets this source's answers from before `oldest`. */
export async function saveLookup(
  db: Queryable,
  source: string,
  key: string,
  lookup: Lookup,
  oldest: number,
): Promise<void> {
  const row = { answer_json: toJson(lookup.answer), asked_at: lookup.askedAt };
  await db
    .insertInto("lookups")
    .values({ source, key, ...row })
    .onConflict((conflict) => conflict.columns(["source", "key"]).doUpdateSet(row))
    .execute();
  await db.deleteFrom("lookups").where("source", "=", source).where("asked_at", "<", oldest).execute();
}

/** Until when a source wants to be asked nothing; 0: it never said. */
export async function findPause(db: Queryable, source: string): Promise<number> {
  const row = await db
    .selectFrom("lookup_pauses")
    .select("until")
    .where("source", "=", source)
    .executeTakeFirst();
  return row?.until ?? 0;
}

export async function savePause(db: Queryable, source: string, until: number): Promise<void> {
  await db
    .insertInto("lookup_pauses")
    .values({ source, until })
    .onConflict((conflict) => conflict.column("source").doUpdateSet({ until }))
    .execute();
}
