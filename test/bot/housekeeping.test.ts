import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import { openDatabase } from "../../db/connection.ts";
import { appendLog, readLog } from "../../db/logs.ts";
import { Housekeeping, KEPT_MS } from "../../src/bot/housekeeping.ts";
import { pipeline } from "../../src/engine/pipeline.ts";
import { TestEngine } from "../support/engine.ts";

let engine: TestEngine | undefined;
const folder = mkdtempSync(join(tmpdir(), "slipway-tidy-"));
afterEach(async () => {
  await engine?.remove();
  engine = undefined;
  rmSync(folder, { recursive: true, force: true });
});

describe("housekeeping", () => {
  it("removes log lines and folders that are old, and leaves the newer ones and the runs", async () => {
    engine = await TestEngine.open({ pipelines: [pipeline("quick", { version: 1 }, async () => {})] });
    const run = await engine.submit("quick", "stg1");
    await engine.ended(run.id);
    await appendLog(engine.db, [{ runId: run.id, path: "a", at: 1, line: "one" }]);
    for (const name of ["old", "new"]) mkdirSync(join(folder, name));
    utimesSync(join(folder, "old"), 1, 1);
    const tidyAt = (now: number) =>
      new Housekeeping({
        db: engine!.db,
        giveBack: async () => 0,
        clock: { now: () => now },
        log: pino({ level: "silent" }),
        folders: [folder],
      }).tidy();
    expect(await tidyAt(Date.now())).toEqual({ lines: 0, folders: 1 });
    expect(readdirSync(folder)).toEqual(["new"]);
    expect(await readLog(engine.db, run.id, { limit: 10 })).toHaveLength(1);
    expect(await tidyAt(Date.now() + KEPT_MS + 60_000)).toEqual({ lines: 1, folders: 1 });
    expect(await engine.engine.run(run.id)).toMatchObject({ state: "succeeded" });
  });

  it("gives the space of old log lines back to the disk", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "slipway-space-")), "slipway.db");
    onTestFinished(() => rmSync(join(file, ".."), { recursive: true, force: true }));
    engine = await TestEngine.open({
      pipelines: [pipeline("quick", { version: 1 }, async () => {})],
      file,
    });
    const run = await engine.submit("quick", "stg1");
    await engine.ended(run.id);
    const said = Array.from({ length: 12_000 }, (_, at) => ({
      runId: run.id,
      path: "a",
      at,
      line: "x".repeat(1_000),
    }));
    await appendLog(engine.db, said);
    await engine.close();
    engine = undefined;
    const full = statSync(file).size;
    expect(full).toBeGreaterThan(12_000_000);

    const tidy = async (giveBack?: () => Promise<number>) => {
      const database = await openDatabase(file);
      const now = Date.now() + KEPT_MS + 60_000;
      await new Housekeeping({
        db: database.db,
        giveBack: giveBack ?? ((pages) => database.giveBack(pages)),
        clock: { now: () => now },
        log: pino({ level: "silent" }),
        folders: [],
      }).tidy();
      await database.close();
      return statSync(file).size;
    };
    // Control: the lines alone are removed, the file stays as large as it was.
    expect(await tidy(async () => 0)).toBeGreaterThan(12_000_000);
    expect(await tidy()).toBeLessThan(1_000_000);
  });
});
