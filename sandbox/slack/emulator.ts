import { createEmulator } from "emulate";
import { z } from "zod";
import { BOT, CHANNEL, PEOPLE, TEAM } from "./people.ts";

const answerSchema = z.looseObject({ ok: z.boolean(), error: z.string().optional() });
export type SlackAnswer = z.infer<typeof answerSchema>;

export interface EmulatedSlack {
  readonly url: string;
  /** The address that it writes into permalinks and upload addresses; the front puts its own there. */
  readonly advertisedUrl: string;
  /** Calls a method straight at the emulator, past the front's limits and scopes. Throws on `ok: false`. */
  call(method: string, parameters: Record<string, unknown>): Promise<SlackAnswer>;
  close(): Promise<void>;
}

/** Of the emulator's own first user, who owns the channel; never leaves this process. */
const ADMIN_TOKEN = "xoxp-sandbox-owner";

/**
 * `emulate`'s Slack with our people in it. A seeded user gets a random id there, but an app's bot user keeps
 * the id it is given: so each person is seeded as an app's user, and the front says who is a person.
 */
export async function startEmulatedSlack(botToken: string): Promise<EmulatedSlack> {
  const emulator = await createEmulator({ service: "slack", port: 0, seed: { slack: seed(botToken) } });
  const url = emulator.url.replace("localhost", "127.0.0.1");
  const callAs = async (token: string, method: string, parameters: Record<string, unknown>) => {
    const answer = await fetch(`${url}/api/${method}`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify(parameters),
    });
    const parsed = answerSchema.parse(await answer.json());
    if (!parsed.ok) throw new Error(`Emulated Slack refused ${method}: ${parsed.error}`);
    return parsed;
  };
  const everyone = [BOT.user, ...PEOPLE.map((person) => person.id)].join(",");
  await callAs(ADMIN_TOKEN, "conversations.rename", { channel: CHANNEL.id, name: CHANNEL.name });
  await callAs(ADMIN_TOKEN, "conversations.invite", { channel: CHANNEL.id, users: everyone });
  let turn = 0;
  return {
    url,
    advertisedUrl: emulator.url,
    call: (method, parameters) => callAs(readerToken(botToken, turn++ % READERS), method, parameters),
    close: () => emulator.close(),
  };
}

/**
 * The emulator lets a token make 5,000 calls an hour. The channel's window is drawn from many small ones: they have
 * tokens of their own, so that watching takes nothing from the bot and never ends.
 */
const READERS = 100;

function readerToken(botToken: string, index: number): string {
  return `${botToken}-reader-${index}`;
}

function seed(botToken: string): Record<string, unknown> {
  const apps = [
    { app_id: BOT.app, name: "Slipway", bot_id: BOT.bot, bot_user_id: BOT.user, bot_name: BOT.name },
    ...PEOPLE.map((person) => ({
      app_id: `A${person.id.slice(1)}`,
      name: person.realName,
      bot_id: `B${person.id.slice(1)}`,
      bot_user_id: person.id,
      bot_name: person.name,
    })),
  ];
  return {
    team: { name: TEAM.name, domain: TEAM.domain },
    oauth_apps: apps.map((app) => ({
      client_id: app.app_id,
      client_secret: "none",
      redirect_uris: [],
      ...app,
    })),
    tokens: [
      ...[botToken, ...Array.from({ length: READERS }, (_, index) => readerToken(botToken, index))].map(
        (token) => ({
          token,
          user_id: BOT.user,
          bot_id: BOT.bot,
          bot_user_id: BOT.user,
          app_id: BOT.app,
        }),
      ),
      { token: ADMIN_TOKEN, user_id: "U000000001" },
    ],
  };
}
