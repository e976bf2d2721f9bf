import { afterEach, beforeEach, expect, test } from "vitest";
import { CHANNEL } from "../../sandbox/slack/people.ts";
import { sleep } from "../../src/util/clock.ts";
import { TestBot } from "../support/bot.ts";
import { ann } from "../support/engine.ts";
import { overLimit, Publishing } from "../support/publishing.ts";

const RUNS = 50;
const WITHIN_MS = 60_000;
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

/** When the run's message was first of its final state, ms since 1970, by Slack's own list of calls. */
async function finalStates(): Promise<Map<number, number>> {
  const shown = new Map<number, number>();
  for (const { action, at, parameters, status, error } of await slack.calls()) {
    if (!action.startsWith("chat.") || status !== 200 || error !== undefined) continue;
    const id = /· run #(\d+) by [\s\S]*\nsucceeded · /.exec(String(parameters.text))?.[1];
    if (id !== undefined && !shown.has(Number(id))) shown.set(Number(id), Date.parse(at));
  }
  return shown;
}

test("50 runs in one channel at once: each ends in Slack within a minute of its end, within all limits", async () => {
  bot.pipelines.hold = true;
  const runs = await Promise.all(
    Array.from({ length: RUNS }, (_, index) =>
      bot.parts.submit("launch", `slot-${index}`, { origin: { channel: CHANNEL.id } }, ann),
    ),
  );
  const posted = async () => (await slack.messages()).length;
  while ((await posted()) < RUNS) await sleep(500);
  // The worst case: they all end at the same moment.
  bot.pipelines.letGo();
  const ended = await Promise.all(runs.map(({ id }) => bot.parts.ended(id)));
  const until = Date.now() + 2 * WITHIN_MS;
  while ((await finalStates()).size < RUNS && Date.now() < until) await sleep(500);
  const shown = await finalStates();
  const late = ended.flatMap(({ id, endedAt }) => {
    const after = (shown.get(id) ?? Number.POSITIVE_INFINITY) - (endedAt ?? 0);
    return after > WITHIN_MS ? [`run ${id}: ${after} ms`] : [];
  });
  expect(late).toEqual([]);
  const calls = await slack.calls();
  expect(overLimit(calls)).toEqual([]);
  expect(calls.filter(({ status }) => status === 429)).toEqual([]);
}, 300_000);
