import { z } from "zod";
import { fromSlack } from "../../commands/lib/slack-text.ts";
import type { Circumstances } from "../../src/engine/inbox.ts";
import type { Dispatch } from "../dispatch.ts";
import type { Authority, SlackAsker } from "../roles.ts";
import type { Turn } from "../turnstile.ts";
import { type AnswerOptions, sendAnswers } from "./answers.ts";

/** https://docs.slack.dev/interactivity/implementing-slash-commands/#app_command_handling */
export const slashCommand = z.object({
  command: z.string().min(1).max(100),
  text: z.string().default(""),
  trigger_id: z.string().min(1).max(200),
  team_id: z.string(),
  user_id: z.string().min(1),
  user_name: z.string().default(""),
  channel_id: z.string(),
  response_url: z.string().optional(),
});
export type SlashCommand = z.infer<typeof slashCommand>;

/** An event's circumstances, and its place among those that change things. */
export interface InTurn extends Circumstances {
  readonly turn: Turn;
}

export interface SlackCommandOptions extends AnswerOptions {
  readonly dispatch: Dispatch;
  /**
   * Opens the form that the command asks for by what it leaves out, and gives up its place for that; false: carry it
   * out as it stands.
   */
  openForm?(command: SlashCommand, asker: SlackAsker, turn: Turn): Promise<boolean>;
  authority(asker: SlackAsker): Promise<Authority>;
}

export function askerOf(command: SlashCommand): SlackAsker {
  return {
    userId: command.user_id,
    teamId: command.team_id,
    userName: command.user_name === "" ? command.user_id : command.user_name,
  };
}

/** Carries a slash command out and puts the answers into the outbox, each once. */
export async function handleSlashCommand(
  options: SlackCommandOptions,
  command: SlashCommand,
  circumstances: InTurn,
): Promise<void> {
  const isFresh = !circumstances.late && circumstances.attempt === 1;
  if (isFresh && (await options.openForm?.(command, askerOf(command), circumstances.turn))) return;
  const dispatched = await options.dispatch({
    written: { text: fromSlack(command.text) },
    via: "slack",
    prefix: command.command,
    dedupeKey: `slack:${command.trigger_id}`,
    origin: { channel: command.channel_id },
    authority: () => options.authority(askerOf(command)),
    turn: circumstances.turn,
    late: circumstances.late,
    interrupted: circumstances.interrupted,
  });
  const { trigger_id: key, channel_id: channel, user_id: user } = command;
  const to = { key, channel, user, responseUrl: command.response_url ?? null };
  await sendAnswers(options, to, dispatched.outcome);
}
