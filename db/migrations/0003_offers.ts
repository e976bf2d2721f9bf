import { type Kysely, sql } from "kysely";

const TABLES = [
  `create table offers (
    id integer primary key autoincrement, run_id integer not null references runs(id), resource text not null,
    offered_at integer not null, until integer not null, answer text, answered_at integer, answered_by text,
    answerer_name text) strict`,
  `create index offers_run on offers (run_id, id)`,
  // A run is offered one resource at a time, and a resource to one run.
  `create unique index offers_open_run on offers (run_id) where answer is null`,
  `create unique index offers_open_resource on offers (resource) where answer is null`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const table of TABLES) await sql.raw(table).execute(db);
}
