import type { webApi } from "@slack/bolt";
import type { Logger } from "pino";
import type { CommandServices } from "../../commands/services.ts";
import type { Database } from "../../db/connection.ts";
import { listPosts, listUnshown, type Post, savePost } from "../../db/posts.ts";
import type { RunView } from "../../src/engine/types.ts";
import { threadReplies } from "../../src/publish/slack-text.ts";
import type { Picture, Reply, Story } from "../../src/publish/story.ts";
import type { Clock } from "../../src/util/clock.ts";
import type { Redactor } from "../../src/util/redact.ts";
import { runPicture } from "../timeline.ts";
import { Backoff, isWorthSaying } from "./backoff.ts";
import { type Budget, BudgetSpent } from "./budget.ts";
import { retryAfterMsOf, troubleOf } from "./directory.ts";
import { type Content, isDefinite, type Messages, shutOutBy } from "./messages.ts";
import { Pictures } from "./pictures.ts";
import { blank, contentOf, HOPELESS_ID, hashOf, isHopeless, originOf, SURFACE, TELL_FOR_MS } from "./rows.ts";
import type { Stories } from "./stories.ts";

export interface PosterOptions {
  readonly db: Database;
  readonly client: webApi.WebClient;
  readonly budget: Budget;
  readonly services: CommandServices;
  readonly redact: Redactor;
  readonly log: Logger;
  readonly clock: Clock;
  readonly messages: Messages;
  readonly stories: Stories;
  /** Told, again and again, of a run whose message may not be posted in its channel. */
  readonly onShutOut: (run: RunView, why: string) => Promise<void>;
}

/** So many runs are looked at in one go, and the others after this, in ms. */
const LOOKED_AT = 30;
const LOOK_AGAIN_MS = 100;

/** In place of the id of a message that Slack does not name: files appear in a message of their own. */
const SHARED_ID = "shared";

interface Place {
  readonly channel: string;
  readonly ts: string;
}

/** Posts what is posted once: each run's message, and the replies in its thread in their order. */
export class Poster {
  readonly #options: PosterOptions;
  readonly #pictures: Pictures;
  readonly #backoff = new Backoff();

  constructor(options: PosterOptions) {
    this.#options = options;
    this.#pictures = new Pictures(options);
  }

  /**
   * The next run's message, else the next replies in a thread. Answers how long to wait, in ms, or null when there is
   * nothing to do.
   */
  async next(): Promise<number | null> {
    const { db, clock, services } = this.#options;
    const unshown = await listUnshown(db, SURFACE, "thread", clock.now() - TELL_FOR_MS);
    unshown.sort((a, b) => Number(a.messageId !== null) - Number(b.messageId !== null));
    const waits = unshown.map(({ runId }) => this.#backoff.wait(runId)).filter((wait) => wait > 0);
    const due = unshown.filter(({ runId }) => this.#backoff.wait(runId) === 0);
    let soonest: number | null = waits.length === 0 ? null : Math.min(...waits);
    // Hundreds may wait for their turn in one channel: the first of them tell as much as all.
    if (due.length > LOOKED_AT) soonest = Math.min(soonest ?? LOOK_AGAIN_MS, LOOK_AGAIN_MS);
    for (const { runId } of due.slice(0, LOOKED_AT)) {
      const run = await services.engine.run(runId);
      if (run === null) continue;
      const wait = await this.#tryOne(run);
      if (wait === 0) return 0;
      if (wait !== null) soonest = Math.min(soonest ?? wait, wait);
    }
    return soonest;
  }

  /** What Slack will not take of one run holds up no other. */
  async #tryOne(run: RunView): Promise<number | null> {
    try {
      const next = await this.#postOne(run);
      if (next === 0 || next === null) this.#backoff.worked(run.id);
      return next;
    } catch (error) {
      const pause = retryAfterMsOf(error);
      if (pause !== null) return this.#paused(run, error, pause);
      const times = this.#backoff.failed(run.id);
      if (isWorthSaying(times)) {
        this.#options.log.warn(
          { err: troubleOf(error), run: run.id, times },
          "Slack could not be told; it is tried again",
        );
      }
      await this.#tellShutOut(run, error);
      return this.#backoff.wait(run.id);
    }
  }

  /** Slack, or the bot's own budget, says when there is room again: nothing is wrong with the run. */
  #paused(run: RunView, error: unknown, pause: number): number {
    if (!(error instanceof BudgetSpent))
      this.#options.log.info({ run: run.id, pause }, "Slack asks to wait; it is told afterwards");
    return Math.ceil(pause);
  }

  /** Where the bot may not post nothing is seen of the run: whoever asked for it is told once. */
  async #tellShutOut(run: RunView, error: unknown): Promise<void> {
    const why = shutOutBy(error);
    if (why === null) return;
    const posts = await listPosts(this.#options.db, SURFACE, run.id);
    const message = posts.find(({ key }) => key === "message");
    if (message?.externalId == null) await this.#options.onShutOut(run, why);
  }

  /** 0 when something was posted; null when there was nothing to post. */
  async #postOne(run: RunView): Promise<number | null> {
    const { db, budget, stories } = this.#options;
    const posts = await listPosts(db, SURFACE, run.id);
    const channel = this.#channelOf(run, posts);
    const message = posts.find(({ key }) => key === "message");
    if (channel === null || isHopeless(message)) return await this.#shown(run);
    const busy = budget.wait("chat.postMessage", channel);
    if (busy > 0) return busy;
    const story = await stories.of(run);
    if (message?.externalId == null) return await this.#postMessage(story, message, channel);
    const known = new Map(posts.map((post) => [post.key, post]));
    const due = threadReplies(story).filter(({ key }) => known.get(key)?.externalId == null);
    const [next] = joined(due);
    if (next === undefined) return await this.#shown(run);
    const place = { channel, ts: message.externalId };
    const [reply] = next;
    if (reply?.pictures === undefined) return await this.#postReplies(story, next, known, place);
    return await this.#postPictures(story, reply, reply.pictures, known, place);
  }

  async #postMessage(story: Story, known: Post | undefined, channel: string): Promise<0> {
    const { run } = story;
    const content = contentOf(story);
    const post = { ...(known ?? blank(run.id, "message")), channel };
    if (await this.#settle(run, [post], channel, null)) return 0;
    const ts = await this.#post(run, [post], channel, content, null);
    const sent = { externalId: ts, sentHash: hashOf(content), sentRevision: run.revision, attempts: 0 };
    await this.#save({ ...post, ...sent });
    return 0;
  }

  async #postReplies(
    { run }: Story,
    replies: readonly Reply[],
    known: ReadonlyMap<string, Post>,
    { channel, ts }: Place,
  ): Promise<0> {
    const posts = replies.map(({ key }) => known.get(key) ?? { ...blank(run.id, key), channel });
    if (await this.#settle(run, posts, channel, ts)) return 0;
    const content = { text: replies.map(({ text }) => text).join("\n"), forms: [] };
    const externalId = await this.#post(run, posts, channel, content, ts);
    for (const post of posts) await this.#save({ ...post, externalId, attempts: 0 });
    return 0;
  }

  /** Several pictures in one message; where they cannot be shown, that is said instead. */
  async #postPictures(
    { run }: Story,
    { key, text }: Reply,
    pictures: readonly Picture[],
    known: ReadonlyMap<string, Post>,
    { channel, ts }: Place,
  ): Promise<number> {
    const { services, redact, log, clock, messages } = this.#options;
    const post = known.get(key) ?? { ...blank(run.id, key), channel };
    if (post.attempts > 0) {
      // It was seen as files when they came through, and as words when they did not.
      const names = pictures.map(({ name }) => name);
      const found =
        (await messages.findFiles(channel, names, run.createdAt, ts)) ??
        (await messages.find(channel, { of: run.uuid, key }, run.createdAt, ts));
      await this.#save({ ...post, externalId: found, attempts: 0 });
      return 0;
    }
    const busy = this.#pictures.wait(pictures.length);
    if (busy > 0) return busy;
    const draw = () => runPicture(run, { engine: services.engine, redact, log, now: clock.now() });
    const { refused, notes } = await this.#attempt([post], (before) =>
      this.#pictures.share({ channel, threadTs: ts, text, pictures }, draw, before),
    );
    // The picture of the time is a convenience: nobody misses it.
    const isDrawn = pictures.every(({ from }) => from === "timeline");
    if (refused === null || isDrawn) {
      await this.#save({ ...post, externalId: refused === null ? SHARED_ID : HOPELESS_ID, attempts: 0 });
      return 0;
    }
    const why =
      notes.length === pictures.length
        ? []
        : [
            `The screenshots of the failing tests could not be uploaded to Slack (${refused}); they lie with the bot.`,
          ];
    const content = { text: [...why, ...notes].join("\n"), forms: [] };
    const externalId = await this.#post(run, [post], channel, content, ts);
    await this.#save({ ...post, externalId, attempts: 0 });
    return 0;
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
      const mark = { of: run.uuid, key: post.key };
      const externalId = await this.#options.messages.find(channel, mark, run.createdAt, threadTs);
      await this.#save({ ...post, externalId, attempts: 0 });
    }
    return unsure.length > 0;
  }

  /** Posts what several rows stand for. */
  async #post(
    run: RunView,
    posts: readonly Post[],
    channel: string,
    content: Content,
    threadTs: string | null,
  ): Promise<string> {
    const marks = posts.map(({ key }) => ({ of: run.uuid, key }));
    const posted = await this.#attempt(posts, async (before) => {
      await before();
      return await this.#options.messages.post(channel, content, marks, threadTs);
    });
    return posted === "hopeless" ? HOPELESS_ID : posted.ts;
  }

  /** The attempt is written down before the call that cannot be undone, and stays so while nobody knows its outcome. */
  async #attempt<T>(posts: readonly Post[], act: (before: () => Promise<void>) => Promise<T>): Promise<T> {
    const note = async (attempts: number) => {
      for (const post of posts) await this.#save({ ...post, attempts });
    };
    try {
      return await act(() => note(1));
    } catch (error) {
      if (isDefinite(error)) await note(0);
      throw error;
    }
  }

  #channelOf(run: RunView, posts: readonly Post[]): string | null {
    const known = posts.find(({ key }) => key === "message")?.channel;
    return known ?? originOf(run) ?? this.#options.services.config().config.slack?.channel ?? null;
  }

  async #shown(run: RunView): Promise<null> {
    await this.#save({ ...blank(run.id, "thread"), sentRevision: run.revision });
    return null;
  }

  async #save(post: Post): Promise<void> {
    await savePost(this.#options.db, post, this.#options.clock.now());
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
