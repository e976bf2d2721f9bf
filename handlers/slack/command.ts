import { z } from "zod";
import { refusalText } from "../../commands/lib/refusal-text.ts";
import { fromSlack } from "../../commands/lib/slack-text.ts";
import { toSlack } from "../../commands/lib/text.ts";
import type { Circumstances } from "../../src/engine/inbox.ts";
import type { Outbox } from "../../src/engine/outbox.ts";
import type { Redactor } from "../../src/util/redact.ts";
import type { Dispatch, Dispatched } from "../dispatch.ts";
import type { Authority, SlackAsker } from "../roles.ts";
import type { OutgoingBody, OutgoingKind } from "./sender.ts";

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
  turn(): Promise<void>;
}

export interface SlackCommandOptions {
  readonly dispatch: Dispatch;
  readonly outbox: Outbox;
  readonly redact: Redactor;
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
  await answer(options, command, dispatched);
}

async function answer(
  { outbox, redact }: SlackCommandOptions,
  command: SlashCommand,
  { outcome }: Dispatched,
): Promise<void> {
  const send = async <K extends OutgoingKind>(kind: K, lane: string, body: OutgoingBody<K>, key: string) =>
    await outbox.enqueue({
      surface: "slack",
      kind,
      lane,
      body: { ...body, text: redact.text(body.text) },
      dedupeKey: `slack:${command.trigger_id}/${key}`,
    });
  const { channel_id: channel, user_id: user } = command;
  const responseUrl = command.response_url ?? null;
  if (outcome.refused) {
    const text = `${toSlack(refusalText(outcome))} (\`${outcome.reasonCode}\`)`;
    return await send("reply", user, { text, user, channel, responseUrl }, "reply");
  }
  const text = toSlack(outcome.text);
  if (outcome.audience === "channel") await send("post", channel, { text, channel, responseUrl }, "post");
  else await send("reply", user, { text, user, channel, responseUrl }, "reply");
  for (const [index, told] of (outcome.tell ?? []).entries()) {
    const id = /^slack:(.+)$/.exec(told.person.id)?.[1];
    if (id === undefined) continue;
    await send("direct", id, { text: toSlack(told.text), user: id }, `tell-${index}`);
  }
}
