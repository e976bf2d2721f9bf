import { createHash } from "node:crypto";
import type { webApi } from "@slack/bolt";
import type { Logger } from "pino";
import type { CommandServices } from "../../commands/services.ts";
import type { Database } from "../../db/connection.ts";
import { listPosts, listUnshown, type Post, savePost } from "../../db/posts.ts";
import type { RunView } from "../../src/engine/types.ts";
import { messageText, threadReplies } from "../../src/publish/slack-text.ts";
import { hasEnded, type Reply, type Story } from "../../src/publish/story.ts";
import { type Clock, sleep } from "../../src/util/clock.ts";
import { messageOf } from "../../src/util/errors.ts";
import type { Redactor } from "../../src/util/redact.ts";
import { Pace } from "./pace.ts";

export interface PublisherOptions {
  readonly db: Database;
  readonly client: webApi.WebClient;
  readonly services: CommandServices;
  readonly redact: Redactor;
  readonly log: Logger;
  readonly clock: Clock;
}

export interface Publisher {
  start(): Promise<void>;
  stop(): Promise<void>;
}

const SURFACE = "slack";
/** Changes of one run within this time become one edit, in ms. */
const GATHER_MS = 500;
/** Runs that ended longer ago are not told of any more after a restart, in ms. */
const TELL_FOR_MS = 24 * 3_600_000;
const TAIL_LINES = 15;
/** Slack refuses to update a message with more than 4,000 characters. */
const LONGEST_TEXT = 3_900;
/** Answers of Slack that no repetition changes. */
const HOPELESS = new Set([
  "channel_not_found",
  "not_in_channel",
  "is_archived",
  "message_not_found",
  "cant_update_message",
  "restricted_action",
]);

/**
 * Shows runs in Slack: one message each, edited in place, and replies in its thread. It reads run state and
 * compares revisions; no step ever waits for it, and states that were passed meanwhile are never sent.
 */
export function createSlackPublisher(options: PublisherOptions): Publisher {
  return new SlackPublisher(options);
}

class SlackPublisher implements Publisher {
  readonly #options: PublisherOptions;
  readonly #posting = new Pace(1_000);
  readonly #editing = new Pace(1_200);
  readonly #stopping = new AbortController();
  #wake: (() => void) | undefined;
  #loop: Promise<void> = Promise.resolve();
  #off: () => void = () => {};

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#off = this.#options.services.engine.onChange((change) => {
      if (change.type === "run") this.#wake?.();
    });
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#off();
    this.#stopping.abort();
    this.#wake?.();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    let pause = GATHER_MS;
    while (!signal.aborted) {
      try {
        const shown = await this.#round();
        pause = GATHER_MS;
        if (shown === 0) await this.#sleepUntilChange();
      } catch (error) {
        this.#options.log.warn({ err: messageOf(error) }, "Slack could not be told; it is tried again");
        pause = Math.min(pause * 2, 30_000);
      }
      await sleep(Math.max(pause, this.#retryAfter()), signal);
    }
  }

  #retryAfter(): number {
    return Math.max(this.#posting.pausedFor(), this.#editing.pausedFor());
  }

  async #sleepUntilChange(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, 5_000);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }

  /** Brings what is shown up to date, once for every run that has changed; ended ones first. */
  async #round(): Promise<number> {
    const { db, clock, services } = this.#options;
    const ids = await listUnshown(db, SURFACE, clock.now() - TELL_FOR_MS);
    const runs = (await Promise.all(ids.map((id) => services.engine.run(id)))).filter((run) => run !== null);
    runs.sort((a, b) => Number(hasEnded(b)) - Number(hasEnded(a)));
    for (const run of runs) {
      if (this.#stopping.signal.aborted) break;
      await this.#show(run);
    }
    return runs.length;
  }

  async #show(run: RunView): Promise<void> {
    const { db, services } = this.#options;
    const story = await this.#story(run);
    const posts = await listPosts(db, SURFACE, run.id);
    const message = posts.find((post) => post.key === "message");
    const channel = message?.channel ?? channelOf(run) ?? services.config().config.slack?.channel ?? null;
    if (channel === null)
      return await this.#note(run, { ...blank(run.id, "message"), sentRevision: run.revision });
    const ts = await this.#message(run, story, message, channel);
    if (ts === null) return;
    const sent = new Set(posts.map((post) => post.key));
    for (const replies of joined(threadReplies(story).filter(({ key }) => !sent.has(key)))) {
      const answer = await this.#post(channel, this.#text(replies.map(({ text }) => text).join("\n")), ts);
      if (answer === null) return;
      for (const { key } of replies)
        await this.#note(run, { ...blank(run.id, key), channel, externalId: answer });
    }
    // Only now is everything shown: a crash before this shows the run again, and finds its replies sent.
    await this.#note(run, {
      ...blank(run.id, "message"),
      channel,
      externalId: ts,
      sentHash: hashOf(this.#text(messageText(story))),
      sentRevision: run.revision,
    });
  }

  async #message(
    run: RunView,
    story: Story,
    known: Post | undefined,
    channel: string,
  ): Promise<string | null> {
    const text = this.#text(messageText(story));
    if (known?.externalId == null) {
      const ts = await this.#post(channel, text);
      if (ts === null) await this.#note(run, { ...blank(run.id, "message"), sentRevision: run.revision });
      // At once, so that a crash does not post it a second time.
      else await this.#note(run, { ...blank(run.id, "message"), channel, externalId: ts });
      return ts;
    }
    if (known.sentHash !== hashOf(text)) await this.#edit(channel, known.externalId, text);
    return known.externalId;
  }

  async #post(channel: string, text: string, thread?: string): Promise<string | null> {
    await this.#posting.turn(channel, this.#stopping.signal);
    const arguments_ = {
      channel,
      text,
      unfurl_links: false,
      unfurl_media: false,
      ...(thread !== undefined && { thread_ts: thread }),
    };
    const answer = await this.#call(this.#posting, () => this.#options.client.chat.postMessage(arguments_));
    return answer?.ts ?? null;
  }

  async #edit(channel: string, ts: string, text: string): Promise<void> {
    await this.#editing.turn("all", this.#stopping.signal);
    await this.#call(this.#editing, () => this.#options.client.chat.update({ channel, ts, text }));
  }

  /** Null when Slack says that it will never be possible; everything else is tried again in the next round. */
  async #call<T>(pace: Pace, call: () => Promise<T>): Promise<T | null> {
    this.#stopping.signal.throwIfAborted();
    try {
      return await call();
    } catch (error) {
      const { retryAfter, data } = error as { retryAfter?: number; data?: { error?: string } };
      if (typeof retryAfter === "number") pace.pause(retryAfter * 1_000);
      if (data?.error === undefined || !HOPELESS.has(data.error)) throw error;
      this.#options.log.error(
        { error: data.error },
        "Slack refuses the run's message; invite the bot to the channel",
      );
      return null;
    }
  }

  #text(text: string): string {
    const clean = this.#options.redact.text(text);
    return clean.length <= LONGEST_TEXT ? clean : `${clean.slice(0, LONGEST_TEXT)} …`;
  }

  async #note(run: RunView, post: Post): Promise<void> {
    await savePost(this.#options.db, { ...post, runId: run.id }, this.#options.clock.now());
  }

  async #story(run: RunView): Promise<Story> {
    const { engine } = this.#options.services;
    const steps = await engine.steps(run.id);
    const tails = new Map<string, readonly string[]>();
    for (const step of steps.filter((step) => step.state === "failed")) {
      const tail = step.error?.fields?.tail;
      tails.set(step.path, Array.isArray(tail) ? tail.slice(-TAIL_LINES).map(String) : []);
    }
    return { run, steps, tails, now: this.#options.clock.now() };
  }
}

/** Brief replies that stand together share one message: the more there is to tell, the fewer messages it takes. */
function joined(replies: readonly Reply[]): Reply[][] {
  const groups: Reply[][] = [];
  for (const reply of replies) {
    const last = groups.at(-1);
    if (reply.brief && last?.every(({ brief }) => brief)) last.push(reply);
    else groups.push([reply]);
  }
  return groups;
}

/** Where the run was asked for, when that was a channel. */
function channelOf(run: RunView): string | null {
  const origin = run.input.origin;
  const channel =
    typeof origin === "object" && origin !== null && "channel" in origin ? origin.channel : null;
  return typeof channel === "string" ? channel : null;
}

function blank(runId: number, key: string): Post {
  return { surface: SURFACE, runId, key, channel: null, externalId: null, sentHash: null, sentRevision: 0 };
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
