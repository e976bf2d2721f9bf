import { type Kysely, sql } from "kysely";

const TABLES = [
  `create table lookups (
    source text not null, key text not null, answer_json text not null, asked_at integer not null,
    primary key (source, key)) strict`,
  `create table lookup_pauses (source text primary key, until integer not null) strict`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const table of TABLES) await sql.raw(table).execute(db);
}
