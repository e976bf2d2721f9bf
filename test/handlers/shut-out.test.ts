import { afterEach, beforeEach, expect, it } from "vitest";
import { CHANNEL } from "../../sandbox/slack/people.ts";
import { dev, TestBot } from "../support/bot.ts";
import { Publishing } from "../support/publishing.ts";

/** A bot that is shut out of the channel for a while, and let in again. */

const PATIENT = { timeout: 50_000, interval: 100 };
let bot: TestBot;
let slack: Publishing;

beforeEach(async () => {
  bot = await TestBot.open();
  slack = await Publishing.open(bot);
});
afterEach(async () => {
  await slack.close();
  await bot.close();
});

const shutOut = (action: string, code = "not_in_channel") =>
  slack.faults([{ action, mode: "error-before", code, rate: 1 }]);

const refused = async (action: string) =>
  (await slack.calls(action)).filter(({ error }) => error === "not_in_channel").length;

async function begin(): Promise<number> {
  const outcome = await bot.say("launch stg1", { person: dev, channel: CHANNEL.id });
  if (outcome.refused || !outcome.run) throw new Error("refused");
  return outcome.run.id;
}

const messageOf = async (id: number) =>
  (await slack.messages()).find(({ text }) => text.includes(`· run #${id} by`));

it("tells whoever asked for the run, and shows it when it is let in", async () => {
  await shutOut("chat.postMessage");
  const id = await begin();
  await expect.poll(() => slack.shutOut[0], PATIENT).toEqual([id, "not_in_channel"]);
  await bot.parts.ended(id);
  await slack.faults([]);
  await expect.poll(async () => (await messageOf(id))?.text, PATIENT).toMatch(/succeeded/i);
});

it("shows a run's end that it could not show when it came", async () => {
  bot.pipelines.hold = true;
  const id = await begin();
  await expect.poll(async () => await messageOf(id), PATIENT).toBeDefined();
  await shutOut("chat.update");
  await bot.say(`cancel ${id}`, { person: dev, channel: CHANNEL.id });
  await bot.parts.ended(id);
  await expect.poll(() => refused("chat.update"), PATIENT).toBeGreaterThan(1);
  await slack.faults([]);
  await expect.poll(async () => (await messageOf(id))?.text, PATIENT).toMatch(/cancelled/i);
  // Its message was there: nobody was told that it is not.
  expect(slack.shutOut).toEqual([]);
});

it("control: a message that somebody has deleted is not tried again", async () => {
  bot.pipelines.hold = true;
  const id = await begin();
  await expect.poll(async () => await messageOf(id), PATIENT).toBeDefined();
  await shutOut("chat.update", "message_not_found");
  await bot.say(`cancel ${id}`, { person: dev, channel: CHANNEL.id });
  await bot.parts.ended(id);
  const gone = async () =>
    (await slack.calls("chat.update")).filter(({ error }) => error === "message_not_found").length;
  await expect.poll(gone, PATIENT).toBe(1);
  const other = await bot.say("launch stg2", { person: dev, channel: CHANNEL.id });
  if (other.refused || !other.run) throw new Error("refused");
  await expect.poll(async () => await messageOf(other.run?.id ?? 0), PATIENT).toBeDefined();
  expect(await gone()).toBe(1);
});
