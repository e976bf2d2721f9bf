import { join } from "node:path";
import { webApi } from "@slack/bolt";
import pino from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Budget } from "../../handlers/slack/budget.ts";
import { clientOptions } from "../../handlers/slack/client.ts";
import { Messages } from "../../handlers/slack/messages.ts";
import { Stories } from "../../handlers/slack/stories.ts";
import { unfurlRuns } from "../../handlers/slack/unfurl.ts";
import { type SlackFront, startSlackFront } from "../../sandbox/slack/front.ts";
import { CHANNEL, TEAM } from "../../sandbox/slack/people.ts";
import { dev, TestBot } from "../support/bot.ts";

/** Previews of runs in the sandbox's Slack, which refuses some of them. */
const TOKEN = "xoxb-test";
let bot: TestBot;
let front: SlackFront;
let logged: string[];

beforeEach(async () => {
  bot = await TestBot.open();
  front = await startSlackFront({
    botUrl: "http://127.0.0.1:9",
    signingSecret: "secret",
    botToken: TOKEN,
    manifest: join(import.meta.dirname, "..", "..", "slack.yml"),
  });
  logged = [];
});
afterEach(async () => {
  await front.close();
  await bot.close();
});

const sandbox = (path: string, body: object) =>
  fetch(`${front.url}/_sandbox/${path}`, { method: "POST", body: JSON.stringify(body) });

/** Somebody has written the address of a run; resolves with what stands below it. */
async function preview(...faults: readonly object[]): Promise<readonly object[]> {
  const log = pino({}, { write: (line: string) => void logged.push(line) });
  const client = new webApi.WebClient(TOKEN, clientOptions({ apiUrl: `${front.url}/api/`, log }));
  const outcome = await bot.say("launch stg1", { person: dev, channel: CHANNEL.id });
  if (outcome.refused || !outcome.run) throw new Error("refused");
  await bot.parts.ended(outcome.run.id);
  const { services, clock, redact } = bot;
  const url = `${services.dashboardUrl}/runs/${outcome.run.id}`;
  const said = await sandbox("say", { user: "developer", text: `see ${url}` });
  const { ts } = (await said.json()) as { ts: string };
  await sandbox("faults", faults);
  const budget = new Budget();
  const messages = new Messages({ client, budget, redact, log });
  const stories = new Stories(services, clock);
  const mayLook = async () => true;
  const event = { type: "link_shared", user: "U1", channel: CHANNEL.id, message_ts: ts, links: [{ url }] };
  await unfurlRuns({ messages, budget, services, stories, log, mayLook }, { team_id: TEAM.id, event });
  const shown = (await (await fetch(`${front.url}/_sandbox/messages`)).json()) as {
    messages: { ts: string; attachments?: object[] }[];
  };
  return shown.messages.find((message) => message.ts === ts)?.attachments ?? [];
}

const refusing = (times: number, code: string) => ({
  action: "chat.unfurl",
  mode: "error-before",
  code,
  times,
});
const calls = async () => {
  const all = (await (await fetch(`${front.url}/_sandbox/calls`)).json()) as { action: string }[];
  return all.filter(({ action }) => action === "chat.unfurl").length;
};
const typesOf = (attachments: readonly object[]) =>
  attachments
    .flatMap((one) => ("blocks" in one ? (one.blocks as { type: string }[]) : []))
    .map(({ type }) => type);

test("a preview is a plan without buttons", async () => {
  expect(typesOf(await preview())).toEqual(["section", "plan"]);
  expect(logged).toEqual([]);
});

test.each(["invalid_blocks", "invalid_attachments"])(
  "one that is refused (%s) is shown in sections",
  async (code) => {
    expect(typesOf(await preview(refusing(1, code)))).toEqual(["section"]);
    expect(logged.join()).toContain(code);
  },
);

test("one that is refused in both forms is shown in words", async () => {
  const [shown] = await preview(refusing(2, "invalid_blocks"));
  expect(shown).toMatchObject({ text: expect.stringContaining("Launch of stg1") });
});

test("one that is refused in any form is logged and given up", async () => {
  expect(await preview(refusing(9, "invalid_blocks"))).toEqual([]);
  expect(await calls()).toBe(3);
  expect(logged.at(-1)).toMatch(/invalid_blocks.*could not be shown/);
});

test("control: a refusal that is not of the form is logged, and no other form is tried", async () => {
  expect(await preview(refusing(9, "cannot_unfurl_message"))).toEqual([]);
  expect(await calls()).toBe(1);
  expect(logged.at(-1)).toMatch(/cannot_unfurl_message.*could not be shown/);
});

test("one whose answer cannot be read is asked for again", async () => {
  const fault = { action: "chat.unfurl", mode: "garbage", times: 1 };
  await expect(preview(fault)).rejects.toThrow();
  expect(logged.join()).not.toContain('ok\\": tru');
});
