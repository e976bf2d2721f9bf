import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { countUnsent } from "../../db/outbox.ts";
import { listUnshown } from "../../db/posts.ts";
import { SURFACE } from "../../handlers/slack/rows.ts";
import { CHANNEL } from "../../sandbox/slack/people.ts";
import type { TranscriptMessage } from "../../sandbox/slack/transcript.ts";
import { Outbox } from "../../src/engine/outbox.ts";
import { timelineOf } from "../../src/publish/timeline.ts";
import { drawTimeline } from "../../src/publish/timeline-png.ts";
import type { JsonValue } from "../../src/util/json.ts";
import { dev, silent, TestBot } from "../support/bot.ts";
import { overLimit, Publishing } from "../support/publishing.ts";

/** The poster waits a second between two messages in a channel, and longer after a failure. */
const PATIENCE_MS = 50_000;
let bot: TestBot;
let slack: Publishing;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "slipway-thread-"));
  bot = await TestBot.open();
  slack = await Publishing.open(bot);
});
afterEach(async () => {
  await slack.close();
  await bot.close();
  await rm(folder, { recursive: true, force: true });
});

async function until<T>(what: string, look: () => Promise<T>, isSo: (seen: T) => boolean): Promise<T> {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const seen = await look();
    if (isSo(seen)) return seen;
    if (Date.now() > end) throw new Error(`Not ${what} in time: ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function failure(title: string, screenshot: string | null): JsonValue {
  return {
    browser: "chrome",
    title,
    file: "a.spec.ts",
    line: 3,
    message: "it is <!channel> red",
    screenshot,
  };
}

/** A run whose tests failed so; resolves with its number. */
async function failedWith(failures: readonly JsonValue[]): Promise<number> {
  bot.pipelines.facts = { failures: [...failures] };
  bot.pipelines.tests = { passed: 1, failed: failures.length, flaky: 0, skipped: 0, notRun: 0 };
  const outcome = await bot.say("launch stg1", { person: dev, channel: CHANNEL.id });
  if (outcome.refused || !outcome.run) throw new Error("refused");
  await bot.parts.ended(outcome.run.id);
  return outcome.run.id;
}

async function screenshots(count: number): Promise<string[]> {
  const files = Array.from({ length: count }, (_, index) => join(folder, `chrome-00${index}-a.png`));
  const bytes = await drawTimeline(timelineOf(await anyRun(), [], 0));
  for (const file of files) await writeFile(file, bytes);
  return files;
}

async function anyRun() {
  const outcome = await bot.say("launch stg2", { person: dev, channel: CHANNEL.id });
  if (outcome.refused || !outcome.run) throw new Error("refused");
  return await bot.parts.ended(outcome.run.id);
}

const threadEnded = (id: number) =>
  until(
    "told of its end",
    async () => (await slack.messages()).find(({ text }) => text.includes(`· run #${id} by`)),
    (message) => message?.thread.some(({ text }) => text.startsWith(`Run #${id} `)) ?? false,
  );

function filesOf(message: TranscriptMessage | undefined): string[] {
  const files = (message?.thread ?? []).flatMap((reply) => reply.files as { name: string }[]);
  return files.map(({ name }) => name);
}

describe("screenshots of failing tests", () => {
  test("come into the thread in one message, at most eight", async () => {
    const files = await screenshots(9);
    const id = await failedWith(files.map((file, index) => failure(`test ${index}`, file)));
    const message = await threadEnded(id);
    const shared = message?.thread.filter((reply) => reply.files.length > 0) ?? [];
    expect(shared.map((reply) => reply.files.length)).toEqual([8]);
    expect(shared[0]?.text).toBe("The first 8 of 9 screenshots of failing tests:");
    expect(filesOf(message)[0]).toBe(`run-${id}-chrome-000-a.png`);
    expect(overLimit(await slack.calls())).toEqual([]);
  });

  test("that are gone or too large are said, the others shown", async () => {
    const [good, gone, large] = (await screenshots(3)) as [string, string, string];
    await rm(gone);
    await truncate(large, 11 * 1024 * 1024);
    const id = await failedWith([failure("good", good), failure("gone", gone), failure("large", large)]);
    const message = await threadEnded(id);
    expect(filesOf(message)).toEqual([`run-${id}-chrome-000-a.png`]);
    const said = message?.thread.find((reply) => reply.files.length > 0)?.text ?? "";
    expect(said).toContain("gone in chrome: its screenshot is not there any more.");
    expect(said).toContain("large in chrome: its screenshot is too large to be shown here.");
  });

  test.each([
    ["its answer is lost", { mode: "error-after", code: "500" }],
    ["its answer is cut off", { mode: "garbage-after" }],
    ["what answers is no JSON", { mode: "garbage" }],
    ["Slack is in trouble before", { mode: "error-before", code: "500" }],
    ["Slack asks to wait", { mode: "throttle", retryAfter: 1 }],
  ])("are shown once when %s", async (_, fault) => {
    await slack.faults([{ action: "files.completeUploadExternal", times: 1, ...fault }]);
    const id = await failedWith([failure("one", (await screenshots(1))[0] ?? "")]);
    const message = await threadEnded(id);
    expect(filesOf(message)).toEqual([`run-${id}-chrome-000-a.png`]);
    expect(JSON.stringify(message?.thread)).not.toContain("could not be uploaded");
  });

  test.each(["garbage", "garbage-after"])(
    "are shown when the place for them is no answer (%s)",
    async (mode) => {
      await slack.faults([{ action: "files.getUploadURLExternal", times: 1, mode }]);
      const id = await failedWith([failure("one", (await screenshots(1))[0] ?? "")]);
      const message = await threadEnded(id);
      expect(filesOf(message)).toEqual([`run-${id}-chrome-000-a.png`]);
      expect(JSON.stringify(message?.thread)).not.toContain("could not be uploaded");
    },
  );

  test("are uploaded once when Slack asks to wait before they are shown, and shown afterwards", async () => {
    const complete = "files.completeUploadExternal";
    await slack.faults([{ action: complete, times: 6, mode: "ratelimited", retryAfter: 1 }]);
    const id = await failedWith(
      [0, 1]
        .map((n) => failure(`test ${n}`, null))
        .concat((await screenshots(2)).map((file, index) => failure(`shown ${index}`, file))),
    );
    const message = await threadEnded(id);
    expect(filesOf(message)).toHaveLength(2);
    expect(await slack.calls(complete)).toHaveLength(7);
    expect(await slack.calls("files.getUploadURLExternal")).toHaveLength(2);
  });

  test("are uploaded anew when Slack does not know any more what was kept", async () => {
    const complete = "files.completeUploadExternal";
    await slack.faults([
      { action: complete, times: 1, mode: "ratelimited", retryAfter: 1 },
      { action: complete, times: 1, mode: "error-before", code: "file_not_found" },
    ]);
    const id = await failedWith([failure("one", (await screenshots(1))[0] ?? "")]);
    expect(filesOf(await threadEnded(id))).toEqual([`run-${id}-chrome-000-a.png`]);
    expect(await slack.calls("files.getUploadURLExternal")).toHaveLength(2);
  });

  test("arrive though Slack asks every second call to wait, and what follows does too", async () => {
    const files = await screenshots(1);
    await slack.faults([{ action: "*", mode: "ratelimited", retryAfter: 1, every: 2 }]);
    const id = await failedWith([failure("one", files[0] ?? "")]);
    expect(filesOf(await threadEnded(id))).toEqual([`run-${id}-chrome-000-a.png`]);
  });

  test("are shown once when the process ends before the answer", async () => {
    await slack.faults([{ action: "files.completeUploadExternal", times: 1, mode: "hang-after" }]);
    const id = await failedWith([failure("one", (await screenshots(1))[0] ?? "")]);
    const attempted = () => slack.calls("files.completeUploadExternal");
    await until("attempted", attempted, (calls) => calls.length > 0);
    await slack.again();
    expect(filesOf(await threadEnded(id))).toEqual([`run-${id}-chrome-000-a.png`]);
  });

  test("that Slack refuses are said, and the thread goes on", async () => {
    await slack.faults([
      { action: "files.getUploadURLExternal", rate: 1, mode: "error-before", code: "missing_scope" },
    ]);
    const id = await failedWith([failure("one", (await screenshots(1))[0] ?? "")]);
    const message = await threadEnded(id);
    expect(message?.thread.map(({ text }) => text).join("\n")).toContain(
      "The screenshots of the failing tests could not be uploaded to Slack (missing_scope)",
    );
  });

  test("control: a look-up that finds nothing shows them twice", async () => {
    await slack.faults([
      { action: "files.completeUploadExternal", times: 1, mode: "error-after", code: "500" },
      { action: "conversations.replies", times: 2, mode: "notfound" },
    ]);
    const id = await failedWith([failure("one", (await screenshots(1))[0] ?? "")]);
    const name = `run-${id}-chrome-000-a.png`;
    expect(filesOf(await threadEnded(id))).toEqual([name, name]);
  });
});

describe("a run of which an answer is cut off", () => {
  test.each(["garbage-after", "garbage"])("is told once (%s)", async (mode) => {
    await slack.faults([{ action: "chat.postMessage", every: 2, mode }]);
    const id = await failedWith([failure("one", null), failure("two", null)]);
    await threadEnded(id);
    const messages = await slack.messages();
    const own = messages.filter(({ text }) => text.includes(`· run #${id} by`));
    expect(own).toHaveLength(1);
    const replies = own[0]?.thread.map(({ text }) => text) ?? [];
    expect(replies.length).toBeGreaterThan(2);
    expect(new Set(replies).size).toBe(replies.length);
  });

  test("control: what is looked for and not found is told twice", async () => {
    await slack.faults([
      { action: "chat.postMessage", times: 1, mode: "garbage-after" },
      { action: "conversations.history", times: 1, mode: "notfound" },
    ]);
    const id = await failedWith([]);
    const told = async () => (await slack.messages()).filter(({ text }) => text.includes(`· run #${id} by`));
    await until("told twice", told, (messages) => messages.length === 2);
  });
});

describe("a test's title", () => {
  test("is one line without marks, and leaves each fence its own end", async () => {
    const title = "adds ```up``` *b*\nand \u202eon";
    const id = await failedWith([failure(title, null), failure("second", null)]);
    const texts = (await threadEnded(id))?.thread.map(({ text }) => text) ?? [];
    const told = texts.find((text) => text.includes("adds")) ?? "";
    expect(told).toContain("\n✗ adds ˋˋˋupˋˋˋ ∗b∗ and on (`a.spec.ts:3`)\n```\nit is");
    expect(told.match(/```/g)).toHaveLength(4);
  });
});

describe("a run that Slack will not take", () => {
  test("holds up no other", async () => {
    // Its message is refused with a word that another attempt meets again.
    await slack.faults([
      { action: "chat.postMessage", times: 3, mode: "error-before", code: "invalid_arguments" },
    ]);
    const first = await failedWith([]);
    const second = await failedWith([]);
    await threadEnded(second);
    await threadEnded(first);
  });
});

describe("a run whose message was deleted", () => {
  test("has its replies given up, each after one attempt", async () => {
    bot.pipelines.hold = true;
    const outcome = await bot.say("launch stg1", { person: dev, channel: CHANNEL.id });
    if (outcome.refused || !outcome.run) throw new Error("refused");
    await until("shown", slack.messages.bind(slack), (messages) => messages.length > 0);
    await slack.faults([
      { action: "chat.postMessage", rate: 1, mode: "error-before", code: "thread_not_found" },
    ]);
    bot.pipelines.letGo();
    await bot.parts.ended(outcome.run.id);
    const untold = () => listUnshown(bot.parts.db, SURFACE, "thread", 0);
    await until("let go", untold, (runs) => runs.length === 0);
    const replies = (await slack.calls("chat.postMessage")).filter(({ error }) => error !== undefined);
    const said = replies.map(({ parameters }) => parameters.text);
    expect(said.join("\n")).toContain(`Run #${outcome.run.id} succeeded`);
    expect(new Set(said).size).toBe(said.length);
  });
});

describe("messages of the outbox whose answer was lost", () => {
  const sending = (kind: string, body: Record<string, string | null>, unsure: boolean) =>
    slack.send({ kind, body, id: "7-1", createdAt: Date.now(), attempt: unsure ? 2 : 1, unsure });

  const LOST = [{ mode: "error-after", code: "500" }, { mode: "garbage-after" }];

  async function lost(kind: string, body: Record<string, string | null>, fault: object = {}): Promise<void> {
    await slack.faults([{ action: "chat.postMessage", times: 1, ...LOST[0], ...fault }]);
    // What is thrown is what people are told when it is given up in the end.
    await expect(sending(kind, body, false)).rejects.toThrow(/^[^{]*$/);
  }

  const post = { text: "stg1 is locked", channel: "C000000001", responseUrl: null };
  const direct = { text: "Your slot was taken over", user: "U0DEVELOPER" };
  const seen = async () => (await slack.messages()).filter(({ text }) => text === post.text).length;

  test.each(LOST)("are found in the channel ($mode)", async (fault) => {
    await lost("post", post, fault);
    expect(await sending("post", post, true)).toEqual({ ok: true });
    expect(await seen()).toBe(1);
  });

  test.each(LOST)("are found in a person's own conversation ($mode)", async (fault) => {
    await lost("direct", direct, fault);
    expect(await sending("direct", direct, true)).toEqual({ ok: true });
    expect(await slack.direct(direct.user)).toEqual([direct.text]);
  });

  test("are sent when what answered had not taken them", async () => {
    await lost("post", post, { mode: "garbage" });
    await until(
      "sent",
      () => sending("post", post, true),
      ({ ok }) => ok,
    );
    expect(await seen()).toBe(1);
  });

  test.each(["garbage", "garbage-after"])("come through the outbox once, and no alarm (%s)", async (mode) => {
    const alarms: string[] = [];
    const outbox = new Outbox({
      guard: bot.parts.engine.guard,
      clock: bot.clock,
      log: silent,
      surfaces: { slack: slack.send },
      alarm: (message) => alarms.push(message),
      firstPauseMs: 10,
    });
    await outbox.start();
    await slack.faults([{ action: "chat.postMessage", times: 1, mode }]);
    await outbox.enqueue({ surface: "slack", kind: "post", lane: "C1", body: post });
    await until(
      "sent",
      () => countUnsent(bot.parts.db),
      (left) => left === 0,
    );
    await outbox.stop();
    expect(alarms).toEqual([]);
    expect(await seen()).toBe(1);
  });

  test("are sent when they are not there", async () => {
    expect(await sending("direct", direct, true)).toEqual({ ok: true });
    expect(await slack.direct(direct.user)).toEqual([direct.text]);
  });

  test("control: one that believes to be the first is sent again", async () => {
    await lost("post", post);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(await sending("post", post, false)).toEqual({ ok: true });
    expect(await seen()).toBe(2);
  });
});
