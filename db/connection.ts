import { existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import BetterSqlite3 from "better-sqlite3";
import { Kysely, type Transaction } from "kysely";
import { Migrator } from "kysely/migration";
import { codeOf, messageOf, SlipwayError } from "../src/util/errors.ts";
import { ImmediateSqliteDialect } from "./driver.ts";
import { migrations } from "./migrations/index.ts";
import type { Schema } from "./schema.ts";

export type Database = Kysely<Schema>;
/** The database itself or a transaction on it: what every query function takes. */
export type Queryable = Database | Transaction<Schema>;

export interface OpenDatabase {
  readonly db: Database;
  /** Copies the database safely while it is in use. */
  backup(file: string): Promise<void>;
  /**
   * Gives pages that hold nothing any more back to the disk, so many at most; how many it gave. Nothing where the
   * file was made before that was possible: its free pages are used again, and a restored backup is like its source.
   */
  giveBack(pages: number): Promise<number>;
  /** Tables that were too large to be checked at the start. */
  readonly unchecked: readonly string[];
  /** Whether a row can be written now; false on a full or read-only disk. */
  writable(): boolean;
  close(): Promise<void>;
}

/** How long a statement may wait for another process's lock, in ms. Short: the wait blocks the event loop. */
const BUSY_TIMEOUT_MS = 1_000;

/**
 * Up to this size the whole file is checked at the start, 40 MB a second on a slow disk. Of a larger one, every table
 * is that says what exists and what is owed; not the lines that programs have said, which make it large.
 */
const CHECKED_WHOLE = 200 * 1024 * 1024;
const NOT_CHECKED_IN_LARGE = ["logs"];

/**
 * Opens (or makes) the database at `file`, brings it to the newest schema and checks that it is sound.
 *
 * @param options.checkedWhole up to how many bytes the whole file is checked
 * @throws SlipwayError `database_unopenable` when the path is no place for it, `database_in_use` when another
 *   process holds it, `database_unavailable` when the disk is full or fails, `database_damaged` when SQLite or its
 *   integrity check finds faults in the file, `database_newer` when a newer Slipway has migrated it.
 */
export async function openDatabase(
  file: string,
  options: { readonly checkedWhole?: number } = {},
): Promise<OpenDatabase> {
  makeFolder(file);
  const guard = holdExclusively(file);
  try {
    const { sqlite, unchecked } = openFile(file, options.checkedWhole ?? CHECKED_WHOLE);
    const db = new Kysely<Schema>({ dialect: new ImmediateSqliteDialect(sqlite) });
    await migrate(db, file);
    return {
      db,
      backup: async (target) => void (await sqlite.backup(target)),
      giveBack: (pages) => giveBack(db, sqlite, pages),
      unchecked,
      writable: () => isWritable(sqlite),
      close: async () => {
        await db.destroy();
        guard.close();
      },
    };
  } catch (error) {
    guard.close();
    throw error;
  }
}

function openFile(
  file: string,
  checkedWhole: number,
): { sqlite: BetterSqlite3.Database; unchecked: readonly string[] } {
  const existed = existsSync(file);
  const sqlite = openSqlite(file, file, BUSY_TIMEOUT_MS);
  let unchecked: readonly string[] = [];
  try {
    // Only a file that is still empty takes this: it makes it possible to give space back.
    sqlite.pragma("auto_vacuum = INCREMENTAL");
    sqlite.pragma("journal_mode = WAL");
    // better-sqlite3 is compiled with NORMAL for WAL, which may lose the last commits on a power failure.
    sqlite.pragma("synchronous = FULL");
    sqlite.pragma("foreign_keys = ON");
    if (existed) unchecked = checkIntegrity(sqlite, file, checkedWhole);
  } catch (error) {
    sqlite.close();
    throw error instanceof SlipwayError ? error : judge(file, error);
  }
  return { sqlite, unchecked };
}

function makeFolder(file: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
  } catch (error) {
    throw judge(file, error);
  }
}

/** @param database the database that it belongs to, for whoever reads why it cannot be opened */
function openSqlite(file: string, database: string, timeout: number): BetterSqlite3.Database {
  try {
    return new BetterSqlite3(file, { timeout });
  } catch (error) {
    throw judge(database, error);
  }
}

/** What SQLite's or the system's code says of a database that cannot be used. Damage is only what SQLite calls so. */
function judge(file: string, error: unknown, user = "process"): SlipwayError {
  const code = codeOf(error);
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) return damaged(file, [messageOf(error)], error);
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) return inUse(file, error, user);
  // The disk, not the file: https://sqlite.org/rescode.html
  if (/^(SQLITE_(FULL|IOERR|NOMEM|PROTOCOL)|ENOSPC$|EDQUOT$|EIO$)/.test(code))
    return unavailable(file, error);
  // The path is at fault, or what the bot's user may do there.
  return unopenable(file, error);
}

function inUse(file: string, cause: unknown, user: string): SlipwayError {
  return new SlipwayError("database_in_use", `Another ${user} is using ${file}.`, {
    cause,
    fields: { file },
    remedy: "Stop that process first; two bots on one database would fight over the slots.",
  });
}

function unavailable(file: string, cause: unknown): SlipwayError {
  return new SlipwayError(
    "database_unavailable",
    `The disk does not let the database ${file} be used now: ${messageOf(cause)}.`,
    {
      cause,
      fields: { file },
      remedy:
        "Free space on the disk that holds it (or mend the disk), and start again. The database is as it was: leave it, and the files beside it, where they are.",
    },
  );
}

function unopenable(file: string, cause: unknown): SlipwayError {
  return new SlipwayError(
    "database_unopenable",
    `The database ${file} cannot be opened: ${messageOf(cause)}.`,
    {
      cause,
      fields: { file },
      remedy:
        "DATABASE_URL must name a file (not a folder) in a folder that the bot's user may write, such as sqlite:/var/lib/slipway/slipway.db: correct it, or give that user the right to write there.",
    },
  );
}

/** Gives the tables that it left out. */
function checkIntegrity(sqlite: BetterSqlite3.Database, file: string, checkedWhole: number): string[] {
  const pages = Number(sqlite.pragma("page_count", { simple: true }));
  const pageSize = Number(sqlite.pragma("page_size", { simple: true }));
  if (pages * pageSize <= checkedWhole) {
    check(sqlite, file, "integrity_check");
    return [];
  }
  check(sqlite, file, "integrity_check(sqlite_schema)");
  const tables = sqlite
    .prepare("select name from sqlite_schema where type = 'table'")
    .pluck()
    .all() as string[];
  for (const table of tables) {
    if (!NOT_CHECKED_IN_LARGE.includes(table)) check(sqlite, file, `integrity_check("${table}")`);
  }
  return tables.filter((table) => NOT_CHECKED_IN_LARGE.includes(table));
}

function check(sqlite: BetterSqlite3.Database, file: string, pragma: string): void {
  const rows = sqlite.pragma(pragma) as { integrity_check: string }[];
  const faults = rows.map((row) => row.integrity_check).filter((text) => text !== "ok");
  if (faults.length > 0) throw damaged(file, faults);
}

function damaged(file: string, faults: string[], cause?: unknown): SlipwayError {
  return new SlipwayError("database_damaged", `The database ${file} is damaged: ${faults[0]}`, {
    cause,
    fields: { file, faults: faults.slice(0, 10) },
    remedy:
      "Stop here: put the newest backup in its place (see docs/operations.md), or move the file away to begin an empty one; instances of this installation are found by their tags.",
  });
}

/**
 * One process at a time: an exclusive transaction on a second file, held open. The operating system frees it
 * at once when the holder dies, however it dies, so there is no stale lock to clean up.
 */
function holdExclusively(file: string): BetterSqlite3.Database {
  const lockFile = `${file}.lock`;
  const lock = openSqlite(lockFile, file, 0);
  try {
    lock.pragma("journal_mode = DELETE");
    lock.exec("begin exclusive");
    return lock;
  } catch (error) {
    lock.close();
    // Nobody else has a use for the lock's file.
    throw judge(file, error, "Slipway process");
  }
}

async function migrate(db: Database, file: string): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...migrations }) } });
  const { error } = await migrator.migrateToLatest();
  if (!error) return;
  await db.destroy();
  const judged = judge(file, error);
  if (judged.code === "database_unavailable") throw judged;
  const unknown = error instanceof Error && /previously executed migration .* is missing/.test(error.message);
  throw new SlipwayError(
    unknown ? "database_newer" : "migration_failed",
    unknown
      ? `The database ${file} was made by a newer Slipway.`
      : `The database ${file} could not be brought up to date.`,
    {
      cause: error,
      fields: { file },
      remedy: unknown
        ? "Start the newer version again, or restore the backup made before it."
        : "Nothing was changed. Look at the cause, check the free space, and start again.",
    },
  );
}

/** In a turn of its own, as everything that writes. `exec`, since a prepared statement gives back one page only. */
async function giveBack(db: Database, sqlite: BetterSqlite3.Database, pages: number): Promise<number> {
  return await db.connection().execute(async () => {
    const free = () => Number(sqlite.pragma("freelist_count", { simple: true }));
    const before = free();
    if (before > 0) sqlite.exec(`pragma incremental_vacuum(${Math.trunc(pages)})`);
    return before - free();
  });
}

/** Writes another value each time: SQLite writes no page when the value is the one that is there already. */
function isWritable(sqlite: BetterSqlite3.Database): boolean {
  if (sqlite.inTransaction) return true;
  try {
    sqlite.exec(
      "begin immediate; insert into meta values ('writable', '1') on conflict do update set value = not value; commit",
    );
    return true;
  } catch {
    if (sqlite.inTransaction) sqlite.exec("rollback");
    return false;
  }
}
