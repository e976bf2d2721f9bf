import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import BetterSqlite3 from "better-sqlite3";
import { Kysely } from "kysely";
import { Migrator } from "kysely/migration";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { rememberConfig } from "../../db/configs.ts";
import { openDatabase } from "../../db/connection.ts";
import { ImmediateSqliteDialect } from "../../db/driver.ts";
import { migrations } from "../../db/migrations/index.ts";
import type { Schema } from "../../db/schema.ts";
import { CONFIG, KEY } from "../support/bot.ts";
import { ann, CONFIG_HASH, TestEngine } from "../support/engine.ts";
import { named, pause, until } from "./support.ts";

let folder = "";
let child: ChildProcess | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-db-"));
});
afterEach(() => {
  child?.kill("SIGKILL");
  child = undefined;
  rmSync(folder, { recursive: true, force: true });
});

/** Another process that opens the database and stays. */
async function holder(file: string): Promise<ChildProcess> {
  const source = `
    import { openDatabase } from ${JSON.stringify(join(process.cwd(), "db/connection.ts"))};
    await openDatabase(${JSON.stringify(file)});
    console.log("open");
    setInterval(() => {}, 1000);`;
  const script = join(folder, "holder.mts");
  writeFileSync(script, source);
  child = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout?.on("data", (chunk) => {
    out += chunk;
  });
  await until(() => out.includes("open"));
  return child;
}

describe("the database file", () => {
  it("is held by one process: stopped it still holds it, killed it does not", async () => {
    const file = join(folder, "slipway.db");
    const process = await holder(file);
    await expect(openDatabase(file)).rejects.toMatchObject({ code: "database_in_use" });
    process.kill("SIGSTOP");
    await pause(50);
    await expect(openDatabase(file)).rejects.toMatchObject({ code: "database_in_use" });
    process.kill("SIGKILL");
    await new Promise((resolve) => process.once("close", resolve));
    const database = await openDatabase(file);
    expect(database.writable()).toBe(true);
    await database.close();
  });

  it("at a path that is no place for it is refused with the path and what to do", async () => {
    writeFileSync(join(folder, "file"), "");
    mkdirSync(join(folder, "folder.db"));
    mkdirSync(join(folder, "locked.db.lock"));
    for (const path of ["file/slipway.db", "folder.db", "locked.db"]) {
      const file = join(folder, path);
      await expect(openDatabase(file)).rejects.toMatchObject({
        code: "database_unopenable",
        message: expect.stringContaining(`The database ${file} cannot be opened: `),
        remedy: expect.stringContaining("DATABASE_URL"),
      });
    }
    // The control: the same folder takes one at a path of its own.
    await (await openDatabase(join(folder, "deep/er/slipway.db"))).close();
  });

  it("damaged or newer is refused with what to do, and left as it is", async () => {
    const file = join(folder, "slipway.db");
    const database = await openDatabase(file);
    for (let index = 0; index < 400; index++) {
      await database.db
        .insertInto("meta")
        .values({ key: `k${index}`, value: "v".repeat(200) })
        .execute();
    }
    await database.close();
    const sound = readFileSync(file);
    const page = openSync(file, "r+");
    writeSync(page, Buffer.alloc(3_000, 0x5a), 0, 3_000, sound.length - 4_096 * 3);
    closeSync(page);
    await expect(openDatabase(file)).rejects.toMatchObject({ code: "database_damaged" });
    // Control: the very same file undamaged opens.
    writeFileSync(file, sound);
    await (await openDatabase(file)).close();
    const sqlite = new BetterSqlite3(file);
    sqlite.prepare("insert into kysely_migration values ('9999_future', '2030')").run();
    sqlite.close();
    await expect(openDatabase(file)).rejects.toMatchObject({ code: "database_newer" });
  });

  it("that is large is checked but for the log lines; those of one that is not are checked too", async () => {
    const file = join(folder, "slipway.db");
    const database = await openDatabase(file);
    const { db } = database;
    const line = "l".repeat(1_000);
    const rows = Array.from({ length: 400 }, (_, at) => ({ run_id: 1, path: "a", at, line }));
    await db.insertInto("logs").values(rows).execute();
    const values = Array.from({ length: 400 }, (_, at) => ({ key: `k${at}`, value: "m".repeat(1_000) }));
    await db.insertInto("meta").values(values).execute();
    await database.close();
    const sound = readFileSync(file);
    /** Writes over the header of the last page that holds these letters. */
    const damage = (letters: string) => {
      writeFileSync(file, sound);
      const at = Math.floor(sound.lastIndexOf(letters.repeat(500)) / 4_096) * 4_096;
      const page = openSync(file, "r+");
      writeSync(page, Buffer.alloc(200, 0x5a), 0, 200, at);
      closeSync(page);
    };
    const large = { checkedWhole: 100_000 };
    damage("l");
    await expect(openDatabase(file)).rejects.toMatchObject({ code: "database_damaged" });
    const opened = await openDatabase(file, large);
    expect(opened.unchecked).toEqual(["logs"]);
    await opened.close();
    damage("m");
    await expect(openDatabase(file)).rejects.toMatchObject({ code: "database_damaged" });
    await expect(openDatabase(file, large)).rejects.toMatchObject({ code: "database_damaged" });
    // Control: the sound file opens either way.
    writeFileSync(file, sound);
    for (const options of [{}, large]) await (await openDatabase(file, options)).close();
  });

  it("of an older version is brought up to date, and who waited there has their turn", async () => {
    const file = join(folder, "slipway.db");
    const sqlite = new BetterSqlite3(file);
    const db = new Kysely<Schema>({ dialect: new ImmediateSqliteDialect(sqlite) });
    const provider = { getMigrations: async () => ({ ...migrations }) };
    await new Migrator({ db, provider }).migrateTo("0002_lookups");
    await rememberConfig(db, CONFIG_HASH, {}, 0);
    const columns = "uuid, kind, version, target, candidates_json, state, requested_by, requester_name, via";
    const insert = sqlite.prepare(
      `insert into runs (${columns}, input_json, config_hash, created_at)
       values (?, 'play', 1, 'stg1', '["stg1"]', 'queued', 'slack:U0ANN', 'Ann', 'slack', '{}', 'test', 1)`,
    );
    for (const uuid of ["one", "two"]) insert.run(uuid);
    sqlite.exec(
      "insert into queue (run_id, candidates_json, adopt, requested_at) select id, '[\"stg1\"]', 0, 1 from runs",
    );
    sqlite.exec("insert into leases (resource, mode, fence) values ('stg1', 'free', 7)");
    await db.destroy();
    let offered = false;
    const handOff = () => {
      const first = !offered;
      offered = true;
      return first ? null : 60_000;
    };
    const engine = await TestEngine.open({
      pipelines: [named(async () => {})],
      file,
      settings: { handOff },
    });
    expect((await engine.ended(1)).state).toBe("succeeded");
    const [lease] = await engine.engine.leases(["stg1"]);
    expect(lease).toMatchObject({ mode: "offered", runId: 2, holder: ann });
    await engine.close();
  });

  it("killed amid its first migration is made at the next start", async () => {
    const file = join(folder, "slipway.db");
    const migration = join(process.cwd(), "db/migrations/0001_initial.ts");
    const script = join(folder, "killed.mts");
    writeFileSync(
      script,
      `import BetterSqlite3 from ${JSON.stringify(join(process.cwd(), "node_modules/better-sqlite3/lib/index.js"))};
       const prepare = BetterSqlite3.prototype.prepare;
       BetterSqlite3.prototype.prepare = function (sql) {
         if (/create table queue/.test(sql)) process.kill(process.pid, "SIGKILL");
         return prepare.call(this, sql);
       };
       const { openDatabase } = await import(${JSON.stringify(join(process.cwd(), "db/connection.ts"))});
       await openDatabase(${JSON.stringify(file)});`,
    );
    expect(readFileSync(migration, "utf8")).toContain("create table queue");
    child = spawn(process.execPath, [script], { stdio: "inherit" });
    const signal = await new Promise((resolve) => child?.once("close", (_, signal) => resolve(signal)));
    expect(signal).toBe("SIGKILL");
    const database = await openDatabase(file);
    expect(database.writable()).toBe(true);
    await database.close();
  });

  it("on a disk that fills up is seen to be no longer writable, however often it was written before", async () => {
    const script = join(folder, "filler.mts");
    writeFileSync(
      script,
      `import { openDatabase } from ${JSON.stringify(join(process.cwd(), "db/connection.ts"))};
       const { db, writable } = await openDatabase(${JSON.stringify(join(folder, "slipway.db"))});
       const before = [writable(), writable()];
       const value = "v".repeat(3_000);
       let rows = 0;
       const fill = () => db.insertInto("meta").values({ key: "k" + rows++, value }).execute().then(fill);
       const cause = await fill().catch((error) => error.code);
       // What was too much for a large row may still do for a few small ones.
       const after = Array.from({ length: 50 }, () => writable());
       console.log(JSON.stringify({ before, cause, after: after.at(-1) }));
       process.exit();`,
    );
    // The largest file that it may write, in blocks of 512 or 1,024 bytes: to SQLite the same as a full disk.
    const limited = spawn("sh", ["-c", 'ulimit -f 1000; exec "$0" "$1"', process.execPath, script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    child = limited;
    let out = "";
    limited.stdout.on("data", (chunk) => {
      out += chunk;
    });
    await new Promise((resolve) => limited.once("close", resolve));
    const { before, cause, after } = JSON.parse(out) as Record<string, unknown>;
    expect(before).toEqual([true, true]);
    expect(cause).toMatch(/^SQLITE_(FULL|IOERR)/);
    expect(after).toBe(false);
  });

  it.each([
    ["is not there yet", false],
    ["is there", true],
  ])(
    "on a full disk that %s ends the start, says what to free, and is no worse for it",
    async (_, isThere) => {
      const file = join(folder, "slipway.db");
      if (isThere) {
        const database = await openDatabase(file);
        await database.db.insertInto("meta").values({ key: "k", value: "v" }).execute();
        await database.close();
      }
      const before = isThere ? readFileSync(file) : null;
      // No file may grow past a few blocks, the shared memory beside the database neither.
      const { code, stderr } = await startBotWith("ulimit -f 8");
      expect(stderr).toMatch(/^Slipway cannot start: .*(disk|full|I\/O|file too large)/im);
      expect(stderr).toMatch(/→ Free space on the disk/);
      expect(stderr).not.toMatch(/damaged|move the file/);
      expect(code).toBe(1);
      if (before) expect(readFileSync(file).equals(before)).toBe(true);
      // Control: with space it opens.
      await (await openDatabase(file)).close();
    },
  );

  it("that is locked by another program is said to be in use", async () => {
    const file = join(folder, "slipway.db");
    await (await openDatabase(file)).close();
    const other = new BetterSqlite3(file);
    other.pragma("locking_mode = EXCLUSIVE");
    other.exec("begin exclusive");
    try {
      await expect(openDatabase(file)).rejects.toMatchObject({ code: "database_in_use" });
    } finally {
      other.close();
    }
    await (await openDatabase(file)).close();
  });

  /** Starts the bot itself, after this line of shell. */
  async function startBotWith(limit: string): Promise<{ code: number | null; stderr: string }> {
    const config = join(folder, "slipway.yml");
    writeFileSync(config, CONFIG);
    const started = spawn("sh", ["-c", `${limit}; exec "$0" src/cli/slipway.mjs start`, process.execPath], {
      stdio: ["ignore", "ignore", "pipe"],
      env: {
        PATH: process.env.PATH,
        HOME: folder,
        KEY,
        SLIPWAY_CONFIG: config,
        DATABASE_URL: `sqlite:${join(folder, "slipway.db")}`,
        SLIPWAY_SECRET: "s".repeat(64),
        PORT: "0",
        APP_ID: "1",
        PRIVATE_KEY: generateKeyPairSync("rsa", { modulusLength: 2048 })
          .privateKey.export({ type: "pkcs8", format: "pem" })
          .toString(),
        WEBHOOK_SECRET: "webhook-secret-of-some-length",
      },
    });
    child = started;
    let stderr = "";
    started.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    const code = await new Promise<number | null>((resolve) => started.once("close", resolve));
    return { code, stderr };
  }

  it("is copied whole while runs write to it", async () => {
    const play = named(async (run) => {
      for (let index = 0; index < 60; index++) await run.step(`S${index}`, async () => "x".repeat(2_000));
    });
    const engine = await TestEngine.open({ pipelines: [play], file: join(folder, "slipway.db") });
    const runs = await Promise.all(["a", "b", "c"].map((slot) => engine.submit("play", slot)));
    const copy = join(folder, "copy.db");
    const source = new BetterSqlite3(engine.file, { readonly: true });
    await source.backup(copy);
    source.close();
    for (const run of runs) await engine.ended(run.id);
    await engine.close();
    const restored = await TestEngine.open({ pipelines: [play], file: copy });
    for (const run of await restored.engine.runs({ limit: 5 })) {
      expect((await restored.ended(run.id)).state).toBe("succeeded");
      expect(await restored.engine.steps(run.id)).toHaveLength(60);
    }
    await restored.close();
  });
});
