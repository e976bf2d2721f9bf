import type { JsonValue } from "../src/util/json.ts";
import type { Queryable } from "./connection.ts";
import { parseJson, toJson } from "./json.ts";

/** Keeps a configuration as written (its `${NAME}` unfilled, so without secrets) for the runs that begin with it. */
export async function rememberConfig(db: Queryable, hash: string, raw: JsonValue, at: number): Promise<void> {
  await db
    .insertInto("configs")
    .values({ hash, raw_json: toJson(raw), first_used_at: at })
    .onConflict((conflict) => conflict.column("hash").doNothing())
    .execute();
}

export async function findConfig(db: Queryable, hash: string): Promise<JsonValue | undefined> {
  const row = await db.selectFrom("configs").select("raw_json").where("hash", "=", hash).executeTakeFirst();
  return row ? parseJson(row.raw_json) : undefined;
}
