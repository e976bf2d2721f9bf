import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import BetterSqlite3 from "better-sqlite3";
import { Kysely } from "kysely";
import pino from "pino";
import { rememberConfig } from "../../db/configs.ts";
import { type Database, type OpenDatabase, openDatabase } from "../../db/connection.ts";
import { ImmediateSqliteDialect } from "../../db/driver.ts";
import { beginEpoch } from "../../db/meta.ts";
import type { Schema } from "../../db/schema.ts";
import { Engine, type EngineOptions } from "../../src/engine/engine.ts";
import { Guard } from "../../src/engine/guard.ts";
import { type ObligationKind, ObligationKinds } from "../../src/engine/obligation.ts";
import type { Pipeline } from "../../src/engine/pipeline.ts";
import { type EndState, endStates, type Person, type RunView } from "../../src/engine/types.ts";
import type { JsonObject } from "../../src/util/json.ts";

export const ann: Person = { id: "slack:U0ANN", name: "Ann" };
export const bob: Person = { id: "slack:U0BOB", name: "Bob" };
export const CONFIG_HASH = "test";

/** A second connection to a database, past the lock that keeps a second process out: as after a lock's failing. */
export function connectBeside(file: string): Database {
  return new Kysely<Schema>({
    dialect: new ImmediateSqliteDialect(new BetterSqlite3(file, { timeout: 5_000 })),
  });
}

/** The right to write of a process that takes the database over now; every earlier one's ends. */
export async function takeGuard(db: Database): Promise<Guard> {
  return new Guard(db, await db.transaction().execute((trx) => beginEpoch(trx)));
}

/** An engine on a real database file in a folder of its own. */
export class TestEngine {
  readonly file: string;
  readonly engine: Engine;
  readonly #database: OpenDatabase;

  private constructor(file: string, database: OpenDatabase, engine: Engine) {
    this.file = file;
    this.#database = database;
    this.engine = engine;
  }

  static async open(options: {
    pipelines: readonly Pipeline[];
    kinds?: readonly ObligationKind[];
    file?: string;
    start?: boolean;
    /** Clock, limits, redaction, as the engine takes them. */
    settings?: Partial<EngineOptions>;
  }): Promise<TestEngine> {
    const file = options.file ?? join(await mkdtemp(join(tmpdir(), "slipway-engine-")), "slipway.db");
    const database = await openDatabase(file);
    await rememberConfig(database.db, CONFIG_HASH, {}, 0);
    const kinds = new ObligationKinds();
    for (const kind of options.kinds ?? []) kinds.register(kind);
    const engine = await Engine.open({
      db: database.db,
      pipelines: options.pipelines,
      kinds,
      log: pino({ level: "silent" }),
      ...options.settings,
    });
    if (options.start ?? true) await engine.start();
    return new TestEngine(file, database, engine);
  }

  get db(): OpenDatabase["db"] {
    return this.#database.db;
  }

  async submit(
    kind: string,
    resource: string | readonly string[],
    input: JsonObject = {},
    by: Person = ann,
  ): Promise<RunView> {
    const candidates = typeof resource === "string" ? [resource] : resource;
    const result = await this.engine.submit({
      kind,
      candidates,
      input,
      requestedBy: by,
      via: "test",
      configHash: CONFIG_HASH,
    });
    if (result.refused) throw new Error(`refused: ${result.message}`);
    return result.run;
  }

  async ended(runId: number): Promise<RunView & { state: EndState }> {
    return (await this.until(runId, endStates)) as RunView & { state: EndState };
  }

  async until(runId: number, states: readonly string[]): Promise<RunView> {
    for (;;) {
      const run = await this.engine.run(runId);
      if (run && states.includes(run.state)) return run;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Stops as a kill would leave it: runs stay in the journal. */
  async close(): Promise<void> {
    await this.engine.stop();
    await this.#database.close();
  }

  async remove(): Promise<void> {
    await this.close();
    await rm(join(this.file, ".."), { recursive: true, force: true });
  }
}
