import { z } from "zod";
import type { Clock } from "../../src/util/clock.ts";
import type { Conversations } from "./conversations.ts";
import type { Delivered, Delivery } from "./delivery/delivery.ts";
import { BOT, CHANNEL, personByIdOrName, TEAM } from "./people.ts";
import type { ResponseUrls } from "./responses.ts";
import { nextTs, type Transcript } from "./transcript.ts";
import type { Triggers } from "./views/triggers.ts";

export const commandSchema = z.strictObject({
  /** A user's id, or the short name: viewer, developer, … */
  user: z.string(),
  text: z.string(),
  command: z.string().default("/stg"),
  /** A channel's id, or a person: then in the direct messages with the app. */
  channel: z.string().default(CHANNEL.id),
  /** To send the same command twice, as a retrying proxy might. */
  triggerId: z.string().optional(),
});
export type CommandInput = z.input<typeof commandSchema>;

export interface CommandResult extends Delivered {
  readonly triggerId: string;
}

export interface CommandParts {
  readonly delivery: Delivery;
  readonly transcript: Transcript;
  readonly responses: ResponseUrls;
  readonly conversations: Conversations;
  readonly triggers: Triggers;
  readonly clock: Clock;
}

/** Sends a slash command to the bot as Slack does, and shows the person what comes back. */
export async function sendCommand(
  input: z.output<typeof commandSchema>,
  parts: CommandParts,
): Promise<CommandResult> {
  const person = personByIdOrName(input.user);
  const userId = person?.id ?? input.user;
  const channel = await parts.conversations.resolve(input.channel);
  const typed = `${input.command} ${input.text}`.trim();
  const said = { channel, onlyFor: userId };
  parts.transcript.add({ ...said, ts: nextTs(parts.clock.now()), user: userId, text: typed });

  const triggerId = parts.triggers.create(userId, undefined, input.triggerId);
  const payload = {
    team_id: person?.team ?? TEAM.id,
    team_domain: person && person.team !== TEAM.id ? "elsewhere" : TEAM.domain,
    channel_id: channel,
    channel_name: parts.conversations.nameOf(channel),
    user_id: userId,
    user_name: person?.name ?? input.user,
    command: input.command,
    text: input.text,
    api_app_id: BOT.app,
    is_enterprise_install: "false",
    response_url: parts.responses.create(userId, channel),
    trigger_id: triggerId,
  };
  const result = { ...(await parts.delivery.send("slash_commands", payload)), triggerId };
  await showAnswer(result, typed, said, parts);
  return result;
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
