import { type Kysely, sql } from "kysely";

const TABLES = [
  `create table meta (key text primary key, value text not null) strict`,
  `create table configs (hash text primary key, raw_json text not null, first_used_at integer not null) strict`,
  `create table runs (
    id integer primary key autoincrement, uuid text not null unique, kind text not null,
    version integer not null, target text, candidates_json text not null, state text not null, reason text,
    requested_by text not null, requester_name text not null, via text not null, pr integer, sha text,
    input_json text not null, config_hash text not null references configs(hash),
    created_at integer not null, started_at integer, ended_at integer, fence integer, tenancy text,
    cancel_requested_at integer, cancel_requested_by text, outcome_json text, settling_since integer,
    tests_json text, facts_json text not null default '{}', retry_of integer references runs(id),
    dedupe_key text unique, revision integer not null default 1) strict`,
  `create index runs_open on runs (state) where state in ('queued', 'waiting', 'running')`,
  `create index runs_target on runs (target, id)`,
  `create table steps (
    seq integer primary key autoincrement, run_id integer not null references runs(id), path text not null,
    scope text not null, ordinal integer not null, name text not null, kind text not null,
    state text not null, attempt integer not null, started_at integer, attempt_at integer,
    ended_at integer, detail text, result_json text, error_json text, unique (run_id, path)) strict`,
  `create table obligations (
    id text primary key, kind text not null, version integer not null, state text not null,
    title text not null, tenancy text not null, resource text not null,
    run_id integer not null references runs(id), facts_json text not null, needs_json text not null,
    share_key text, due_at integer, released_at integer, attempts integer not null default 0,
    next_attempt_at integer, last_error text, created_at integer not null, gone_at integer, note text) strict`,
  `create index obligations_open on obligations (tenancy) where state <> 'gone'`,
  `create index obligations_run on obligations (run_id)`,
  `create index obligations_share on obligations (share_key) where state <> 'gone'`,
  `create table leases (
    resource text primary key, mode text not null, fence integer not null, tenancy text,
    run_id integer references runs(id), holder text, holder_name text, reason text, since integer,
    until integer, remaining_ms integer, tenancy_since integer, prior_json text,
    facts_json text not null default '{}', max_until integer, warned_at integer) strict`,
  `create table queue (
    id integer primary key autoincrement, run_id integer not null unique references runs(id),
    candidates_json text not null, adopt integer not null, requested_at integer not null) strict`,
  `create table inbox (
    id integer primary key autoincrement, source text not null, delivery_key text not null unique,
    payload_json text not null, received_at integer not null, handled_at integer,
    attempts integer not null default 0, error text) strict`,
  `create index inbox_open on inbox (id) where handled_at is null`,
  `create table outbox (
    id integer primary key autoincrement, surface text not null, kind text not null,
    payload_json text not null, dedupe_key text unique, created_at integer not null,
    next_attempt_at integer not null, attempts integer not null default 0, sent_at integer,
    failed_at integer, last_error text) strict`,
  `create index outbox_open on outbox (surface, id) where sent_at is null and failed_at is null`,
  `create table posts (
    surface text not null, run_id integer not null references runs(id), key text not null, channel text,
    external_id text, sent_hash text, sent_revision integer not null default 0, sent_at integer,
    attempts integer not null default 0, primary key (surface, run_id, key)) strict`,
  `create table logs (
    seq integer primary key autoincrement, run_id integer not null, path text not null,
    at integer not null, line text not null) strict`,
  `create index logs_run on logs (run_id, seq)`,
  `create table audit (
    seq integer primary key autoincrement, at integer not null, who text not null, via text not null,
    action text not null, target text, outcome text not null, reason_code text, detail text,
    hash text not null) strict`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const table of TABLES) await sql.raw(table).execute(db);
}
