import { existsSync } from "node:fs";
import { resolve } from "node:path";
import BetterSqlite3 from "better-sqlite3";
import { currentEnvironment } from "../bot/settings.ts";
import { readSettings } from "../config/index.ts";
import { messageOf } from "../util/errors.ts";
import type { CommandContext } from "./context.ts";

/**
 * `slipway backup FILE`: copies the database while the bot runs. SQLite's own backup sees one moment of it, journal
 * included; copying the file by hand would not. The copy is checked before it is called good.
 */
export async function backup(
  args: readonly string[],
  { env, cwd, stdout, stderr }: CommandContext,
): Promise<number> {
  const [target, ...more] = args;
  if (target === undefined || more.length > 0 || target.startsWith("-")) {
    stderr.write("Usage: slipway backup FILE\n");
    return 2;
  }
  const source = resolve(cwd, databaseFile(currentEnvironment(env, cwd)));
  const file = resolve(cwd, target);
  if (!existsSync(source)) {
    stderr.write(
      `There is no database at ${source}.\n    → Set DATABASE_URL as the bot has it, or run this where the bot runs.\n`,
    );
    return 2;
  }
  if (existsSync(file)) {
    stderr.write(`${file} exists already; nothing was written.\n`);
    return 2;
  }
  // It holds what the database holds: for its owner alone.
  process.umask(0o077);
  try {
    const from = new BetterSqlite3(source, { readonly: true, timeout: 5_000 });
    try {
      await from.backup(file);
    } finally {
      from.close();
    }
    const runs = checkCopy(file);
    stdout.write(
      `${file}: ${runs} runs, checked.\nKeep the master secret (SLIPWAY_SECRET, or ${source}.secret) with it.\n`,
    );
    return 0;
  } catch (error) {
    stderr.write(`The backup failed: ${messageOf(error)}\n`);
    return 1;
  }
}

/** Answers how many runs it has. Without a log beside it, the copy is one file, to be moved as it is. */
function checkCopy(file: string): number {
  const copy = new BetterSqlite3(file);
  try {
    copy.pragma("journal_mode = delete");
    const [row] = copy.pragma("integrity_check") as { integrity_check: string }[];
    if (row?.integrity_check !== "ok") throw new Error(`the copy is damaged: ${row?.integrity_check}`);
    return (copy.prepare("select count(*) as runs from runs").get() as { runs: number }).runs;
  } finally {
    copy.close();
  }
}

function databaseFile(env: CommandContext["env"]): string {
  const read = readSettings(env);
  if (read.ok) return read.settings.database.file;
  return (env.DATABASE_URL ?? "sqlite:./slipway.db").replace(/^sqlite:(\/\/(?=\/))?/, "");
}
