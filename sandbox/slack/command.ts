import { randomBytes } from "node:crypto";
import { z } from "zod";
import type { Clock } from "../../src/util/clock.ts";
import { codeOf } from "../../src/util/errors.ts";
import type { EmulatedSlack } from "./emulator.ts";
import { BOT, CHANNEL, personByIdOrName, TEAM } from "./people.ts";
import type { ResponseUrls } from "./responses.ts";
import { signedHeaders } from "./signature.ts";
import { nextTs, type Transcript } from "./transcript.ts";

/** Slack gives an app this long to answer a slash command. */
const PATIENCE_MS = 3_000;

export const commandSchema = z.strictObject({
  /** A user's id, or the short name: viewer, developer, … */
  user: z.string(),
  text: z.string(),
  command: z.string().default("/stg"),
  channel: z.string().default(CHANNEL.id),
  /** To send the same command twice, as a retrying proxy might. */
  triggerId: z.string().optional(),
});
export type CommandInput = z.input<typeof commandSchema>;

export interface CommandResult {
  /** The bot's HTTP status; null when it did not answer. */
  readonly status: number | null;
  readonly body: string;
  readonly elapsedMs: number;
  readonly triggerId: string;
  /** Slack's own word when the bot could not be reached or was too slow. */
  readonly error?: "dispatch_failed" | "operation_timeout";
}

export interface CommandParts {
  readonly botUrl: string;
  readonly signingSecret: string;
  readonly slack: EmulatedSlack;
  readonly transcript: Transcript;
  readonly responses: ResponseUrls;
  readonly clock: Clock;
}

/** Sends a slash command to the bot as Slack does, and shows the person what comes back. */
export async function sendCommand(
  input: z.output<typeof commandSchema>,
  parts: CommandParts,
): Promise<CommandResult> {
  const person = personByIdOrName(input.user);
  const userId = person?.id ?? input.user;
  const typed = `${input.command} ${input.text}`.trim();
  const said = { channel: input.channel, onlyFor: userId };
  parts.transcript.add({ ...said, ts: nextTs(parts.clock.now()), user: userId, text: typed });

  const triggerId = input.triggerId ?? (await newTriggerId(parts.slack));
  const body = new URLSearchParams({
    team_id: person?.team ?? TEAM.id,
    team_domain: person && person.team !== TEAM.id ? "elsewhere" : TEAM.domain,
    channel_id: input.channel,
    channel_name: input.channel === CHANNEL.id ? CHANNEL.name : "directmessage",
    user_id: userId,
    user_name: person?.name ?? input.user,
    command: input.command,
    text: input.text,
    api_app_id: BOT.app,
    is_enterprise_install: "false",
    response_url: parts.responses.create(userId, input.channel),
    trigger_id: triggerId,
  }).toString();
  const result = await post(`${parts.botUrl}/slack/events`, body, parts, triggerId);
  await showAnswer(result, typed, said, parts);
  return result;
}

async function post(
  url: string,
  body: string,
  parts: CommandParts,
  triggerId: string,
): Promise<CommandResult> {
  const started = performance.now();
  const elapsedMs = () => Math.round((performance.now() - started) * 100) / 100;
  try {
    const answer = await fetch(url, {
      method: "POST",
      headers: signedHeaders(parts.signingSecret, body, parts.clock.now()),
      body,
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const text = await answer.text();
    return { status: answer.status, body: text, elapsedMs: elapsedMs(), triggerId };
  } catch (error) {
    const late =
      codeOf(error) === "TimeoutError" || (error instanceof Error && error.name === "TimeoutError");
    const word = late ? "operation_timeout" : "dispatch_failed";
    return { status: null, body: "", elapsedMs: elapsedMs(), triggerId, error: word };
  }
}

async function showAnswer(
  result: CommandResult,
  typed: string,
  said: { channel: string; onlyFor: string },
  parts: CommandParts,
): Promise<void> {
  if (result.status !== 200) {
    const word = result.error ?? "dispatch_failed";
    const text = `${typed.split(" ")[0]} failed with the error "${word}"`;
    parts.transcript.add({ ...said, ts: nextTs(parts.clock.now()), user: "slackbot", text });
    return;
  }
  if (result.body.trim() === "") return;
  await parts.responses.show(result.body, said.onlyFor, said.channel);
}

async function newTriggerId(slack: EmulatedSlack): Promise<string> {
  const answer = await slack.call("views.generateTriggerId", {});
  return typeof answer.trigger_id === "string" ? answer.trigger_id : randomBytes(8).toString("hex");
}
