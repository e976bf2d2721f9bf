import type { Generated } from "kysely";

/**
 * The tables, as rows. Times are milliseconds since 1970 (UTC); columns whose name ends in `_json` hold JSON
 * text; no column ever holds a secret.
 */
export interface Schema {
  meta: { key: string; value: string };
  configs: { hash: string; raw_json: string; first_used_at: number };
  runs: RunRow;
  steps: StepRow;
  obligations: ObligationRow;
  leases: LeaseRow;
  queue: QueueRow;
  offers: OfferRow;
  inbox: InboxRow;
  outbox: OutboxRow;
  posts: PostRow;
  logs: LogRow;
  log_gaps: { run_id: number; path: string; seq: number; lines: number | null; bytes: number };
  audit: AuditRow;
  lookups: LookupRow;
  lookup_pauses: { source: string; until: number };
}

export interface RunRow {
  id: Generated<number>;
  uuid: string;
  kind: string;
  version: number;
  /** The resource that the run works on; null while any of `candidates_json` will do. */
  target: string | null;
  candidates_json: string;
  state: string;
  reason: string | null;
  requested_by: string;
  requester_name: string;
  via: string;
  pr: number | null;
  sha: string | null;
  input_json: string;
  config_hash: string;
  created_at: number;
  started_at: number | null;
  ended_at: number | null;
  /** Guards every write of the run: the lease's fence that it was given. */
  fence: number | null;
  tenancy: string | null;
  cancel_requested_at: number | null;
  cancel_requested_by: string | null;
  /** How the pipeline's function ended, written before cleanup begins. */
  outcome_json: string | null;
  /** When cleanup began; the ten minutes after which a slot turns dirty count from here. */
  settling_since: number | null;
  tests_json: string | null;
  facts_json: string;
  retry_of: number | null;
  /** Repeating a request with the same key finds the first run instead of starting a second. */
  dedupe_key: string | null;
  /** Grows with every change that a person could see. */
  revision: Generated<number>;
}

export interface StepRow {
  seq: Generated<number>;
  run_id: number;
  path: string;
  scope: string;
  ordinal: number;
  name: string;
  kind: string;
  state: string;
  attempt: number;
  started_at: number | null;
  attempt_at: number | null;
  ended_at: number | null;
  detail: string | null;
  result_json: string | null;
  error_json: string | null;
}

export interface ObligationRow {
  id: string;
  kind: string;
  version: number;
  state: string;
  title: string;
  tenancy: string;
  resource: string;
  run_id: number;
  facts_json: string;
  needs_json: string;
  /** Obligations that share one thing (an ingress rule) carry the same key; the last one out undoes it. */
  share_key: string | null;
  due_at: number | null;
  released_at: number | null;
  attempts: Generated<number>;
  next_attempt_at: number | null;
  last_error: string | null;
  created_at: number;
  gone_at: number | null;
  note: string | null;
}

export interface LeaseRow {
  resource: string;
  mode: string;
  fence: number;
  tenancy: string | null;
  run_id: number | null;
  holder: string | null;
  holder_name: string | null;
  reason: string | null;
  since: number | null;
  until: number | null;
  /** What a hold had left when a run began to work on it; the time to live pauses meanwhile. */
  remaining_ms: number | null;
  /** When the environment of this tenancy began: `maxTtl` counts from here. */
  tenancy_since: number | null;
  /** The hold that a run on a locked slot goes back to. */
  prior_json: string | null;
  facts_json: string;
  /** Beyond this no extension goes: the environment's longest life. */
  max_until: number | null;
  warned_at: number | null;
}

export interface QueueRow {
  id: Generated<number>;
  run_id: number;
  candidates_json: string;
  adopt: number;
  requested_at: number;
}

/** A resource that was reserved for a run until its requester answers. */
export interface OfferRow {
  id: Generated<number>;
  run_id: number;
  resource: string;
  offered_at: number;
  until: number;
  /** Null while it is open. */
  answer: Generated<string | null>;
  answered_at: Generated<number | null>;
  answered_by: Generated<string | null>;
  answerer_name: Generated<string | null>;
}

export interface InboxRow {
  id: Generated<number>;
  source: string;
  delivery_key: string;
  payload_json: string;
  received_at: number;
  handled_at: number | null;
  attempts: Generated<number>;
  error: string | null;
}

export interface OutboxRow {
  id: Generated<number>;
  surface: string;
  kind: string;
  payload_json: string;
  dedupe_key: string | null;
  created_at: number;
  next_attempt_at: number;
  attempts: Generated<number>;
  sent_at: number | null;
  failed_at: number | null;
  last_error: string | null;
}

/** What a surface shows of a run: one row a message, with what was last sent. */
export interface PostRow {
  surface: string;
  run_id: number;
  key: string;
  channel: string | null;
  external_id: string | null;
  sent_hash: string | null;
  sent_revision: Generated<number>;
  sent_at: number | null;
  attempts: Generated<number>;
}

export interface LogRow {
  seq: Generated<number>;
  run_id: number;
  path: string;
  at: number;
  line: string;
}

export interface AuditRow {
  seq: Generated<number>;
  at: number;
  who: string;
  via: string;
  action: string;
  target: string | null;
  outcome: string;
  reason_code: string | null;
  detail: string | null;
  /** Hash of this line and the one before: a line taken out or changed later breaks the chain. */
  hash: string;
}

/** What another system answered to a question that decides on rights, kept for minutes. */
export interface LookupRow {
  source: string;
  key: string;
  answer_json: string;
  asked_at: number;
}
