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
