import { join } from "node:path";
import { webApi } from "@slack/bolt";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Budget, BudgetSpent, withinBudget } from "../../handlers/slack/budget.ts";
import { clientOptions } from "../../handlers/slack/client.ts";
import { Messages } from "../../handlers/slack/messages.ts";
import type { Call } from "../../sandbox/front/calls.ts";
import { type SlackFront, startSlackFront } from "../../sandbox/slack/front.ts";
import { TIERS } from "../../sandbox/slack/methods.ts";
import { CHANNEL } from "../../sandbox/slack/people.ts";
import { Redactor } from "../../src/util/redact.ts";
import { silent } from "../support/bot.ts";

/** What is looked for in Slack against the sandbox's Slack, with a clock that the test moves. */
const MARK = { of: "outbox", key: "1" };
const LOST = TIERS.tier3 + 10;
let front: SlackFront;
let client: webApi.WebClient;
let budget: Budget;
let now = 0;

beforeEach(async () => {
  now = 0;
  front = await startSlackFront({
    botUrl: "http://127.0.0.1:9",
    signingSecret: "secret",
    botToken: "xoxb-test",
    manifest: join(import.meta.dirname, "..", "..", "slack.yml"),
  });
  const options = clientOptions({ apiUrl: `${front.url}/api/`, log: silent });
  client = new webApi.WebClient("xoxb-test", options);
  budget = new Budget(() => now);
});
afterEach(async () => {
  await front.close();
});

async function looked(): Promise<number> {
  const answer = await fetch(`${front.url}/_sandbox/calls`);
  const all = (await answer.json()) as readonly Call[];
  return all.filter(({ action }) => action === "conversations.history").length;
}

describe("many lost messages", () => {
  test("are looked for within Slack's limit, and the others later", async () => {
    const messages = new Messages({ client, budget, redact: new Redactor(), log: silent });
    const look = () => messages.find(CHANNEL.id, MARK, Date.now(), null);
    const answers = [];
    for (let count = 0; count < LOST; count += 1) answers.push(await look().catch((error: unknown) => error));
    const refused = answers.filter((answer) => answer instanceof BudgetSpent);
    expect(refused.length).toBe(LOST - (await looked()));
    expect(await looked()).toBeLessThan(TIERS.tier3);
    now += Math.ceil((refused[0]?.retryAfter ?? 0) * 1_000);
    expect(await look()).toBeNull();
  });

  test("control: calls that are only counted meet it", async () => {
    const look = () =>
      withinBudget(budget, "conversations.history", null, () =>
        client.conversations.history({ channel: CHANNEL.id }),
      );
    let refused = 0;
    for (let count = 0; count < LOST; count += 1) await look().catch(() => (refused += 1));
    expect(refused).toBe(LOST - TIERS.tier3);
  });
});
