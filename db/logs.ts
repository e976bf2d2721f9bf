import { setImmediate } from "node:timers/promises";
import { formatSize } from "../src/util/format.ts";
import type { Queryable } from "./connection.ts";

export interface NewLogLine {
  readonly runId: number;
  readonly path: string;
  readonly at: number;
  readonly line: string;
}

/** What was left out between the first part and the last lines of a step's output. */
export interface LogGap {
  /** The line that tells of it; null before it is written. */
  readonly seq: number | null;
  /** Null when nobody counted them: they were passed over unread. */
  readonly lines: number | null;
  readonly bytes: number;
}

/** What is written of one step: how much of its first part, and its last lines behind the gap. */
export interface LogTail {
  readonly path: string;
  readonly bytes: number;
  readonly gap: LogGap | null;
  readonly tail: readonly { readonly seq: number; readonly at: number; readonly line: string }[];
}

/** A change to the last lines of one step, written whole or not at all. */
export interface LogTailChange {
  readonly runId: number;
  readonly path: string;
  readonly remove: readonly number[];
  /** With a `seq` the row of that number becomes the note, without one the note is written before `insert`. */
  readonly gap: (LogGap & { readonly at: number }) | null;
  readonly insert: readonly NewLogLine[];
}

/** The numbers of the note and of the lines that were inserted. */
export interface WrittenTail {
  readonly gapSeq: number | null;
  readonly seqs: readonly number[];
}

/** SQLite takes about 32,000 values in one statement; four a line. */
const LINES_AT_ONCE = 2_000;

export async function appendLog(db: Queryable, lines: readonly NewLogLine[]): Promise<number[]> {
  const seqs: number[] = [];
  for (let from = 0; from < lines.length; from += LINES_AT_ONCE) {
    const rows = lines
      .slice(from, from + LINES_AT_ONCE)
      .map(({ runId, path, at, line }) => ({ run_id: runId, path, at, line }));
    const written = await db.insertInto("logs").values(rows).returning("seq").execute();
    seqs.push(...written.map(({ seq }) => seq));
  }
  return seqs.sort((a, b) => a - b);
}

export async function changeLogTail(db: Queryable, change: LogTailChange): Promise<WrittenTail> {
  const { runId, path, remove, gap, insert } = change;
  for (let from = 0; from < remove.length; from += LINES_AT_ONCE) {
    await db
      .deleteFrom("logs")
      .where("seq", "in", remove.slice(from, from + LINES_AT_ONCE))
      .execute();
  }
  const gapSeq = gap === null ? null : await saveGap(db, runId, path, gap);
  return { gapSeq, seqs: await appendLog(db, insert) };
}

async function saveGap(
  db: Queryable,
  runId: number,
  path: string,
  { seq: known, lines, bytes, at }: LogGap & { at: number },
): Promise<number> {
  const line = gapLine(lines, bytes);
  let seq = known;
  if (seq === null) [seq = 0] = await appendLog(db, [{ runId, path, at, line }]);
  else await db.updateTable("logs").set({ line }).where("seq", "=", seq).execute();
  await db
    .insertInto("log_gaps")
    .values({ run_id: runId, path, seq, lines, bytes })
    .onConflict((conflict) => conflict.columns(["run_id", "path"]).doUpdateSet({ seq, lines, bytes }))
    .execute();
  return seq;
}

function gapLine(lines: number | null, bytes: number): string {
  const what = lines === null ? "" : `${lines.toLocaleString("en")} line${lines === 1 ? "" : "s"}, `;
  return `… ${what}${formatSize(bytes)} of output left out: of so much only the first part and the last lines are kept …`;
}

/** What is written of each step of a run, for a process that takes the run up. */
export async function readLogTails(db: Queryable, runId: number): Promise<LogTail[]> {
  const gaps = await db.selectFrom("log_gaps").selectAll().where("run_id", "=", runId).execute();
  const sums = await db
    .selectFrom("logs")
    .leftJoin("log_gaps as gap", (join) =>
      join.onRef("gap.run_id", "=", "logs.run_id").onRef("gap.path", "=", "logs.path"),
    )
    .where("logs.run_id", "=", runId)
    .where((where) => where.or([where("gap.seq", "is", null), where("logs.seq", "<", where.ref("gap.seq"))]))
    .groupBy("logs.path")
    .select(({ fn }) => ["logs.path", fn.sum<number>(fn("octet_length", ["line"])).as("bytes")])
    .select(({ fn }) => fn.countAll<number>().as("lines"))
    .execute();
  const known = new Map(sums.map(({ path, bytes, lines }) => [path, bytes + lines]));
  const tails: LogTail[] = [];
  for (const { path, seq, lines, bytes } of gaps) {
    const tail = await readLog(db, runId, { afterSeq: seq, path, limit: LINES_AT_ONCE });
    tails.push({ path, bytes: known.get(path) ?? 0, gap: { seq, lines, bytes }, tail });
    known.delete(path);
  }
  for (const [path, bytes] of known) tails.push({ path, bytes, gap: null, tail: [] });
  return tails;
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

/** The lines that tell of what was left out of a run's log. */
export async function readLogGaps(
  db: Queryable,
  runId: number,
): Promise<{ seq: number; path: string; at: number; line: string }[]> {
  return await db
    .selectFrom("log_gaps")
    .innerJoin("logs", "logs.seq", "log_gaps.seq")
    .select(["logs.seq", "logs.path", "logs.at", "logs.line"])
    .where("log_gaps.run_id", "=", runId)
    .orderBy("logs.seq")
    .execute();
}

/** How many rows one statement removes: milliseconds, so that nothing else waits long. */
const REMOVED_AT_ONCE = 5_000;

/** Removes the log lines of runs that ended before a time; the runs themselves stay. Returns how many lines. */
export async function pruneLogs(db: Queryable, endedBefore: number): Promise<number> {
  const ended = db.selectFrom("runs").select("id").where("ended_at", "<", endedBefore);
  let removed = 0;
  for (;;) {
    const some = db.selectFrom("logs").select("seq").where("run_id", "in", ended).limit(REMOVED_AT_ONCE);
    const { numDeletedRows } = await db.deleteFrom("logs").where("seq", "in", some).executeTakeFirst();
    removed += Number(numDeletedRows);
    if (numDeletedRows < REMOVED_AT_ONCE) break;
    await setImmediate();
  }
  await db.deleteFrom("log_gaps").where("run_id", "in", ended).execute();
  return removed;
}
