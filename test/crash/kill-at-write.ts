import { appendFileSync, existsSync, readFileSync, rmSync } from "node:fs";
import { flushCompileCache } from "node:module";
import BetterSqlite3 from "better-sqlite3";
import { labelOf, type Written } from "./write-label.ts";

/**
 * Loaded into a bot (`node --import`) to kill it at one journal write. The bot knows nothing of it: the SQLite
 * driver underneath is watched from outside.
 *
 * - `KILL_TRACE=FILE`: every committed transaction is appended as one line, its label. The list of kill points is
 *   made from such a trace of a whole run.
 * - `KILL_AT="before|after N LABEL"`: at the N-th transaction of that label the process group gets SIGKILL, just
 *   before the commit (the effect has happened, the journal does not know) or just after it (the journal knows,
 *   the effect has not happened).
 * - `KILL_FILE=FILE`: as soon as the file exists its text, as in `KILL_AT`, takes effect, transactions are counted
 *   anew from there, and the file is removed. So a bot that has recovered can be killed at another point.
 */
const trace = process.env.KILL_TRACE;
const armFile = process.env.KILL_FILE;
let killAt = parseKillAt(process.env.KILL_AT);
const seen = new Map<string, number>();
for (const name of ["KILL_TRACE", "KILL_AT", "KILL_FILE"]) delete process.env[name];

// Node writes its compile cache when a process ends in order, which these never do.
if (process.env.NODE_COMPILE_CACHE !== undefined) setTimeout(flushCompileCache, 2_000).unref();

interface KillAt {
  readonly when: "before" | "after";
  readonly count: number;
  readonly label: string;
}

function parseKillAt(text: string | undefined): KillAt | undefined {
  const match = text === undefined ? null : /^(before|after) (\d+) (.*)$/.exec(text);
  return match
    ? { when: match[1] as KillAt["when"], count: Number(match[2]), label: match[3] ?? "" }
    : undefined;
}

const prototype = BetterSqlite3.prototype as BetterSqlite3.Database;
const prepare = prototype.prepare;
let written: Written[] = [];

prototype.prepare = function (this: BetterSqlite3.Database, sql: string) {
  const statement = prepare.call(this, sql);
  const run = statement.run;
  statement.run = function (this: BetterSqlite3.Statement, ...parameters: unknown[]) {
    const result = () => run.apply(statement, parameters as never);
    if (/^(begin|rollback)/i.test(sql)) {
      written = [];
      return result();
    }
    if (/^commit/i.test(sql)) return around(written, result);
    const one = { sql, parameters: (Array.isArray(parameters[0]) ? parameters[0] : parameters) as unknown[] };
    if (!statement.database.inTransaction) return around([one], result);
    written.push(one);
    return result();
  } as never;
  return statement;
} as never;

/** The commit of a transaction, with the places before and after it at which the process may be killed. */
function around<T>(transaction: readonly Written[], commit: () => T): T {
  const label = labelOf(transaction);
  if (label === undefined) return commit();
  armFromFile();
  const count = (seen.get(label) ?? 0) + 1;
  seen.set(label, count);
  killIf({ when: "before", count, label });
  const result = commit();
  if (trace !== undefined) appendFileSync(trace, `${count} ${label}\n`);
  killIf({ when: "after", count, label });
  return result;
}

function armFromFile(): void {
  if (armFile === undefined || !existsSync(armFile)) return;
  killAt = parseKillAt(readFileSync(armFile, "utf8"));
  rmSync(armFile);
  seen.clear();
}

function killIf({ when, count, label }: KillAt): void {
  if (killAt?.when !== when || killAt.label !== label || killAt.count !== count) return;
  process.kill(-process.pid, "SIGKILL");
  // The signal is on its way: nothing more may happen in between.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10_000);
}
