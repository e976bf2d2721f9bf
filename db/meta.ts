import type { Queryable } from "./connection.ts";

/**
 * Begins a new epoch: the number of the process that may write. A process that was thought dead and wakes up
 * finds a newer epoch and writes nothing more.
 */
export async function beginEpoch(db: Queryable): Promise<number> {
  const epoch = (await readEpoch(db)) + 1;
  await db
    .insertInto("meta")
    .values({ key: "epoch", value: String(epoch) })
    .onConflict((conflict) => conflict.column("key").doUpdateSet({ value: String(epoch) }))
    .execute();
  return epoch;
}

export async function readEpoch(db: Queryable): Promise<number> {
  const row = await db.selectFrom("meta").select("value").where("key", "=", "epoch").executeTakeFirst();
  return row ? Number(row.value) : 0;
}
