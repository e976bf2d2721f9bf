import type { webApi } from "@slack/bolt";
import type { KnownBlock } from "@slack/types";
import type { Logger } from "pino";
import { z } from "zod";
import type { Send, Sent } from "../../src/engine/outbox.ts";
import type { Clock } from "../../src/util/clock.ts";
import { messageOf } from "../../src/util/errors.ts";
import { cutText } from "../../src/util/format.ts";
import { type Budget, demandRoom, withinBudget } from "./budget.ts";
import { retryAfterMsOf, slackErrorOf, troubleOf } from "./directory.ts";
import type { Mark, Messages } from "./messages.ts";

/** What the outbox sends to Slack. `text` is mrkdwn, escaped already. */
export const outgoing = {
  /** To the one who gave the command, seen by nobody else. */
  reply: z.object({
    text: z.string(),
    user: z.string(),
    channel: z.string(),
    responseUrl: z.string().nullable(),
    /** A run: when its message is there already, it has said the same. */
    unlessShown: z.number().optional(),
  }),
  /** To everyone in a channel; the response address is the way in where the bot is not a member. */
  post: z.object({ text: z.string(), channel: z.string(), responseUrl: z.string().nullable() }),
  /** To one person, in their own conversation with the bot. */
  direct: z.object({
    text: z.string(),
    user: z.string(),
    /** Block Kit as JSON; `[]` for words alone. */
    blocks: z.string().optional(),
    /** Said no more from then on, ms since 1970: what it is about is over. */
    staleAt: z.number().optional(),
  }),
} as const;

/**
 * What is said to a person in their own conversation with the bot has an order of its own: when Slack takes none of it,
 * the answers to what they ask do not wait behind it.
 */
export function directLane(user: string): string {
  return `dm/${user}`;
}

export type OutgoingKind = keyof typeof outgoing;
export type OutgoingBody<K extends OutgoingKind> = z.infer<(typeof outgoing)[K]>;

/** Slack cuts a text at 40,000 characters; nobody reads so much. */
const LONGEST_TEXT = 12_000;
const RESPONSE_TIMEOUT_MS = 5_000;

/** Faults of Slack's own that pass; everything else that Slack answers will be answered again. */
const PASSING = new Set([
  "internal_error",
  "fatal_error",
  "service_unavailable",
  "request_timeout",
  "team_added_to_org",
  "ratelimited",
  // Somebody may mend these while the message waits.
  "invalid_auth",
  "not_authed",
  "token_expired",
  "token_revoked",
  "account_inactive",
  "missing_scope",
]);
/** The bot cannot write there: another way may do. */
const NO_WAY_IN = new Set([
  "channel_not_found",
  "not_in_channel",
  "user_not_in_channel",
  "is_archived",
  "restricted_action",
  "ekm_access_denied",
]);

/** One attempt to send: `since` is when an earlier one may first have been made; null: there was none. */
interface Attempt {
  readonly mark: Mark;
  readonly since: number | null;
}
const OUTBOX = "outbox";

export interface SenderParts {
  readonly client: webApi.WebClient;
  readonly budget: Budget;
  readonly messages: Messages;
  /** Whether a run's message is in the channel. */
  readonly isShown: (runId: number, channel: string) => Promise<boolean>;
  readonly log: Logger;
  readonly clock: Clock;
}

/**
 * Sends what the outbox holds for Slack. A message to a channel or a person that may have been sent before is looked
 * for; what went to a response address cannot be, and a reply that its author sees twice does no harm.
 */
export function createSender(
  { client, budget, messages, isShown, log, clock }: SenderParts,
  fetchFn: typeof fetch = fetch,
): Send {
  const say = async (
    channel: string,
    text: string,
    mark: Mark,
    blocks: readonly KnownBlock[] = [],
  ): Promise<void> => {
    demandRoom(budget, "chat.postMessage", channel);
    await messages.say(channel, text, mark, blocks);
  };
  const byResponseUrl = async (url: string | null, type: "ephemeral" | "in_channel", text: string) => {
    if (url === null) return false;
    try {
      const answer = await fetchFn(url, {
        method: "POST",
        headers: { "content-type": "application/json; charset=utf-8" },
        body: JSON.stringify({ response_type: type, replace_original: false, text }),
        signal: AbortSignal.timeout(RESPONSE_TIMEOUT_MS),
        redirect: "error",
      });
      await answer.body?.cancel();
      return answer.ok;
    } catch (error) {
      log.debug({ err: error }, "a response address did not answer");
      return false;
    }
  };
  const reply = async (
    { text, user, channel, responseUrl, unlessShown }: OutgoingBody<"reply">,
    { mark }: Attempt,
  ): Promise<void> => {
    if (unlessShown !== undefined && (await isShown(unlessShown, channel))) return;
    if (await byResponseUrl(responseUrl, "ephemeral", text)) return;
    demandRoom(budget, "chat.postEphemeral");
    try {
      await withinBudget(budget, "chat.postEphemeral", null, () =>
        client.chat.postEphemeral({ channel, user, text }),
      );
    } catch (error) {
      if (!NO_WAY_IN.has(slackErrorOf(error) ?? "")) throw error;
      await say(user, text, mark);
    }
  };
  const post = async (
    { text, channel, responseUrl }: OutgoingBody<"post">,
    { mark, since }: Attempt,
  ): Promise<void> => {
    if (since !== null && (await messages.find(channel, mark, since, null)) !== null) return;
    try {
      await say(channel, text, mark);
    } catch (error) {
      if (!NO_WAY_IN.has(slackErrorOf(error) ?? "")) throw error;
      if (!(await byResponseUrl(responseUrl, "in_channel", text))) throw error;
    }
  };
  const direct = async (
    { text, user, blocks = "[]", staleAt }: OutgoingBody<"direct">,
    { mark, since }: Attempt,
  ): Promise<void> => {
    if (staleAt !== undefined && staleAt <= clock.now()) return;
    if (since !== null && (await messages.findDirect(user, mark, since)) !== null) return;
    await say(user, text, mark, JSON.parse(blocks) as KnownBlock[]);
  };
  return async ({ kind, body, id, createdAt, unsure }) => {
    const attempt: Attempt = { mark: { of: OUTBOX, key: id }, since: unsure ? createdAt : null };
    const cut = { ...body, text: cutText(String(body.text ?? ""), LONGEST_TEXT) };
    try {
      if (kind === "reply") await reply(outgoing.reply.parse(cut), attempt);
      else if (kind === "post") await post(outgoing.post.parse(cut), attempt);
      else if (kind === "direct") await direct(outgoing.direct.parse(cut), attempt);
      else return { ok: false, permanent: true, error: `unknown kind ${kind}` };
      return { ok: true };
    } catch (error) {
      const sent = judge(error);
      // Most replies go to response addresses, where no limit is: one that cannot keeps none of them back.
      return kind === "reply" && !sent.ok && !sent.permanent ? { ...sent, alone: true } : sent;
    }
  };
}

/** What a failed call means for the message. Throws what is worth another try soon. */
export function judge(error: unknown): Sent {
  const retryAfterMs = retryAfterMsOf(error);
  if (retryAfterMs !== null) return { ok: false, permanent: false, retryAfterMs, error: "rate limited" };
  if (error instanceof z.ZodError) return { ok: false, permanent: true, error: messageOf(error) };
  const said = slackErrorOf(error);
  if (said !== null && !PASSING.has(said)) return { ok: false, permanent: true, error: said };
  throw new Error(troubleOf(error), { cause: error });
}
