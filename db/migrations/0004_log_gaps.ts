import { type Kysely, sql } from "kysely";

/** Where a step's output was too much to keep, and how much of it was left out; `seq` is the line that says so. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql
    .raw(
      `create table log_gaps (
        run_id integer not null, path text not null, seq integer not null, lines integer, bytes integer not null,
        primary key (run_id, path)) strict, without rowid`,
    )
    .execute(db);
}
