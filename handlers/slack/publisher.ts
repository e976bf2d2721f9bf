import { createHash } from "node:crypto";
import type { webApi } from "@slack/bolt";
import type { Logger } from "pino";
import type { CommandServices } from "../../commands/services.ts";
import type { Database } from "../../db/connection.ts";
import { listPosts, listStale, listUnshown, type Post, savePost, type Unshown } from "../../db/posts.ts";
import { Bell } from "../../src/engine/bell.ts";
import type { RunView } from "../../src/engine/types.ts";
import { planBlocks, sectionBlocks } from "../../src/publish/slack-blocks.ts";
import { messageText, threadReplies } from "../../src/publish/slack-text.ts";
import type { Reply, Story } from "../../src/publish/story.ts";
import { type Clock, sleep } from "../../src/util/clock.ts";
import { messageOf } from "../../src/util/errors.ts";
import type { Redactor } from "../../src/util/redact.ts";
import type { Budget } from "./budget.ts";
import { type Content, isDefinite, Messages } from "./messages.ts";
import { Stories } from "./stories.ts";

export interface PublisherOptions {
  readonly db: Database;
  readonly client: webApi.WebClient;
  readonly budget: Budget;
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
const GATHER_MS = 300;
/** Between two edits that tell of progress, over all runs, in ms: they never use up the minute's calls. */
const PROGRESS_APART_MS = 2_000;
/** The share of the minute's edits that progress may use: what has ended goes first. */
const PROGRESS_SHARE = 0.6;
/** Times in a message are not older than this while nothing else happens, in ms. */
const STALE_AFTER_MS = 20_000;
/** Runs that ended longer ago are not told of any more after a restart, in ms. */
const TELL_FOR_MS = 24 * 3_600_000;
/** Times left of kept environments are kept up to date for so long, in ms. */
const KEPT_FOR_MS = 7 * 86_400_000;
const LONGEST_PAUSE_MS = 30_000;
/** Without a change, in ms. */
const LOOK_EVERY_MS = 5_000;

/**
 * Shows runs in Slack: one message each, edited in place, and replies in its thread. It reads run state and
 * compares revisions; no step ever waits for it, and states that were passed meanwhile are never sent.
 *
 * Two loops, since Slack limits posting and editing each by itself: a long thread delays no message's last edit.
 */
export function createSlackPublisher(options: PublisherOptions): Publisher {
  return new SlackPublisher(options);
}

class SlackPublisher implements Publisher {
  readonly #options: PublisherOptions;
  readonly #messages: Messages;
  readonly #stories: Stories;
  readonly #stopping = new AbortController();
  readonly #bell = new Bell();
  #loops: Promise<unknown> = Promise.resolve();
  #off: () => void = () => {};
  #lastProgress = 0;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#messages = new Messages(options);
    this.#stories = new Stories(options.services, options.clock);
  }

  async start(): Promise<void> {
    this.#off = this.#options.services.engine.onChange((change) => {
      if (change.type === "run") this.#bell.ring(SURFACE);
    });
    this.#loops = Promise.all([this.#loop(() => this.#postNext()), this.#loop(() => this.#editNext())]);
  }

  async stop(): Promise<void> {
    this.#off();
    this.#stopping.abort();
    this.#bell.ring(SURFACE);
    await this.#loops;
  }

  /** @param turn does one thing; answers how long to wait, in ms, or null when there is nothing to do */
  async #loop(turn: () => Promise<number | null>): Promise<void> {
    const { signal } = this.#stopping;
    let failures = 0;
    while (!signal.aborted) {
      const change = this.#bell.listen(SURFACE);
      try {
        const wait = await turn();
        failures = 0;
        if (wait === null) {
          await Promise.race([change.rung, sleep(LOOK_EVERY_MS, signal)]);
          await sleep(GATHER_MS, signal);
        } else if (wait > 0) await sleep(Math.min(wait, LOOK_EVERY_MS), signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#options.log.warn({ err: messageOf(error) }, "Slack could not be told; it is tried again");
        await sleep(Math.min(500 * 2 ** failures++, LONGEST_PAUSE_MS), signal);
      } finally {
        change.stop();
      }
    }
  }

  /** The next run's message, else the next replies in a thread. */
  async #postNext(): Promise<number | null> {
    const { db, clock, budget } = this.#options;
    const unshown = await listUnshown(db, SURFACE, "thread", clock.now() - TELL_FOR_MS);
    unshown.sort((a, b) => Number(a.messageId !== null) - Number(b.messageId !== null));
    let wait: number | null = null;
    for (const { runId } of unshown) {
      const run = await this.#options.services.engine.run(runId);
      if (run === null) continue;
      const posts = await listPosts(db, SURFACE, run.id);
      const channel = this.#channelOf(run, posts);
      const busy = channel === null ? 0 : budget.wait("chat.postMessage", channel);
      if (busy > 0) wait = Math.min(wait ?? busy, busy);
      else if (await this.#postOne(run, posts, channel)) return 0;
    }
    return wait;
  }

  /** True when something was posted. */
  async #postOne(run: RunView, posts: readonly Post[], channel: string | null): Promise<boolean> {
    const message = posts.find(({ key }) => key === "message");
    if (channel === null || isHopeless(message)) {
      await this.#shown(run, "thread");
      return false;
    }
    const story = await this.#stories.of(run);
    if (message?.externalId == null) {
      await this.#postMessage(story, message, channel);
      return true;
    }
    const known = new Map(posts.map((post) => [post.key, post]));
    const due = threadReplies(story).filter(({ key }) => known.get(key)?.externalId == null);
    const [next] = joined(due);
    if (next === undefined) {
      await this.#shown(run, "thread");
      return false;
    }
    await this.#postReplies(story, next, known, { channel, ts: message.externalId });
    return true;
  }

  async #postMessage(story: Story, known: Post | undefined, channel: string): Promise<void> {
    const { run } = story;
    const content = contentOf(story);
    const post = { ...(known ?? blank(run.id, "message")), channel };
    const found = await this.#settle(run, [post], channel, null);
    if (found) return;
    const ts = await this.#post(run, [post], channel, content, null);
    const sent = { externalId: ts, sentHash: hashOf(content), sentRevision: run.revision, attempts: 0 };
    await this.#save({ ...post, ...sent });
  }

  async #postReplies(
    { run }: Story,
    replies: readonly Reply[],
    known: ReadonlyMap<string, Post>,
    { channel, ts }: { channel: string; ts: string },
  ): Promise<void> {
    const posts = replies.map(({ key }) => known.get(key) ?? { ...blank(run.id, key), channel });
    if (await this.#settle(run, posts, channel, ts)) return;
    const content = { text: replies.map(({ text }) => text).join("\n"), forms: [] };
    const externalId = await this.#post(run, posts, channel, content, ts);
    for (const post of posts) await this.#save({ ...post, externalId, attempts: 0 });
  }

  /**
   * Looks for messages of which nobody heard whether they were posted. True when there was such a one: what is to be
   * posted has changed by it.
   */
  async #settle(
    run: RunView,
    posts: readonly Post[],
    channel: string,
    threadTs: string | null,
  ): Promise<boolean> {
    const unsure = posts.filter(({ attempts }) => attempts > 0);
    for (const post of unsure) {
      const mark = { run: run.uuid, key: post.key };
      const externalId = await this.#messages.find(channel, mark, run.createdAt, threadTs);
      await this.#save({ ...post, externalId, attempts: 0 });
    }
    return unsure.length > 0;
  }

  /** Posts what several rows stand for; the attempt is written down before it is made. */
  async #post(
    run: RunView,
    posts: readonly Post[],
    channel: string,
    content: Content,
    threadTs: string | null,
  ): Promise<string> {
    for (const post of posts) await this.#save({ ...post, attempts: 1 });
    try {
      const marks = posts.map(({ key }) => ({ run: run.uuid, key }));
      const posted = await this.#messages.post(channel, content, marks, threadTs);
      return posted === "hopeless" ? HOPELESS_ID : posted.ts;
    } catch (error) {
      if (isDefinite(error)) for (const post of posts) await this.#save({ ...post, attempts: 0 });
      throw error;
    }
  }

  /** The next edit of a run's message: what has ended first, then what waits longest, then times that went stale. */
  async #editNext(): Promise<number | null> {
    const { db, clock, budget } = this.#options;
    const now = clock.now();
    const unshown = await listUnshown(db, SURFACE, "message", now - TELL_FOR_MS);
    const due = unshown.filter(({ messageId }) => messageId !== null);
    const ended = due.filter(({ endedAt }) => endedAt !== null).sort(byEnd)[0];
    if (ended) {
      const wait = budget.wait("chat.update");
      return wait > 0 ? wait : await this.#edit(ended);
    }
    const stale = { since: now - KEPT_FOR_MS, before: now - STALE_AFTER_MS };
    const next = due.sort(bySent)[0] ?? (await listStale(db, SURFACE, stale)).sort(bySent)[0];
    if (!next) return null;
    const wait = Math.max(
      budget.wait("chat.update", null, PROGRESS_SHARE),
      this.#lastProgress + PROGRESS_APART_MS - now,
    );
    if (wait > 0) return Math.min(wait, GATHER_MS);
    if ((await this.#edit(next)) === 0) return 0;
    return GATHER_MS;
  }

  async #edit({ runId }: Unshown): Promise<number> {
    const run = await this.#options.services.engine.run(runId);
    const [posts, story] = await Promise.all([
      listPosts(this.#options.db, SURFACE, runId),
      run === null ? null : this.#stories.of(run),
    ]);
    const post = posts.find(({ key }) => key === "message");
    if (run === null || story === null || !post?.externalId || post.channel === null) return 0;
    const content = contentOf(story);
    const sentHash = hashOf(content);
    const isNew = sentHash !== post.sentHash && !isHopeless(post);
    if (isNew) {
      if (run.endedAt === null) this.#lastProgress = this.#options.clock.now();
      await this.#messages.edit(post.channel, post.externalId, content);
    }
    await this.#save({ ...post, sentHash, sentRevision: run.revision });
    return 0;
  }

  #channelOf(run: RunView, posts: readonly Post[]): string | null {
    const known = posts.find(({ key }) => key === "message")?.channel;
    return known ?? originOf(run) ?? this.#options.services.config().config.slack?.channel ?? null;
  }

  async #shown(run: RunView, key: "thread"): Promise<void> {
    await this.#save({ ...blank(run.id, key), sentRevision: run.revision });
  }

  async #save(post: Post): Promise<void> {
    await savePost(this.#options.db, post, this.#options.clock.now());
  }
}

/** In place of an id, where Slack says that the message can never be. */
const HOPELESS_ID = "refused";

function isHopeless(post: Post | undefined): boolean {
  return post?.externalId === HOPELESS_ID;
}

function contentOf(story: Story): Content {
  return { text: messageText(story), forms: [planBlocks(story), sectionBlocks(story)] };
}

function byEnd(a: Unshown, b: Unshown): number {
  return (a.endedAt ?? 0) - (b.endedAt ?? 0);
}

function bySent(a: Unshown, b: Unshown): number {
  return a.sentAt - b.sentAt;
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
function originOf(run: RunView): string | null {
  const origin = run.input.origin;
  const channel =
    typeof origin === "object" && origin !== null && "channel" in origin ? origin.channel : null;
  return typeof channel === "string" ? channel : null;
}

function blank(runId: number, key: string): Post {
  return {
    surface: SURFACE,
    runId,
    key,
    channel: null,
    externalId: null,
    sentHash: null,
    sentRevision: 0,
    attempts: 0,
  };
}

function hashOf(content: Content): string {
  return createHash("sha256").update(JSON.stringify(content)).digest("hex").slice(0, 32);
}
