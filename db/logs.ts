import type { Queryable } from "./connection.ts";

export interface NewLogLine {
  readonly runId: number;
  readonly path: string;
  readonly at: number;
  readonly line: string;
}

/** SQLite takes about 32,000 values in one statement; four a line. */
const LINES_AT_ONCE = 2_000;

export async function appendLog(db: Queryable, lines: readonly NewLogLine[]): Promise<void> {
  for (let from = 0; from < lines.length; from += LINES_AT_ONCE) {
    const rows = lines
      .slice(from, from + LINES_AT_ONCE)
      .map(({ runId, path, at, line }) => ({ run_id: runId, path, at, line }));
    await db.insertInto("logs").values(rows).execute();
  }
}

export async function readLog(
  db: Queryable,
  runId: number,
  options: { afterSeq?: number | undefined; path?: string | undefined; limit: number },
): Promise<{ seq: number; path: string; at: number; line: string }[]> {
  let query = db.selectFrom("logs").select(["seq", "path", "at", "line"]).where("run_id", "=", runId);
  if (options.afterSeq !== undefined) query = query.where("seq", ">", options.afterSeq);
  if (options.path !== undefined) query = query.where("path", "=", options.path);
  return await query.orderBy("seq").limit(options.limit).execute();
}

/** Removes the log lines of runs that ended before a time; the runs themselves stay. Returns how many lines. */
export async function pruneLogs(db: Queryable, endedBefore: number): Promise<number> {
  const ended = db.selectFrom("runs").select("id").where("ended_at", "<", endedBefore);
  const { numDeletedRows } = await db.deleteFrom("logs").where("run_id", "in", ended).executeTakeFirst();
  return Number(numDeletedRows);
}
