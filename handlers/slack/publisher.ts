import type { webApi } from "@slack/bolt";
import type { Logger } from "pino";
import type { CommandServices } from "../../commands/services.ts";
import type { Database } from "../../db/connection.ts";
import { listPosts, listStale, listUnshown, type Post, savePost, type Unshown } from "../../db/posts.ts";
import { Bell } from "../../src/engine/bell.ts";
import { type Clock, sleep } from "../../src/util/clock.ts";
import { messageOf } from "../../src/util/errors.ts";
import type { Redactor } from "../../src/util/redact.ts";
import { Backoff, isWorthSaying } from "./backoff.ts";
import type { Budget } from "./budget.ts";
import { retryAfterMsOf, troubleOf } from "./directory.ts";
import type { Messages } from "./messages.ts";
import { Poster, type PosterOptions } from "./poster.ts";
import { contentOf, hashOf, isHopeless, SURFACE, TELL_FOR_MS } from "./rows.ts";
import { Stories } from "./stories.ts";

export interface PublisherOptions {
  readonly db: Database;
  readonly client: webApi.WebClient;
  readonly budget: Budget;
  readonly messages: Messages;
  readonly services: CommandServices;
  readonly redact: Redactor;
  readonly log: Logger;
  readonly clock: Clock;
  readonly onShutOut: PosterOptions["onShutOut"];
}

export interface Publisher {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Changes of one run within this time become one edit, in ms. */
const GATHER_MS = 300;
/** Between two edits that tell of progress, over all runs, in ms: they never use up the minute's calls. */
const PROGRESS_APART_MS = 2_000;
/** Of the minute's edits, how many progress leaves to what has ended. */
const SPARE_EDITS = 20;
/** Times in a message are not older than this while nothing else happens, in ms. */
const STALE_AFTER_MS = 20_000;
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
  readonly #poster: Poster;
  readonly #backoff = new Backoff();
  readonly #stopping = new AbortController();
  readonly #bell = new Bell();
  #loops: Promise<unknown> = Promise.resolve();
  #off: () => void = () => {};
  #lastProgress = 0;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#messages = options.messages;
    this.#stories = new Stories(options.services, options.clock);
    this.#poster = new Poster({ ...options, stories: this.#stories });
  }

  async start(): Promise<void> {
    this.#off = this.#options.services.engine.onChange((change) => {
      // What becomes of a slot changes what a run has left standing there.
      if (change.type === "run" || change.type === "resource") this.#bell.ring(SURFACE);
    });
    this.#loops = Promise.all([this.#loop(() => this.#poster.next()), this.#loop(() => this.#editNext())]);
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

  /** The next edit of a run's message: what has ended first, then what waits longest, then times that went stale. */
  async #editNext(): Promise<number | null> {
    const { db, clock, budget } = this.#options;
    const now = clock.now();
    const unshown = await listUnshown(db, SURFACE, "message", now - TELL_FOR_MS);
    const due = unshown.filter(
      ({ runId, messageId }) => messageId !== null && this.#backoff.wait(runId) === 0,
    );
    const ended = due.filter(({ endedAt }) => endedAt !== null).sort(byEnd)[0];
    if (ended) {
      const wait = budget.wait("chat.update");
      return wait > 0 ? wait : await this.#tryEdit(ended);
    }
    const stale = { since: now - KEPT_FOR_MS, before: now - STALE_AFTER_MS };
    const next = due.sort(bySent)[0] ?? (await this.#stale(stale)).sort(bySent)[0];
    if (!next) return unshown.length > due.length ? GATHER_MS : null;
    // Each run that is under way will end: there must be room to say so at once.
    const spare = Math.max(SPARE_EDITS, unshown.filter(({ endedAt }) => endedAt === null).length);
    const wait = Math.max(
      budget.wait("chat.update", null, { spare }),
      this.#lastProgress + PROGRESS_APART_MS - now,
    );
    if (wait > 0) return Math.min(wait, GATHER_MS);
    await this.#tryEdit(next);
    return GATHER_MS;
  }

  async #stale(times: { since: number; before: number }): Promise<Unshown[]> {
    const stale = await listStale(this.#options.db, SURFACE, times);
    return stale.filter(({ runId }) => this.#backoff.wait(runId) === 0);
  }

  /** What Slack will not take of one run holds up no other. */
  async #tryEdit(next: Unshown): Promise<0> {
    try {
      await this.#edit(next);
      this.#backoff.worked(next.runId);
    } catch (error) {
      // The budget keeps a pause that Slack asks for: nothing is wrong with the run.
      if (retryAfterMsOf(error) !== null) return 0;
      const { log } = this.#options;
      const times = this.#backoff.failed(next.runId);
      if (isWorthSaying(times)) {
        const facts = { err: troubleOf(error), run: next.runId, times };
        log.warn(facts, "a message in Slack could not be edited; it is tried again");
      }
    }
    return 0;
  }

  async #edit({ runId }: Unshown): Promise<void> {
    const run = await this.#options.services.engine.run(runId);
    const [posts, story] = await Promise.all([
      listPosts(this.#options.db, SURFACE, runId),
      run === null ? null : this.#stories.of(run),
    ]);
    const post = posts.find(({ key }) => key === "message");
    if (run === null || story === null || !post?.externalId || post.channel === null) return;
    const content = contentOf(story);
    const sentHash = hashOf(content);
    if (sentHash !== post.sentHash && !isHopeless(post)) {
      if (run.endedAt === null) this.#lastProgress = this.#options.clock.now();
      await this.#messages.edit(post.channel, post.externalId, content);
    }
    await this.#save({ ...post, sentHash, sentRevision: run.revision });
  }

  async #save(post: Post): Promise<void> {
    await savePost(this.#options.db, post, this.#options.clock.now());
  }
}

function byEnd(a: Unshown, b: Unshown): number {
  return (a.endedAt ?? 0) - (b.endedAt ?? 0);
}

function bySent(a: Unshown, b: Unshown): number {
  return a.sentAt - b.sentAt;
}
