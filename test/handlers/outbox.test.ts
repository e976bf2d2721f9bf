import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type OpenDatabase, openDatabase } from "../../db/connection.ts";
import { countUnsent } from "../../db/outbox.ts";
import { judge } from "../../handlers/slack/sender.ts";
import type { Guard } from "../../src/engine/guard.ts";
import { Outbox, type OutboxOptions, type Send } from "../../src/engine/outbox.ts";
import { SteppingClock, silent } from "../support/bot.ts";
import { connectBeside, takeGuard } from "../support/engine.ts";

let folder: string;
let database: OpenDatabase;
let guard: Guard;
let alarms: string[];
const clock = new SteppingClock();
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "slipway-outbox-"));
  await open();
  alarms = [];
  clock.ahead = 0;
});
afterEach(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});

/** As a new process does. */
async function open(): Promise<void> {
  database = await openDatabase(join(folder, "slipway.db"));
  guard = await takeGuard(database.db);
}

function outboxOf(send: Send, options: Partial<OutboxOptions> = {}): Outbox {
  return new Outbox({
    guard,
    clock,
    log: silent,
    surfaces: { test: send },
    alarm: (message) => alarms.push(message),
    firstPauseMs: 2,
    ...options,
  });
}

const message = (text: string, more: { lane?: string; kind?: string; dedupeKey?: string } = {}) => ({
  surface: "test",
  kind: more.kind ?? "post",
  lane: more.lane ?? "C1",
  body: { text },
  dedupeKey: more.dedupeKey ?? null,
});

async function settled(): Promise<void> {
  while ((await countUnsent(database.db)) > 0) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe("the outbox", () => {
  it("sends in order within a lane, each key once", async () => {
    const sent: unknown[] = [];
    const other = Promise.withResolvers<void>();
    const outbox = outboxOf(async ({ body }) => {
      // The first of its lane is slow: it takes until another lane's message is out.
      if (body.text === "a") await other.promise;
      sent.push(body.text);
      if (body.text === "x") other.resolve();
      return { ok: true };
    });
    await outbox.start();
    for (const text of ["a", "b", "c"]) await outbox.enqueue(message(text, { dedupeKey: text }));
    await outbox.enqueue(message("b", { dedupeKey: "b" }));
    await outbox.enqueue(message("x", { lane: "C2" }));
    await settled();
    await outbox.stop();
    expect(sent).toEqual(["x", "a", "b", "c"]);
  });

  it("never makes whoever enqueues wait for the surface", async () => {
    const outbox = outboxOf(() => new Promise(() => {}));
    await outbox.start();
    for (let round = 0; round < 20; round += 1) await outbox.enqueue(message(`${round}`));
    expect(await countUnsent(database.db)).toBe(20);
    // Nor does it hold the process up when that is to end.
    await outbox.stop();
  });

  it("sends after a restart what was not sent", async () => {
    await outboxOf(async () => ({ ok: true })).enqueue(message("kept"));
    await database.close();
    await open();
    const sent: unknown[] = [];
    const outbox = outboxOf(async ({ body }) => {
      sent.push(body.text);
      return { ok: true };
    });
    await outbox.start();
    await settled();
    await outbox.stop();
    expect(sent).toEqual(["kept"]);
  });

  it("tries again what failed, in its order", async () => {
    const tries: string[] = [];
    const outbox = outboxOf(async ({ body, attempt }) => {
      tries.push(`${body.text}${attempt}`);
      if (body.text === "a" && attempt < 3) throw new Error("ECONNRESET");
      return { ok: true };
    });
    await outbox.start();
    await outbox.enqueue(message("a"));
    await outbox.enqueue(message("b"));
    await settled();
    await outbox.stop();
    expect(tries).toEqual(["a1", "a2", "a3", "b1"]);
  });

  it("writes down each failed attempt and when the next is due, to whole milliseconds", async () => {
    let failures = 0;
    const outbox = outboxOf(
      async () => {
        failures += 1;
        if (failures === 1) throw new Error("no answer");
        if (failures === 2) return { ok: false, permanent: false, retryAfterMs: 1.7, error: "rate limited" };
        return { ok: true };
      },
      { random: () => 0.3 },
    );
    await outbox.start();
    await outbox.enqueue(message("a"));
    await settled();
    const row = await database.db.selectFrom("outbox").selectAll().executeTakeFirstOrThrow();
    expect(row).toMatchObject({ attempts: 3, last_error: "rate limited" });
    expect(Number.isInteger(row.next_attempt_at)).toBe(true);
    await outbox.stop();
  });

  it("sends nothing of a kind before the surface's own Retry-After", async () => {
    const times: [string, number][] = [];
    const outbox = outboxOf(async ({ body, attempt }) => {
      times.push([String(body.text), Date.now()]);
      if (body.text === "a" && attempt === 1) {
        return { ok: false, permanent: false, retryAfterMs: 700, error: "rate limited" };
      }
      return { ok: true };
    });
    await outbox.start();
    await outbox.enqueue(message("a"));
    while (times.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    const limited = times[0]?.[1] ?? 0;
    await outbox.enqueue(message("b", { lane: "C2" }));
    await outbox.enqueue(message("c", { lane: "C3", kind: "other" }));
    await settled();
    await outbox.stop();
    const at = (text: string) => (times.findLast(([name]) => name === text)?.[1] ?? 0) - limited;
    expect(at("a")).toBeGreaterThanOrEqual(699);
    expect(at("b")).toBeGreaterThanOrEqual(699);
    expect(at("c")).toBeLessThan(at("a"));
  });

  it("drops what is refused for good, with an alarm, and goes on", async () => {
    const sent: unknown[] = [];
    const outbox = outboxOf(async ({ body }) => {
      if (body.text === "bad") return { ok: false, permanent: true, error: "channel_not_found" };
      sent.push(body.text);
      return { ok: true };
    });
    await outbox.start();
    await outbox.enqueue(message("bad"));
    await outbox.enqueue(message("good"));
    await settled();
    await outbox.stop();
    expect(sent).toEqual(["good"]);
    expect(alarms).toEqual([expect.stringContaining("channel_not_found")]);
  });

  it("gives up after hours, with an alarm", async () => {
    const outbox = outboxOf(async () => {
      clock.ahead += 3_600_000;
      throw new Error("down");
    });
    await outbox.start();
    await outbox.enqueue(message("a"));
    await settled();
    await outbox.stop();
    expect(alarms).toEqual([expect.stringContaining("down")]);
    expect(clock.ahead).toBeGreaterThanOrEqual(6 * 3_600_000);
  });
});

describe("an outbox whose database has been taken over", () => {
  const rows = async () => JSON.stringify(await database.db.selectFrom("outbox").selectAll().execute());

  /** Control: while it has the database, all is sent. */
  it.each([true, false])("sends nothing more and writes nothing (taken over: %s)", async (takenOver) => {
    const sent: unknown[] = [];
    const hold = Promise.withResolvers<void>();
    const outbox = outboxOf(async ({ body }) => {
      sent.push(body.text);
      if (body.text === "a") await hold.promise;
      return { ok: true };
    });
    await outbox.start();
    for (const text of ["a", "b"]) await outbox.enqueue(message(text));
    while (sent.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const beside = connectBeside(join(folder, "slipway.db"));
    const newer = takenOver ? await takeGuard(beside) : guard;
    const before = await rows();
    hold.resolve();
    const enqueuing = outbox.enqueue(message("c", { lane: "C2" }));
    if (!takenOver) {
      await enqueuing;
      await settled();
      await outbox.stop();
      await beside.destroy();
      return expect(sent.toSorted()).toEqual(["a", "b", "c"]);
    }
    await expect(enqueuing).rejects.toMatchObject({ code: "fenced" });
    await outbox.stop();
    expect(await rows()).toBe(before);
    expect(sent).toEqual(["a"]);
    // Whoever took over sends what is left; what the old one was just sending may arrive twice.
    const next = outboxOf(
      async ({ body }) => {
        sent.push(body.text);
        return { ok: true };
      },
      { guard: newer },
    );
    await next.start();
    await settled();
    await next.stop();
    await beside.destroy();
    expect(sent).toEqual(["a", "a", "b"]);
  });

  it("does not begin a message whose time comes afterwards", async () => {
    let tries = 0;
    const said = Promise.withResolvers<void>();
    const log = pino({}, { write: (line) => line.includes("the outbox stops") && said.resolve() });
    const outbox = outboxOf(
      async () => {
        tries += 1;
        return { ok: false, permanent: false, retryAfterMs: 2_000, error: "rate limited" };
      },
      { log },
    );
    await outbox.start();
    await outbox.enqueue(message("a"));
    const attempts = async () =>
      (await database.db.selectFrom("outbox").select("attempts").executeTakeFirstOrThrow()).attempts;
    while ((await attempts()) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await takeGuard(database.db);
    await said.promise;
    expect(tries).toBe(1);
    await outbox.stop();
  });
});

describe("what Slack's answer means for a message", () => {
  it.each(["channel_not_found", "no_text", "invalid_blocks", "msg_too_long"])("%s is for good", (error) => {
    expect(judge({ data: { ok: false, error } })).toMatchObject({ permanent: true, error });
  });

  it.each(["internal_error", "invalid_auth", "missing_scope"])("%s passes, or is mended", (error) => {
    expect(() => judge({ data: { ok: false, error } })).toThrow();
  });

  it.each(['{"ok": tru', '{"ok":true,"channel"', "<html>", ""])("%s is no word of Slack's", (error) => {
    expect(() => judge({ data: { ok: false, error } })).toThrow("Slack's answer could not be read");
  });

  it("a 429 says for how long", () => {
    expect(judge({ retryAfter: 30 })).toMatchObject({ permanent: false, retryAfterMs: 30_000 });
  });
});
