import { existsSync } from "node:fs";
import BetterSqlite3 from "better-sqlite3";
import { z } from "zod";
import { databaseOf } from "./bot.ts";

const runRow = z.object({
  id: z.number(),
  uuid: z.string(),
  kind: z.string(),
  state: z.string(),
  reason: z.string().nullable(),
  outcome_json: z.string().nullable(),
  ended_at: z.number().nullable(),
});
export type RunRow = z.infer<typeof runRow>;

const stepRow = z.object({
  path: z.string(),
  kind: z.string(),
  state: z.string(),
  attempt: z.number(),
  started_at: z.number().nullable(),
  ended_at: z.number().nullable(),
  result_json: z.string().nullable(),
  error_json: z.string().nullable(),
});
export type StepRow = z.infer<typeof stepRow>;

const logRow = z.object({ path: z.string(), line: z.string() });
export type LogRow = z.infer<typeof logRow>;

const testsRow = z.object({ tests_json: z.string().nullable() });
const openRow = z.object({ id: z.string(), kind: z.string(), state: z.string(), title: z.string() });
const factsRow = z.object({ facts_json: z.string() });
const leaseRow = z.object({ resource: z.string(), mode: z.string() });
const count = z.object({ count: z.number() });

/** What a bot's database says, read beside it (or after it was killed). */
export class JournalReader {
  readonly #file: string;

  constructor(folder: string) {
    this.#file = databaseOf(folder);
  }

  runs(): RunRow[] {
    return this.#all(runRow, "select * from runs order by id");
  }

  run(id: number): RunRow | undefined {
    return this.#all(runRow, "select * from runs where id = ?", id)[0];
  }

  /** The newest run's counts of tests. */
  tests(): unknown {
    const [row] = this.#all(testsRow, "select tests_json from runs order by id desc limit 1");
    return JSON.parse(row?.tests_json ?? "null");
  }

  steps(runId: number): StepRow[] {
    return this.#all(stepRow, "select * from steps where run_id = ? order by seq", runId);
  }

  log(runId: number): LogRow[] {
    return this.#all(logRow, "select path, line from logs where run_id = ? order by seq", runId);
  }

  openObligations(): z.infer<typeof openRow>[] {
    return this.#all(openRow, "select id, kind, state, title from obligations where state <> 'gone'");
  }

  /** What was written down with each obligation of a kind, of those met as well. */
  facts(kind: string): unknown[] {
    const rows = this.#all(factsRow, "select facts_json from obligations where kind = ?", kind);
    return rows.map((row) => JSON.parse(row.facts_json));
  }

  /** Resources that are not free, with how they are held. */
  heldLeases(): string[] {
    const held = this.#all(leaseRow, "select resource, mode from leases where mode <> 'free'");
    return held.map(({ resource, mode }) => `${resource} ${mode}`);
  }

  unhandledEvents(): number {
    return this.#all(count, "select count(*) as count from inbox where handled_at is null")[0]?.count ?? 0;
  }

  acceptedEvents(): number {
    return this.#all(count, "select count(*) as count from inbox")[0]?.count ?? 0;
  }

  queued(): number {
    return this.#all(count, "select count(*) as count from queue")[0]?.count ?? 0;
  }

  #all<T extends z.ZodType>(row: T, sql: string, ...parameters: unknown[]): z.output<T>[] {
    if (!existsSync(this.#file)) return [];
    // Read-only: closing a writing connection would tidy up the log that the next bot has to recover from.
    const db = new BetterSqlite3(this.#file, { timeout: 5_000, readonly: true });
    try {
      return z.array(row).parse(db.prepare(sql).all(...parameters));
    } finally {
      db.close();
    }
  }
}
