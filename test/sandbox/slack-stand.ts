import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type SlackFront, startSlackFront } from "../../sandbox/slack/front.ts";

export const TOKEN = "xoxb-test-token";
export const APP_TOKEN = "xapp-1-A0SLIPWAY-test";
export const SECRET = "a signing secret";
export const MANIFEST = join(import.meta.dirname, "..", "..", "slack.yml");

/** A bot that keeps what it was sent and answers as told. */
export interface StandInBot {
  readonly url: string;
  readonly received: { headers: Record<string, unknown>; body: string }[];
  answer: { status: number; body: string };
  close(): void;
}

export async function startStandInBot(): Promise<StandInBot> {
  const bot: StandInBot = { url: "", received: [], answer: { status: 200, body: "" }, close: () => {} };
  const server: Server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => {
      body += part;
    });
    request.on("end", () => {
      bot.received.push({ headers: request.headers, body });
      response.writeHead(bot.answer.status, { "content-type": "application/json" });
      response.end(bot.answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(bot, { url, close: () => server.close() });
}

/** What Slack's front or the Web API has answered; the tests look at what they know to be there. */
// biome-ignore lint/suspicious/noExplicitAny: JSON of any shape, looked at by assertions alone
export type Json = any;

/** Slack's front with a bot that answers as told, and a clock that stands until it is moved. */
export interface SlackStand {
  readonly bot: StandInBot;
  readonly slack: SlackFront;
  readonly clock: { ms: number };
  /** A method of the Web API; with its HTTP status. */
  call(method: string, parameters?: object, token?: string | null): Promise<{ status: number; body: Json }>;
  /** `/_sandbox/…`: GET, or POST with a body. */
  sandbox(path: string, body?: unknown): Promise<{ status: number; body: Json }>;
  /** The payload of the bot's last interaction. */
  lastPayload(): Json;
  close(): Promise<void>;
}

export async function startStand({ manifest = MANIFEST, socketMode = false } = {}): Promise<SlackStand> {
  const bot = await startStandInBot();
  const clock = { ms: 1_800_000_000_000 };
  const slack = await startSlackFront({
    botToken: TOKEN,
    appToken: socketMode ? APP_TOKEN : undefined,
    signingSecret: SECRET,
    botUrl: bot.url,
    manifest,
    clock: { now: () => clock.ms },
  });
  const read = async (answer: Response) => ({ status: answer.status, body: (await answer.json()) as Json });
  return {
    bot,
    slack,
    clock,
    call: async (method, parameters = {}, token = TOKEN) =>
      read(
        await fetch(`${slack.url}/api/${method}`, {
          method: "POST",
          headers: {
            "content-type": "application/json",
            ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          },
          body: JSON.stringify(parameters),
        }),
      ),
    sandbox: async (path, body) =>
      read(
        await fetch(
          `${slack.url}/_sandbox/${path}`,
          body === undefined ? {} : { method: "POST", body: JSON.stringify(body) },
        ),
      ),
    lastPayload: () => JSON.parse(new URLSearchParams(bot.received.at(-1)?.body).get("payload") ?? "null"),
    async close() {
      await slack.close();
      bot.close();
    },
  };
}
