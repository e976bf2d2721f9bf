import { type Kysely, sql } from "kysely";

/** What went lately is looked for at every change that is told. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw("create index obligations_gone on obligations (gone_at)").execute(db);
}
