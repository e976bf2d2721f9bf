import BetterSqlite3 from "better-sqlite3";
import pino from "pino";
import { afterEach, describe, expect, it } from "vitest";
import type { Database } from "../../db/connection.ts";
import { Engine } from "../../src/engine/engine.ts";
import { ObligationKinds } from "../../src/engine/obligation.ts";
import type { Pipeline } from "../../src/engine/pipeline.ts";
import { ann, connectBeside, TestEngine } from "../support/engine.ts";
import { gate, named, pause, Things, until, untilStopped } from "./support.ts";

let first: TestEngine | undefined;
let second: { engine: Engine; db: Database } | undefined;
afterEach(async () => {
  await second?.engine.stop();
  await second?.db.destroy();
  await first?.remove();
  first = second = undefined;
});

/** A second engine on the same file. */
async function takeOver(file: string, pipelines: Pipeline[], things: Things): Promise<Engine> {
  const db = connectBeside(file);
  const kinds = new ObligationKinds().register(things.kind("thing"));
  const engine = await Engine.open({ db, pipelines, kinds, log: pino({ level: "silent" }) });
  second = { engine, db };
  return engine;
}

/** Everything in the database but what only the newer engine writes. */
function dump(file: string): string {
  const db = new BetterSqlite3(file, { readonly: true });
  const tables = ["runs", "steps", "obligations", "leases", "queue", "logs"];
  const rows = tables.map((table) => db.prepare(`select * from ${table}`).all());
  db.close();
  return JSON.stringify(rows);
}

describe("an engine whose database has been taken over", () => {
  it("writes nothing more and starts no effect; the newer one carries its run on", async () => {
    const things = new Things();
    const effects: string[] = [];
    const [gateOld, gateNew] = [gate(), gate()];
    const play = (name: string, go: Promise<void>) =>
      named(async (run) => {
        await things.make(run, "thing", "t-1");
        await run.step("Wait", async ({ log, detail }) => {
          effects.push(`${name} waits`);
          await go;
          log(`${name} goes on`);
          detail(`${name} is here`);
        });
        await run.step("Next", async () => void effects.push(`${name} next`));
      });
    first = await TestEngine.open({
      pipelines: [play("old", gateOld.opened)],
      kinds: [things.kind("thing")],
    });
    const { id } = await first.submit("play", "stg1");
    await until(() => effects.includes("old waits"));
    const engine = await takeOver(first.file, [play("new", gateNew.opened)], things);
    const before = dump(first.file);
    // The old one's step ends, its lines are flushed, its janitor looks around, people ask it for things.
    gateOld.open();
    await expect(first.engine.cancel(id, ann)).rejects.toMatchObject({ code: "fenced" });
    await expect(first.submit("play", "stg2")).rejects.toMatchObject({ code: "fenced" });
    await expect(first.engine.lock("stg3", ann, { until: null, reason: null })).rejects.toMatchObject({
      code: "fenced",
    });
    await pause(1_300);
    expect(dump(first.file)).toBe(before);
    expect(effects).toEqual(["old waits"]);
    expect([...things.exist]).toEqual(["t-1"]);
    await engine.start();
    gateNew.open();
    await until(async () => (await engine.run(id))?.state === "succeeded");
    expect(effects).toEqual(["old waits", "new waits", "new next"]);
    expect(things.exist.size).toBe(0);
  });

  it("does not take up a step that was under way", async () => {
    const effects: string[] = [];
    const things = new Things();
    let taken: Promise<unknown> = Promise.resolve();
    let file = "";
    const waits = named(async (run) => {
      await run.now("before");
      await run.step("Effect", ({ signal }) => {
        effects.push("first");
        return untilStopped(signal);
      });
    });
    const one = await TestEngine.open({ pipelines: [waits] });
    file = one.file;
    const { id } = await one.submit("play", "stg1");
    await until(() => effects.length === 1);
    await one.close();
    // It replays, and is overtaken just before it comes to the step.
    const replays = named(async (run) => {
      await run.now("before");
      taken = takeOver(file, [], things);
      await taken;
      await run.step("Effect", async () => void effects.push("overtaken"));
    });
    first = await TestEngine.open({ pipelines: [replays], file });
    await until(() => first?.engine.activeRuns === 0);
    expect(effects).toEqual(["first"]);
    expect((await first.engine.run(id))?.state).toBe("running");
  });

  it("meets no obligation any more", async () => {
    const things = new Things();
    things.stuck.add("t-1");
    const play = named((run) => things.make(run, "thing", "t-1"));
    first = await TestEngine.open({ pipelines: [play], kinds: [things.kind("thing")] });
    await first.submit("play", "stg1");
    await until(() => things.attempts === 1);
    await takeOver(first.file, [play], new Things());
    things.stuck.clear();
    await until(() => first?.engine.activeRuns === 0);
    expect(things.attempts).toBe(1);
    // Control: without the takeover the second attempt removes it.
    await second?.engine.stop();
  });
});

describe("a worker that lost its lease", () => {
  it("writes nothing more about it", async () => {
    const hold = gate();
    const things = new Things();
    const effects: string[] = [];
    const play = named(async (run) => {
      await run.step("Wait", () => hold.opened);
      effects.push("went on");
      await run.step("Effect", async () => void effects.push("effect"));
    });
    first = await TestEngine.open({ pipelines: [play], kinds: [things.kind("thing")], start: false });
    const { id } = await first.submit("play", "stg1");
    await until(async () => (await first?.engine.steps(id))?.length === 1);
    const sqlite = new BetterSqlite3(first.file);
    sqlite.prepare("update leases set fence = fence + 1 where resource = 'stg1'").run();
    sqlite.close();
    const before = dump(first.file);
    hold.open();
    await until(() => first?.engine.activeRuns === 0);
    expect(dump(first.file)).toBe(before);
    expect(effects).toEqual([]);
  });
});
