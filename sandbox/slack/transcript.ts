import { z } from "zod";
import type { EmulatedSlack } from "./emulator.ts";
import { BOT, PEOPLE } from "./people.ts";

const messageSchema = z.looseObject({
  ts: z.string(),
  user: z.string().optional(),
  text: z.string().optional(),
  subtype: z.string().optional(),
  blocks: z.array(z.unknown()).optional(),
  edited: z.looseObject({ ts: z.string() }).optional(),
  reply_count: z.number().optional(),
  files: z.array(z.unknown()).optional(),
});
const listSchema = z.object({ messages: z.array(messageSchema) });

/** A message that only one person sees, or one that a person (not the bot) wrote: the emulator keeps neither. */
export interface ExtraMessage {
  readonly ts: string;
  readonly channel: string;
  readonly user: string;
  readonly text: string;
  readonly blocks?: unknown;
  readonly threadTs?: string | undefined;
  /** The person who alone sees it; null when everyone does. */
  readonly onlyFor: string | null;
}

export interface TranscriptMessage {
  readonly ts: string;
  readonly user: string | null;
  readonly name: string;
  readonly text: string;
  readonly blocks: unknown;
  readonly editedTs: string | null;
  readonly onlyFor: string | null;
  readonly files: readonly unknown[];
  readonly thread: readonly TranscriptMessage[];
}

/** What a channel's window would show: messages with their threads, edits, files, and what one person alone sees. */
export class Transcript {
  readonly #slack: EmulatedSlack;
  readonly #extras: ExtraMessage[] = [];

  constructor(slack: EmulatedSlack) {
    this.#slack = slack;
  }

  add(message: ExtraMessage): void {
    this.#extras.push(message);
  }

  /** Oldest first. */
  async read(channel: string): Promise<readonly TranscriptMessage[]> {
    const history = await this.#slack.call("conversations.history", { channel, limit: 1000 });
    const own = listSchema.parse(history).messages.filter((message) => message.subtype !== "channel_name");
    const shown = await Promise.all(own.map(async (message) => this.#withThread(channel, message)));
    const extras = this.#extras.filter((extra) => extra.channel === channel && extra.threadTs === undefined);
    return [...shown, ...extras.map(ofExtra)].sort((a, b) => Number(a.ts) - Number(b.ts));
  }

  async #withThread(channel: string, message: z.infer<typeof messageSchema>): Promise<TranscriptMessage> {
    const extras = this.#extras.filter((extra) => extra.channel === channel && extra.threadTs === message.ts);
    let replies: readonly TranscriptMessage[] = [];
    if ((message.reply_count ?? 0) > 0) {
      const answer = await this.#slack.call("conversations.replies", { channel, ts: message.ts });
      const all = listSchema.parse(answer).messages.filter((reply) => reply.ts !== message.ts);
      replies = all.map((reply) => ofEmulated(reply, []));
    }
    const thread = [...replies, ...extras.map(ofExtra)].sort((a, b) => Number(a.ts) - Number(b.ts));
    return ofEmulated(message, thread);
  }
}

function ofEmulated(
  message: z.infer<typeof messageSchema>,
  thread: readonly TranscriptMessage[],
): TranscriptMessage {
  return {
    ts: message.ts,
    user: message.user ?? null,
    name: nameOf(message.user),
    text: message.text ?? "",
    blocks: message.blocks ?? null,
    editedTs: message.edited?.ts ?? null,
    onlyFor: null,
    files: message.files ?? [],
    thread,
  };
}

function ofExtra(extra: ExtraMessage): TranscriptMessage {
  return {
    ts: extra.ts,
    user: extra.user,
    name: nameOf(extra.user),
    text: extra.text,
    blocks: extra.blocks ?? null,
    editedTs: null,
    onlyFor: extra.onlyFor,
    files: [],
    thread: [],
  };
}

function nameOf(user: string | undefined): string {
  if (user === BOT.user) return BOT.name;
  return PEOPLE.find((person) => person.id === user)?.name ?? user ?? "slack";
}

let lastTs = 0;

/** A message's timestamp, later than every one before. */
export function nextTs(nowMs: number): string {
  lastTs = Math.max(lastTs + 1, Math.floor(nowMs * 1000));
  return `${Math.floor(lastTs / 1e6)}.${String(lastTs % 1e6).padStart(6, "0")}`;
}
