import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type OpenDatabase, openDatabase } from "../../db/connection.ts";
import { countUnhandled } from "../../db/inbox.ts";
import type { Guard } from "../../src/engine/guard.ts";
import { type Circumstances, Inbox, type InboxOptions } from "../../src/engine/inbox.ts";
import type { JsonObject } from "../../src/util/json.ts";
import { SteppingClock, silent } from "../support/bot.ts";
import { connectBeside, takeGuard } from "../support/engine.ts";
import { FakeSlack, slash } from "../support/slack.ts";
import { TestSurface } from "../support/surface.ts";

let folder: string;
let database: OpenDatabase;
let guard: Guard;
const clock = new SteppingClock();
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "slipway-inbox-"));
  await open();
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

type Handle = (payload: JsonObject, circumstances: Circumstances) => Promise<void>;

function inboxOf(handle: Handle, options: Partial<InboxOptions> = {}): Inbox {
  return new Inbox({
    guard,
    clock,
    log: silent,
    handlers: { test: { lane: (payload) => String(payload.lane ?? "one"), handle } },
    pausesMs: [5],
    ...options,
  });
}

const event = (number: number, payload: JsonObject = {}) => ({
  source: "test",
  deliveryKey: `event-${number}`,
  payload: { number, ...payload },
});

async function settled(): Promise<void> {
  while ((await countUnhandled(database.db)) > 0) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe("the inbox", () => {
  it("handles each key once, in order of arrival", async () => {
    const handled: unknown[] = [];
    const inbox = inboxOf(async ({ number }) => {
      handled.push(number);
    });
    await inbox.start();
    for (let number = 0; number < 20; number += 1) expect(await inbox.accept(event(number))).toBe("new");
    expect(await inbox.accept(event(3))).toBe("repeated");
    await settled();
    expect(await inbox.accept(event(3))).toBe("repeated");
    await inbox.stop();
    expect(handled).toEqual(Array.from({ length: 20 }, (_, number) => number));
  });

  it("runs lanes beside each other, and no more than it may", async () => {
    let now = 0;
    let most = 0;
    const three = Promise.withResolvers<void>();
    const inbox = inboxOf(
      async () => {
        now += 1;
        most = Math.max(most, now);
        if (now === 3) three.resolve();
        await three.promise;
        await new Promise((resolve) => setTimeout(resolve, 5));
        now -= 1;
      },
      { concurrency: 3 },
    );
    for (let number = 0; number < 12; number += 1) await inbox.accept(event(number, { lane: number % 6 }));
    await inbox.start();
    await settled();
    await inbox.stop();
    expect(most).toBe(3);
  });

  it("tries again what failed, and lets nothing of its lane overtake it", async () => {
    const order: string[] = [];
    const inbox = inboxOf(async ({ number }, { attempt, interrupted }) => {
      order.push(`${number}.${attempt}${interrupted ? "!" : ""}`);
      if (number === 0 && attempt < 3) throw new Error("not yet");
    });
    await inbox.start();
    await inbox.accept(event(0));
    await inbox.accept(event(1));
    await settled();
    await inbox.stop();
    expect(order).toEqual(["0.1", "0.2", "0.3", "1.1"]);
  });

  it("takes up after a restart what was accepted and not handled", async () => {
    const never = inboxOf(async () => {
      throw new Error("was not to be called");
    });
    await never.accept(event(1));
    await never.accept(event(2));
    await database.close();
    await open();
    const handled: unknown[] = [];
    const inbox = inboxOf(async ({ number }, { late, interrupted }) => {
      handled.push([number, late, interrupted]);
    });
    await inbox.start();
    await settled();
    await inbox.stop();
    expect(handled).toEqual([
      [1, false, false],
      [2, false, false],
    ]);
    // Nothing of it is handled by a third process.
    const third = inboxOf(async () => {
      handled.push("again");
    });
    await third.start();
    await third.stop();
    expect(handled).toHaveLength(2);
  });

  it("says so when an attempt was cut off by a kill, and not when it had failed", async () => {
    const killed = inboxOf(() => new Promise(() => {}));
    await killed.start();
    await killed.accept(event(1));
    while (true) {
      const row = await database.db.selectFrom("inbox").select("attempts").executeTakeFirstOrThrow();
      if (row.attempts === 1) break;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const seen: boolean[] = [];
    const inbox = inboxOf(async (_, { interrupted, attempt }) => {
      seen.push(interrupted);
      if (attempt === 2) throw new Error("once more");
    });
    await inbox.start();
    await settled();
    await inbox.stop();
    expect(seen).toEqual([true, false]);
  });

  it("says so when an event is more than 15 minutes old", async () => {
    await inboxOf(async () => {}).accept(event(1));
    clock.ahead = 15 * 60_000 + 1;
    await inboxOf(async () => {}).accept(event(2));
    const seen: unknown[] = [];
    const inbox = inboxOf(async ({ number }, { late }) => {
      seen.push([number, late]);
    });
    await inbox.start();
    await settled();
    await inbox.stop();
    expect(seen).toEqual([
      [1, true],
      [2, false],
    ]);
  });

  it("lets a late event go that cannot be answered", async () => {
    await inboxOf(async () => {}).accept(event(1));
    clock.ahead = 16 * 60_000;
    let attempts = 0;
    const inbox = inboxOf(async () => {
      attempts += 1;
      throw new Error("never");
    });
    await inbox.start();
    await settled();
    await inbox.stop();
    expect(attempts).toBe(5);
  });

  it("refuses to accept what cannot be written", async () => {
    const inbox = inboxOf(async () => {});
    await database.db.destroy();
    await expect(inbox.accept(event(1))).rejects.toThrow();
    await database.close();
    await open();
    expect(await countUnhandled(database.db)).toBe(0);
  });
});

describe("an inbox whose database has been taken over", () => {
  const rows = async () => JSON.stringify(await database.db.selectFrom("inbox").selectAll().execute());

  /** Another process begins; control: without it, everything below is accepted and handled. */
  it.each([true, false])("handles nothing more and writes nothing (taken over: %s)", async (takenOver) => {
    const handled: unknown[] = [];
    const hold = Promise.withResolvers<void>();
    const inbox = inboxOf(
      async ({ number }) => {
        handled.push(number);
        if (number === 1) await hold.promise;
      },
      { concurrency: 1 },
    );
    await inbox.start();
    for (const number of [1, 2]) await inbox.accept(event(number, { lane: number }));
    while (handled.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const beside = connectBeside(join(folder, "slipway.db"));
    const newer = takenOver ? await takeGuard(beside) : guard;
    const before = await rows();
    hold.resolve();
    const accepting = inbox.accept(event(3));
    if (!takenOver) {
      expect(await accepting).toBe("new");
      await settled();
      await inbox.stop();
      await beside.destroy();
      return expect(handled).toEqual([1, 2, 3]);
    }
    await expect(accepting).rejects.toMatchObject({ code: "fenced" });
    await inbox.idle();
    expect(await rows()).toBe(before);
    expect(handled).toEqual([1]);
    await inbox.stop();
    // The one that took it over goes on with what was left, and knows that the first was cut off.
    const seen: unknown[] = [];
    const next = inboxOf(
      async ({ number }, { interrupted }) => {
        seen.push([number, interrupted]);
      },
      { guard: newer, concurrency: 1 },
    );
    await next.start();
    await settled();
    await next.stop();
    await beside.destroy();
    expect(seen).toEqual([
      [1, true],
      [2, false],
    ]);
  });
});

describe("a slash command and a killed bot", () => {
  it("is carried out once by the next process", async () => {
    const slack = new FakeSlack();
    await slack.start();
    const first = await TestSurface.open({ slack, work: false });
    const body = slash("launch stg1");
    expect((await first.post(body)).status).toBe(200);
    expect(await first.bot.runCount()).toBe(0);
    await first.stop();
    const second = await TestSurface.open({ slack, file: first.bot.parts.file });
    await slack.called("chat.postEphemeral");
    expect((await second.post(body)).status).toBe(200);
    expect(await second.bot.runCount()).toBe(1);
    await second.stop();
    const third = await TestSurface.open({ slack, file: first.bot.parts.file });
    await third.command("status");
    await slack.called("chat.postEphemeral", 2);
    expect(await third.bot.runCount()).toBe(1);
    await third.close();
    await slack.stop();
  });

  it("is answered and not carried out when it is found too late", async () => {
    const slack = new FakeSlack();
    await slack.start();
    const first = await TestSurface.open({ slack, work: false });
    await first.command("launch stg1");
    await first.stop();
    const second = await TestSurface.open({ slack, file: first.bot.parts.file, work: false });
    second.bot.clock.ahead = 16 * 60_000;
    await second.inbox.start();
    await second.outbox.start();
    const [call] = await slack.called("chat.postEphemeral");
    expect(call?.body.text).toContain("`too_late`");
    expect(await second.bot.runCount()).toBe(0);
    await second.close();
    await slack.stop();
  });
});
