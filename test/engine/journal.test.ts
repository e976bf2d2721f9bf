import BetterSqlite3 from "better-sqlite3";
import { sql } from "kysely";
import { afterEach, describe, expect, it } from "vitest";
import { SlipwayError } from "../../src/util/errors.ts";
import { Redactor } from "../../src/util/redact.ts";
import { TestEngine } from "../support/engine.ts";
import { gate, named, pause, Things, until, untilStopped } from "./support.ts";

let opened: TestEngine | undefined;
afterEach(async () => {
  await opened?.remove();
  opened = undefined;
});

describe("what the journal cannot hold", () => {
  it("is a fault of the step, told once: the work is not done again for it", async () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    for (const bad of [10n, circle]) {
      let done = 0;
      const play = named(async (run) => {
        await run.step(
          "Work",
          async () => {
            done++;
            return bad as never;
          },
          { retries: 3 },
        );
      });
      const engine = await TestEngine.open({ pipelines: [play] });
      const { id } = await engine.submit("play", "stg1");
      expect((await engine.ended(id)).outcome?.fault?.code).toBe("result_not_json");
      expect(done).toBe(1);
      await engine.remove();
    }
  });

  it("ends a run failed: a result or an error's fields that are not JSON", async () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    const bodies = [
      async () => 10n as never,
      async () => {
        throw new SlipwayError("odd", "Odd.", { fields: circle });
      },
      async () => {
        throw undefined;
      },
      async () => {
        throw new Error("x".repeat(5_000_000));
      },
    ];
    for (const body of bodies) {
      const engine = await TestEngine.open({ pipelines: [named(body)] });
      const { id } = await engine.submit("play", "stg1");
      const ended = await engine.ended(id);
      expect(ended.state).toBe("failed");
      expect(JSON.stringify(ended).length).toBeLessThan(30_000);
      await engine.remove();
    }
  });

  it("undefined, and a megabyte, come back as they went in", async () => {
    const seen: unknown[] = [];
    let again = false;
    const big = "x".repeat(1_000_000);
    const play = named(async (run) => {
      seen.push(await run.step("Nothing", async () => undefined));
      seen.push((await run.step("Big", async () => big))?.length);
      await run.step("Wait", async ({ signal }) => {
        if (!again) await untilStopped(signal);
      });
    });
    const first = await TestEngine.open({ pipelines: [play] });
    const { id } = await first.submit("play", "stg1");
    await until(() => seen.length === 2);
    await first.close();
    again = true;
    opened = await TestEngine.open({ pipelines: [play], file: first.file });
    await opened.ended(id);
    expect(seen).toEqual([undefined, 1_000_000, undefined, 1_000_000]);
  });

  it("secrets: neither in results, values, errors, log lines, details nor published facts", async () => {
    const redact = new Redactor();
    redact.add("PASSWORD", "hunter2hunter2");
    const secret = "it is hunter2hunter2!";
    const play = named(async (run) => {
      await run.value("v", () => secret);
      await run.step("S", async ({ log }) => {
        log(secret);
        return { [secret]: [secret] };
      });
      await run.publish({ fact: secret });
      await run.step("F", async () => {
        throw new SlipwayError("odd", secret, { remedy: secret, fields: { secret } });
      });
    });
    opened = await TestEngine.open({ pipelines: [play], settings: { redact } });
    const { id } = await opened.submit("play", "stg1");
    await opened.ended(id);
    await opened.engine.log(id, { limit: 10 });
    const db = new BetterSqlite3(opened.file, { readonly: true });
    const text = ["runs", "steps", "logs", "obligations"]
      .map((table) => JSON.stringify(db.prepare(`select * from ${table}`).all()))
      .join("\n");
    db.close();
    expect(text).not.toContain("hunter2");
    // Control: it was there to be hidden.
    expect(text.split("[secret PASSWORD]").length).toBeGreaterThan(8);
  });

  it("a listener that throws does not disturb a run", async () => {
    const play = named(async (run) => void (await run.step("A", async () => {})));
    opened = await TestEngine.open({ pipelines: [play] });
    let called = 0;
    opened.engine.onChange(() => {
      called++;
      throw new Error("broken surface");
    });
    const { id } = await opened.submit("play", "stg1");
    expect((await opened.ended(id)).state).toBe("succeeded");
    expect(called).toBeGreaterThan(3);
  });
});

/** Refuses every write, as a full disk does, in the connection that the engine uses. */
async function fill(engine: TestEngine): Promise<() => Promise<void>> {
  await sql`pragma query_only = 1`.execute(engine.db);
  return async () => void (await sql`pragma query_only = 0`.execute(engine.db));
}

describe("a database that cannot be written", () => {
  it("starts no effect, repeats none that was done, and the run goes on when there is space again", async () => {
    const things = new Things();
    const effects: string[] = [];
    const hold = gate();
    const play = named(async (run) => {
      await things.make(run, "thing", "t-1");
      await run.step(
        "One",
        async ({ id }) => {
          effects.push(`one ${id}`);
          await hold.opened;
        },
        { retries: 3 },
      );
      await run.step("Two", async () => void effects.push("two"));
    });
    opened = await TestEngine.open({ pipelines: [play], kinds: [things.kind("thing")] });
    const { id } = await opened.submit("play", "stg1");
    await until(() => effects.length === 1);
    const free = await fill(opened);
    hold.open();
    await pause(1_500);
    // Its outcome could not be written: the run waits; nothing new began, nothing was undone.
    expect(effects.filter((effect) => effect === "two")).toEqual([]);
    expect((await opened.engine.run(id))?.state).toBe("running");
    await expect(opened.submit("play", "stg2")).rejects.toMatchObject({ code: "journal_unavailable" });
    const tries = effects.length;
    expect(tries).toBeLessThan(4);
    await free();
    expect(await opened.ended(id)).toMatchObject({ state: "succeeded" });
    // The one whose outcome was lost is found again under the same id, as after a crash.
    expect(new Set(effects.filter((effect) => effect !== "two")).size).toBe(1);
    expect(effects.at(-1)).toBe("two");
    expect(things.exist.size).toBe(0);
  });

  it("that cannot be read decides nothing either, whatever was made of SQLite's words on the way", async () => {
    for (const wrap of [
      (error: unknown) => error,
      (cause: unknown) => new SlipwayError("x", "No.", { cause }),
    ]) {
      const things = new Things();
      let isLocked = true;
      const play = named(async (run) => {
        await things.make(run, "thing", "t-1");
        await run.step("Read", async () => {
          if (isLocked && opened) throw wrap(readWhileLocked(opened.file));
        });
      });
      opened = await TestEngine.open({ pipelines: [play], kinds: [things.kind("thing")] });
      const { id } = await opened.submit("play", "stg1");
      await until(async () => (await opened?.engine.steps(id))?.at(-1)?.name === "Read");
      await pause(300);
      expect(await opened.engine.run(id)).toMatchObject({ state: "running", outcome: null });
      expect([...things.exist]).toEqual(["t-1"]);
      isLocked = false;
      expect(await opened.ended(id)).toMatchObject({ state: "succeeded" });
      await opened.remove();
      opened = undefined;
    }
  });

  it("full at any write: a run that meets the wall anywhere ends with nothing left", {
    timeout: 120_000,
  }, async () => {
    const things = new Things();
    const play = named(async (run) => {
      await run.together({
        a: (run) => things.make(run, "thing", "a"),
        b: (run) => run.step("Beside", async () => {}),
      });
      await things.make(run, "thing", "b");
    });
    let writes = 100;
    for (let at = 1; at < writes; at += 3) {
      const engine = await TestEngine.open({ pipelines: [play], kinds: [things.kind("thing")] });
      let seen = 0;
      let release: Promise<void> = Promise.resolve();
      let walls = 0;
      engine.engine.onChange(() => {
        if (++seen !== at) return;
        walls++;
        release = fill(engine).then(async (free) => {
          await pause(30);
          await free();
        });
      });
      const submitted = await engine.submit("play", "stg1").catch(() => undefined);
      await release;
      if (submitted) {
        expect((await engine.ended(submitted.id)).state).toBe("succeeded");
        await release;
        if (walls === 0) writes = at;
      }
      expect([...things.exist]).toEqual([]);
      await engine.remove();
    }
    expect(writes).toBeLessThan(100);
  });
});

/** What SQLite says to one who comes to a database that somebody else has to himself. */
function readWhileLocked(file: string): unknown {
  const other = `${file}-locked`;
  const [holder, reader] = [new BetterSqlite3(other), new BetterSqlite3(other, { timeout: 0 })];
  try {
    holder.exec("begin exclusive");
    reader.prepare("select count(*) from sqlite_schema").get();
    return new Error("It could be read.");
  } catch (error) {
    return error;
  } finally {
    reader.close();
    holder.close();
  }
}
