import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { afterEach, describe, expect, it } from "vitest";
import { appendLog, readLog } from "../../db/logs.ts";
import { Housekeeping, KEPT_MS } from "../../src/bot/housekeeping.ts";
import { pipeline } from "../../src/engine/pipeline.ts";
import { TestEngine } from "../support/engine.ts";

let engine: TestEngine | undefined;
const folder = mkdtempSync(join(tmpdir(), "slipway-tidy-"));
afterEach(async () => {
  await engine?.remove();
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
});
