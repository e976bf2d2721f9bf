import { z } from "zod";
import type { EmulatedSlack } from "./emulator.ts";
import { BOT, PEOPLE } from "./people.ts";

const messageSchema = z.looseObject({
  ts: z.string(),
  user: z.string().optional(),
  text: z.string().optional(),
  subtype: z.string().optional(),
  blocks: z.array(z.unknown()).optional(),
  attachments: z.array(z.unknown()).optional(),
  edited: z.looseObject({ ts: z.string() }).optional(),
  reply_count: z.number().optional(),
  thread_ts: z.string().optional(),
  files: z.array(z.unknown()).optional(),
  metadata: z.unknown().optional(),
});
type EmulatedMessage = z.infer<typeof messageSchema>;
const listSchema = z.object({ messages: z.array(messageSchema) });

/** A message that only one person sees, or one that a person (not the bot) wrote: the emulator keeps neither. */
export interface ExtraMessage {
  readonly ts: string;
  readonly channel: string;
  readonly user: string;
  readonly text: string;
  readonly blocks?: unknown;
  readonly attachments?: readonly unknown[];
  readonly threadTs?: string | undefined;
  /** The person who alone sees it; null when everyone does. */
  readonly onlyFor: string | null;
  readonly editedTs?: string;
}

export interface TranscriptMessage {
  readonly ts: string;
  readonly user: string | null;
  readonly name: string;
  readonly text: string;
  readonly blocks: unknown;
  /** What unfurled links have become. */
  readonly attachments: readonly unknown[];
  readonly editedTs: string | null;
  readonly onlyFor: string | null;
  readonly files: readonly unknown[];
  /** What its author noted with it, which no person sees. */
  readonly metadata: unknown;
  readonly thread: readonly TranscriptMessage[];
}

/** A message as an interaction is told of it. */
export interface FoundMessage {
  readonly ts: string;
  readonly user: string;
  readonly text: string;
  readonly blocks: unknown;
  readonly threadTs: string | undefined;
  readonly editedTs: string | null;
  readonly isEphemeral: boolean;
  readonly onlyFor: string | null;
}

/** What a channel's window would show: messages with their threads, edits, files, and what one person alone sees. */
export class Transcript {
  readonly #slack: EmulatedSlack;
  #extras: ExtraMessage[] = [];
  /** The emulator's timestamps are whole seconds and a counter: which came first within one is known from here. */
  readonly #arrived = new Map<string, number>();

  constructor(slack: EmulatedSlack) {
    this.#slack = slack;
  }

  /** A message of the emulator's has just been posted. */
  arrived(ts: string, nowMs: number): void {
    this.#arrived.set(ts, Number(nextTs(nowMs)));
  }

  #at({ ts }: { readonly ts: string }): number {
    return this.#arrived.get(ts) ?? Number(ts);
  }

  add(message: ExtraMessage): void {
    this.#extras.push(message);
  }

  /** False when there is no such message of ours. */
  change(channel: string, ts: string, change: Partial<ExtraMessage>): boolean {
    const index = this.#extras.findIndex((extra) => extra.channel === channel && extra.ts === ts);
    const old = this.#extras[index];
    if (!old) return false;
    this.#extras[index] = { ...old, ...change };
    return true;
  }

  remove(channel: string, ts: string): boolean {
    const before = this.#extras.length;
    this.#extras = this.#extras.filter((extra) => extra.channel !== channel || extra.ts !== ts);
    return this.#extras.length < before;
  }

  /** Where a message of ours (not the emulator's) is. */
  channelOf(ts: string): string | undefined {
    return this.#extras.find((extra) => extra.ts === ts)?.channel;
  }

  async find(channel: string, ts: string): Promise<FoundMessage | undefined> {
    const extra = this.#extras.find((one) => one.channel === channel && one.ts === ts);
    if (extra) {
      const { user, text, blocks, threadTs, onlyFor, editedTs = null } = extra;
      return { ts, user, text, blocks, threadTs, editedTs, isEphemeral: onlyFor !== null, onlyFor };
    }
    const answer = await this.#slack.call("conversations.replies", { channel, ts }).catch(() => undefined);
    const list = listSchema.safeParse(answer);
    const message = list.success ? list.data.messages.find((one) => one.ts === ts) : undefined;
    if (!message) return undefined;
    return {
      ts,
      user: message.user ?? "",
      text: message.text ?? "",
      blocks: message.blocks ?? null,
      threadTs: message.thread_ts,
      editedTs: message.edited?.ts ?? null,
      isEphemeral: false,
      onlyFor: null,
    };
  }

  /** Oldest first. */
  async read(channel: string): Promise<readonly TranscriptMessage[]> {
    const history = await this.#slack.call("conversations.history", {
      channel,
      limit: 1000,
      include_all_metadata: true,
    });
    const own = listSchema.parse(history).messages.filter((message) => message.subtype !== "channel_name");
    const shown = await Promise.all(own.map(async (message) => this.#withThread(channel, message)));
    const extras = this.#extras.filter((extra) => extra.channel === channel && extra.threadTs === undefined);
    return [...shown, ...extras.map(ofExtra)].sort((a, b) => this.#at(a) - this.#at(b));
  }

  async #withThread(channel: string, message: EmulatedMessage): Promise<TranscriptMessage> {
    const extras = this.#extras.filter((extra) => extra.channel === channel && extra.threadTs === message.ts);
    let replies: readonly TranscriptMessage[] = [];
    if ((message.reply_count ?? 0) > 0) {
      const answer = await this.#slack.call("conversations.replies", {
        channel,
        ts: message.ts,
        include_all_metadata: true,
      });
      const all = listSchema.parse(answer).messages.filter((reply) => reply.ts !== message.ts);
      replies = all.map((reply) => ofEmulated(reply, []));
    }
    const thread = [...replies, ...extras.map(ofExtra)].sort((a, b) => this.#at(a) - this.#at(b));
    return ofEmulated(message, thread);
  }
}

function ofEmulated(message: EmulatedMessage, thread: readonly TranscriptMessage[]): TranscriptMessage {
  return {
    ts: message.ts,
    user: message.user ?? null,
    name: nameOf(message.user),
    text: message.text ?? "",
    blocks: message.blocks ?? null,
    attachments: message.attachments ?? [],
    editedTs: message.edited?.ts ?? null,
    onlyFor: null,
    files: message.files ?? [],
    metadata: message.metadata ?? null,
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
    attachments: extra.attachments ?? [],
    editedTs: extra.editedTs ?? null,
    onlyFor: extra.onlyFor,
    files: [],
    metadata: null,
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
