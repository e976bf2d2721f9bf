import type BetterSqlite3 from "better-sqlite3";
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";

/**
 * Kysely over one better-sqlite3 connection, with two differences from Kysely's own dialect: transactions
 * begin *immediate* (a deferred one that reads and then writes fails with SQLITE_BUSY_SNAPSHOT), and the
 * connection is handed to one user at a time, so that two transactions of this process never interleave.
 */
export class ImmediateSqliteDialect implements Dialect {
  readonly #database: BetterSqlite3.Database;

  constructor(database: BetterSqlite3.Database) {
    this.#database = database;
  }

  createDriver(): Driver {
    return new ImmediateSqliteDriver(this.#database);
  }

  createQueryCompiler(): SqliteQueryCompiler {
    return new SqliteQueryCompiler();
  }

  createAdapter(): SqliteAdapter {
    return new TransactionalSqliteAdapter();
  }

  createIntrospector(db: Kysely<unknown>): SqliteIntrospector {
    return new SqliteIntrospector(db);
  }
}

/** SQLite does roll tables back, which Kysely does not count on: a kill amid a migration must leave nothing half. */
class TransactionalSqliteAdapter extends SqliteAdapter {
  /** True, or Kysely would have everyone wait in a queue of its own in front of the driver's. */
  override get supportsMultipleConnections(): boolean {
    return true;
  }

  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

class ImmediateSqliteDriver implements Driver {
  readonly #database: BetterSqlite3.Database;
  readonly #connection: Connection;
  readonly #waiting: (() => void)[] = [];
  #taken = false;
  #turnBegan = 0;

  constructor(database: BetterSqlite3.Database) {
    this.#database = database;
    this.#connection = new Connection(database);
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    if (this.#taken) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#taken = true;
    return this.#connection;
  }

  async releaseConnection(): Promise<void> {
    const next = this.#waiting.shift();
    if (next) this.#handOn(next);
    else this.#taken = false;
  }

  /**
   * Handed on within one turn of the event loop, hundreds of waiting transactions would keep everything else (a
   * web request, a timer, an abort) waiting until the last is through: so the others get their turn in between.
   */
  #handOn(next: () => void): void {
    if (performance.now() - this.#turnBegan < LONGEST_TURN_MS) {
      next();
      return;
    }
    setImmediate(() => {
      this.#turnBegan = performance.now();
      next();
    });
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("begin immediate"));
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("commit"));
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    // A full disk or an I/O error makes SQLite roll back by itself; a second rollback would hide its message.
    if (this.#database.inTransaction) await connection.executeQuery(CompiledQuery.raw("rollback"));
  }

  async destroy(): Promise<void> {
    this.#database.close();
  }
}

/** How long waiting transactions may follow each other before the event loop goes round, in ms. */
const LONGEST_TURN_MS = 5;
const STATEMENTS_KEPT = 300;

class Connection implements DatabaseConnection {
  readonly #database: BetterSqlite3.Database;
  readonly #statements = new Map<string, BetterSqlite3.Statement>();

  constructor(database: BetterSqlite3.Database) {
    this.#database = database;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const statement = this.#prepared(query.sql);
    if (statement.reader) return { rows: statement.all(query.parameters) as R[] };
    const { changes, lastInsertRowid } = statement.run(query.parameters);
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
  }

  // biome-ignore lint/correctness/useYield: the interface asks for it; nothing here reads a result row by row
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error("Streaming is not supported: read a page at a time.");
  }

  #prepared(sql: string): BetterSqlite3.Statement {
    const known = this.#statements.get(sql);
    if (known) return known;
    if (this.#statements.size >= STATEMENTS_KEPT) this.#statements.clear();
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}
