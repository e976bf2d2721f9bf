import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { changeObligation } from "../../db/obligations.ts";
import { CHANNEL, PEOPLE } from "../../sandbox/slack/people.ts";
import { dev, TestBot } from "../support/bot.ts";
import { Publishing } from "../support/publishing.ts";

const PATIENT = { timeout: 30_000 };
const HOUR = 3_600_000;
let bot: TestBot;
let slack: Publishing;

beforeEach(async () => {
  bot = await TestBot.open();
  const now = Date.now();
  // Nothing grows stale: what is edited is edited because something has changed.
  bot.clock.now = () => now;
  slack = await Publishing.open(bot);
});
afterEach(async () => {
  await slack.close();
  await bot.close();
});

async function shown(run: number) {
  return (await slack.messages()).find(({ text }) => text.includes(`· run #${run} by`));
}

/** Until when the run's message says that its environment stands, in ms; null: it says nothing of that. */
async function keptUntil(run: number): Promise<number | null> {
  const [, seconds] = /Kept until <!date\^(\d+)/.exec((await shown(run))?.text ?? "") ?? [];
  return seconds === undefined ? null : Number(seconds) * 1_000;
}

const inChannel = { person: dev, channel: CHANNEL.id };

describe("the message of a run that has left something standing", () => {
  it("says at once when it ends later, and when it is gone", async () => {
    const run = await bot.keepSomethingOn("stg1", inChannel);
    await expect.poll(() => keptUntil(run), PATIENT).not.toBeNull();
    const before = (await keptUntil(run)) ?? 0;
    await bot.say("extend stg1 1h", inChannel);
    await expect.poll(() => keptUntil(run), PATIENT).toBe(before + HOUR);
    await bot.say("terminate stg1", inChannel);
    await expect.poll(() => keptUntil(run), PATIENT).toBeNull();
    expect(JSON.stringify((await shown(run))?.blocks)).not.toContain("run_extend");
  });
});

describe("the thread of a run that has left something standing", () => {
  const toldOf = async (run: number) =>
    ((await shown(run))?.thread ?? [])
      .map(({ text }) => text)
      .filter((text) => text.startsWith("The environment on"));
  const untilTold = async (run: number, many = 1) => {
    await expect.poll(async () => (await toldOf(run)).length, PATIENT).toBe(many);
    return (await toldOf(run)).at(-1);
  };
  const ends = async (command: string, as: Parameters<TestBot["say"]>[1] = inChannel) => {
    const outcome = await bot.say(command, as);
    if (outcome.refused) throw new Error(outcome.what.join(""));
  };
  const launched = async (text: string) => {
    const outcome = await bot.say(text, inChannel);
    if (outcome.refused || !outcome.run) throw new Error("refused");
    await bot.parts.ended(outcome.run.id);
    return outcome.run.id;
  };

  it("says that its time was over, once, and nothing while it stands", async () => {
    const stands = await bot.keepSomethingOn("stg2", inChannel);
    const run = await launched("launch stg1 --keep 1s");
    expect(await untilTold(run)).toMatch(
      /^The environment on \*stg1\* ended <!date.*> \(its time to live has ended\): its instance is terminated, the slot is free\.$/,
    );
    // Another process has nothing to add, and the control's stands.
    await slack.again();
    const other = await launched("launch stg1");
    await expect.poll(async () => (await shown(other))?.thread.length, PATIENT).toBeGreaterThan(0);
    expect(await toldOf(run)).toHaveLength(1);
    expect(await toldOf(stands)).toEqual([]);
    expect(await toldOf(other)).toEqual([]);
  });

  it("says who has ended it, and whose the slot is then", async () => {
    const first = await bot.keepSomethingOn("stg1", inChannel);
    await ends("terminate stg1");
    expect(await untilTold(first)).toMatch(
      /\(terminated by Dev, run #2\): its instance is terminated, the slot is free\.$/,
    );
    const second = await bot.keepSomethingOn("stg1", inChannel);
    await ends("unlock stg1");
    expect(await untilTold(second)).toMatch(/\(given up by Dev\): .*the slot is free\.$/);
    await ends("lock stg1");
    const third = await bot.keepSomethingOn("stg1", inChannel);
    await ends("terminate stg1");
    expect(await untilTold(third)).toMatch(/the slot stays locked by Dev\.$/);
  });

  it("says that it is not gone while its cleanup is not confirmed, and then that it is", async () => {
    const run = await bot.keepSomethingOn("stg1", inChannel);
    bot.pipelines.stuck = true;
    await ends("unlock stg1");
    expect(await untilTold(run)).toMatch(
      /has ended \(given up by Dev\), but is not gone yet: Terminate instance \(AWS does not answer\)\. It is tried again by itself, and nothing else launches/,
    );
    bot.pipelines.stuck = false;
    await ends("clean stg1", { ...inChannel, roles: ["maintainer"] });
    expect(await untilTold(run, 2)).toMatch(/ended <!date.*its instance is terminated, the slot is free\.$/);
  }, 90_000);

  it("does not say that it is terminated when somebody has only declared it clean", async () => {
    const run = await bot.keepSomethingOn("stg1", inChannel);
    bot.pipelines.stuck = true;
    await ends("unlock stg1");
    await ends("clean stg1 --force", { ...inChannel, roles: ["maintainer"] });
    expect(await untilTold(run)).toMatch(
      /counts as gone \(declared clean by Dev\); that its instance is terminated was not confirmed\.$/,
    );
  });

  it("says it of one that stood for longer than runs are told of otherwise", async () => {
    const run = await bot.keepSomethingOn("stg1", inChannel);
    await expect.poll(async () => (await shown(run))?.thread.length, PATIENT).toBeGreaterThan(0);
    await bot.parts.db
      .updateTable("runs")
      .set({ ended_at: Date.now() - 72 * HOUR })
      .where("id", "=", run)
      .execute();
    await ends("unlock stg1");
    expect(await untilTold(run)).toMatch(/given up by Dev/);
  });
});

describe("the message of a run that has worked on what another one keeps", () => {
  it("says whose environment it is, and nothing of what a later run has put there", async () => {
    const first = await bot.keepSomethingOn("stg1", inChannel);
    const tested = await begun("test stg1");
    const whose = new RegExp(`The environment of run #${first} stands until`);
    await expect.poll(async () => (await shown(tested))?.text, PATIENT).toMatch(whose);
    expect(await keptUntil(tested)).toBeNull();
    expect(JSON.stringify((await shown(tested))?.blocks)).toContain("run_extend");
    // The control: on its own run's message it is kept, as it was.
    expect(await keptUntil(first)).not.toBeNull();

    await takeOver(first);
    const next = await bot.keepSomethingOn("stg1", inChannel);
    await expect.poll(() => keptUntil(next), PATIENT).not.toBeNull();
    for (const run of [first, tested])
      await expect.poll(async () => (await shown(run))?.text, PATIENT).not.toMatch(/(Kept|stands) until/);
  });

  async function begun(command: string): Promise<number> {
    const outcome = await bot.say(command, inChannel);
    if (outcome.refused || !outcome.run) throw new Error("refused");
    await bot.parts.ended(outcome.run.id);
    return outcome.run.id;
  }

  /** As a launch over it does when its own instance has taken over: in the same tenancy the earlier one is gone. */
  async function takeOver(run: number): Promise<void> {
    const owed = await bot.parts.engine.obligations({ runId: run, open: true });
    for (const { id } of owed.filter(({ kind }) => kind === "instance"))
      await changeObligation(bot.parts.db, id, { state: "gone", goneAt: Date.now() });
  }
});

describe("the word that a run has begun", () => {
  const reply = (run: number, channel: string) => ({
    kind: "reply",
    body: { text: `run #${run} has started.`, user: user(), channel, responseUrl: null, unlessShown: run },
    attempt: 1,
    id: `reply-${run}-${channel}`,
    createdAt: Date.now(),
    unsure: false,
  });
  const user = () => PEOPLE[1]?.id ?? "";
  const words = async () =>
    (await slack.calls("chat.postEphemeral")).map(({ parameters }) => parameters.text);

  it("is left out when the run's message is there before it, and said where that is not", async () => {
    const run = await bot.keepSomethingOn("stg1", inChannel);
    await expect.poll(() => shown(run), PATIENT).toBeDefined();
    expect(await slack.send(reply(run, CHANNEL.id))).toEqual({ ok: true });
    expect(await words()).toEqual([]);
    expect(await slack.send(reply(run + 1, CHANNEL.id))).toEqual({ ok: true });
    expect(await words()).toEqual([`run #${run + 1} has started.`]);
    // In another conversation the run's message is not to be seen.
    await slack.send(reply(run, user()));
    expect((await slack.calls()).at(-1)?.parameters.text).toBe(`run #${run} has started.`);
  });
});
