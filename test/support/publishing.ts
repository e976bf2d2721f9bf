import { join } from "node:path";
import { webApi } from "@slack/bolt";
import { z } from "zod";
import type { CommandServices } from "../../commands/services.ts";
import { Budget } from "../../handlers/slack/budget.ts";
import { clientOptions } from "../../handlers/slack/client.ts";
import { Messages } from "../../handlers/slack/messages.ts";
import { createSlackPublisher, type Publisher } from "../../handlers/slack/publisher.ts";
import { isShown } from "../../handlers/slack/rows.ts";
import { createSender } from "../../handlers/slack/sender.ts";
import { type SlackFront, startSlackFront } from "../../sandbox/slack/front.ts";
import { TIERS } from "../../sandbox/slack/methods.ts";
import { CHANNEL } from "../../sandbox/slack/people.ts";
import type { TranscriptMessage } from "../../sandbox/slack/transcript.ts";
import type { Send } from "../../src/engine/outbox.ts";
import { loaded, silent, type TestBot } from "./bot.ts";

const TOKEN = "xoxb-test";
const MANIFEST = join(import.meta.dirname, "..", "..", "slack.yml");

const callSchema = z.looseObject({
  at: z.string(),
  action: z.string(),
  parameters: z.record(z.string(), z.unknown()),
  status: z.number().nullable(),
  error: z.string().optional(),
});
export type FrontCall = z.infer<typeof callSchema>;

/** The sandbox's Slack, which refuses what Slack would refuse, and the part of the bot that shows runs in it. */
export class Publishing {
  readonly front: SlackFront;
  readonly send: Send;
  /** Runs whose message may not be posted in their channel, and why, as often as that was told. */
  readonly shutOut: (readonly [number, string])[] = [];
  #publisher: Publisher;
  readonly #bot: TestBot;

  private constructor(front: SlackFront, bot: TestBot) {
    this.front = front;
    this.#bot = bot;
    const { publisher, send } = this.#parts();
    this.#publisher = publisher;
    this.send = send;
  }

  static async open(bot: TestBot): Promise<Publishing> {
    const address = { botUrl: "http://127.0.0.1:9", signingSecret: "secret", botToken: TOKEN };
    const publishing = new Publishing(await startSlackFront({ ...address, manifest: MANIFEST }), bot);
    await publishing.#publisher.start();
    return publishing;
  }

  /** As another process would: with nothing but the database. */
  async again(): Promise<void> {
    await this.#publisher.stop();
    this.#publisher = this.#parts().publisher;
    await this.#publisher.start();
  }

  async close(): Promise<void> {
    await this.#publisher.stop();
    await this.front.close();
  }

  async faults(list: readonly object[]): Promise<void> {
    const answer = await fetch(`${this.front.url}/_sandbox/faults`, {
      method: "POST",
      body: JSON.stringify(list),
    });
    if (!answer.ok) throw new Error(await answer.text());
  }

  /** Of one method, when it is named. */
  async calls(method?: string): Promise<FrontCall[]> {
    const answer = await fetch(`${this.front.url}/_sandbox/calls`);
    const all = z.array(callSchema).parse(await answer.json());
    return method === undefined ? all : all.filter(({ action }) => action === method);
  }

  async messages(): Promise<readonly TranscriptMessage[]> {
    const answer = await fetch(`${this.front.url}/_sandbox/messages`);
    return ((await answer.json()) as { messages: TranscriptMessage[] }).messages;
  }

  /** The messages of one person's conversation with the bot. */
  async direct(user: string): Promise<readonly string[]> {
    const client = new webApi.WebClient(TOKEN, { slackApiUrl: `${this.front.url}/api/` });
    const { channel } = await client.conversations.open({ users: user });
    const { messages } = await client.conversations.history({ channel: channel?.id ?? "" });
    return (messages ?? []).map(({ text }) => text ?? "");
  }

  #parts(): { publisher: Publisher; send: Send } {
    const { services, redact, clock, parts } = this.#bot;
    const options = clientOptions({ apiUrl: `${this.front.url}/api/`, log: silent });
    const client = new webApi.WebClient(TOKEN, options);
    const budget = new Budget();
    const shared = { client, budget, redact, log: silent };
    const messages = new Messages(shared);
    const here: CommandServices = { ...services, config: inChannel };
    const publisher = createSlackPublisher({
      ...shared,
      messages,
      db: parts.db,
      services: here,
      clock,
      onShutOut: async (run, why) => void this.shutOut.push([run.id, why]),
    });
    return {
      publisher,
      send: createSender({
        ...shared,
        messages,
        isShown: (runId, channel) => isShown(parts.db, runId, channel),
        clock,
      }),
    };
  }
}

function inChannel() {
  const config = loaded();
  return { ...config, config: { ...config.config, slack: { channel: CHANNEL.id } } } as typeof config;
}

const PER_MINUTE: Readonly<Record<string, number>> = {
  "chat.postMessage": 300,
  "chat.update": TIERS.tier3,
  "conversations.history": TIERS.tier3,
  "conversations.replies": TIERS.tier3,
  "files.getUploadURLExternal": TIERS.tier4,
  "files.completeUploadExternal": TIERS.tier4,
};
/** One a second in a channel. */
const PER_MINUTE_AND_CHANNEL = 60;

/** Methods that were called more often within a minute than Slack allows, in words. */
export function overLimit(calls: readonly Pick<FrontCall, "at" | "action" | "parameters">[]): string[] {
  const groups = Object.entries(PER_MINUTE).map(([method, most]) => {
    const at = calls.filter(({ action }) => action === method).map((call) => Date.parse(call.at));
    return { method, most, at };
  });
  const posts = calls.filter(({ action }) => action === "chat.postMessage");
  for (const [channel, own] of Map.groupBy(posts, ({ parameters }) => String(parameters.channel))) {
    const at = own.map((call) => Date.parse(call.at));
    groups.push({ method: `chat.postMessage in ${channel}`, most: PER_MINUTE_AND_CHANNEL, at });
  }
  return groups.flatMap(({ method, most, at }) => {
    const busiest = Math.max(
      0,
      ...at.map((from) => at.filter((one) => one >= from && one < from + 60_000).length),
    );
    return busiest > most ? [`${method}: ${busiest} in a minute`] : [];
  });
}
