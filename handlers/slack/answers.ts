import { refusalText } from "../../commands/lib/refusal-text.ts";
import { toSlack } from "../../commands/lib/text.ts";
import type { CommandServices, Outcome } from "../../commands/services.ts";
import type { Outbox } from "../../src/engine/outbox.ts";
import type { Redactor } from "../../src/util/redact.ts";
import { directLane, type OutgoingBody, type OutgoingKind } from "./sender.ts";

/** Who asked, where, and how they can be answered. */
export interface Addressee {
  /** The same for a repeated delivery: each answer is sent once. */
  readonly key: string;
  readonly channel: string;
  readonly user: string;
  readonly responseUrl: string | null;
}

export interface AnswerOptions {
  readonly outbox: Outbox;
  readonly redact: Redactor;
  readonly services: Pick<CommandServices, "config">;
}

/** Puts a command's answers into the outbox, each once: refusals to their author only, changes to the channel. */
export async function sendAnswers(
  { outbox, redact, services }: AnswerOptions,
  { key, channel, user, responseUrl }: Addressee,
  outcome: Outcome,
): Promise<void> {
  const send = async <K extends OutgoingKind>(kind: K, lane: string, body: OutgoingBody<K>, part: string) =>
    await outbox.enqueue({
      surface: "slack",
      kind,
      lane,
      body: { ...body, text: redact.text(body.text) },
      dedupeKey: `slack:${key}/${part}`,
    });
  // What needs Slack's API may have to wait; what goes to a response address does not, nor behind it.
  const lane = responseUrl === null ? user : `response/${user}`;
  if (outcome.refused) {
    const text = `${toSlack(refusalText(outcome))} (\`${outcome.reasonCode}\`)`;
    return await send("reply", lane, { text, user, channel, responseUrl }, "reply");
  }
  const text = toSlack((isOwnConversation(channel) ? outcome.own : undefined) ?? outcome.text);
  if (outcome.audience === "channel") {
    await send("post", channel, { text, channel, responseUrl }, "post");
    // What is typed to the bot alone changes things for everybody all the same.
    const home = services.config().config.slack?.channel;
    if (isOwnConversation(channel) && home !== undefined)
      await send(
        "post",
        home,
        { text: toSlack(outcome.text), channel: home, responseUrl: null },
        "announced",
      );
  } else {
    const run = outcome.begun && outcome.run ? { unlessShown: outcome.run.id } : {};
    await send("reply", lane, { text, user, channel, responseUrl, ...run }, "reply");
  }
  for (const [index, told] of (outcome.tell ?? []).entries()) {
    const id = /^slack:(.+)$/.exec(told.person.id)?.[1];
    if (id === undefined) continue;
    await send("direct", directLane(id), { text: toSlack(told.text), user: id }, `tell-${index}`);
  }
}

/** A conversation with the bot, by its own id or the person's. */
function isOwnConversation(channel: string): boolean {
  return /^[DUW]/.test(channel);
}
