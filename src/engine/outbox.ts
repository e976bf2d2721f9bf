import type { Logger } from "pino";
import type { Database } from "../../db/connection.ts";
import {
  insertOutgoing,
  listUnsent,
  markFailed,
  markSent,
  type Outgoing,
  postpone,
  pruneOutbox,
} from "../../db/outbox.ts";
import { type Clock, sleep } from "../util/clock.ts";
import { messageOf } from "../util/errors.ts";
import type { JsonObject } from "../util/json.ts";

/**
 * Messages that are sent once: replies, notices, words to one person. (What a surface shows of a run and edits
 * in place is kept elsewhere and may coalesce; these may not.)
 *
 * Written down first, sent afterwards, in order within a *lane* (a channel, a person). Whoever enqueues never
 * waits for the surface. A message may arrive twice when the process dies between sending and noting it.
 */
export type Sent =
  | { readonly ok: true }
  /** Never to be sent: the channel is gone, the text is refused. */
  | { readonly ok: false; readonly permanent: true; readonly error: string }
  /** Asked to wait: nothing of this surface and kind is sent before. */
  | { readonly ok: false; readonly permanent: false; readonly retryAfterMs: number; readonly error: string };

/** Sends one message; throwing means "try again later". */
export type Send = (message: { kind: string; body: JsonObject; attempt: number }) => Promise<Sent>;

export interface OutboxOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly surfaces: Readonly<Record<string, Send>>;
  /** Told when a message is given up. */
  readonly alarm: (message: string) => void;
  /** 0 to 1, for the jitter. */
  readonly random?: () => number;
  readonly concurrency?: number;
  readonly giveUpAfterMs?: number;
  readonly firstPauseMs?: number;
}

const GIVE_UP_AFTER_MS = 6 * 3_600_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5 * 60_000;
const KEPT_MS = 7 * 86_400_000;
const PAGE = 200;
/** A third party that does not answer must not hold the process up when it is to end. */
const STOP_WITHIN_MS = 3_000;

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #lanes = new Map<string, Outgoing[]>();
  readonly #ready: string[] = [];
  readonly #pausedUntil = new Map<string, number>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #running = new Set<Promise<void>>();
  #lastSeen = 0;
  #loading: Promise<void> | undefined;
  #loadAgain = false;
  #started = false;
  #stopped = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Writes a message down. With a `dedupeKey`, the same one is sent once. */
  async enqueue(message: {
    surface: string;
    kind: string;
    lane: string;
    body: JsonObject;
    dedupeKey?: string | null;
  }): Promise<void> {
    const createdAt = this.#options.clock.now();
    const dedupeKey = message.dedupeKey ?? null;
    if (await insertOutgoing(this.#options.db, { ...message, dedupeKey, createdAt })) this.#wake();
  }

  async start(): Promise<void> {
    this.#started = true;
    await pruneOutbox(this.#options.db, this.#options.clock.now() - KEPT_MS);
    this.#wake();
    await this.#loading;
  }

  /** Waits a moment for what is being sent; the next process sends the rest. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    const given = new AbortController();
    await Promise.race([Promise.all([...this.#running, this.#loading]), sleep(STOP_WITHIN_MS, given.signal)]);
    given.abort();
  }

  #wake(): void {
    if (!this.#started || this.#stopped) return;
    if (this.#loading) {
      this.#loadAgain = true;
      return;
    }
    this.#loading = this.#load()
      .catch((error) => {
        this.#options.log.error({ err: error }, "the outbox could not be read");
        this.#later(1_000, () => this.#wake());
      })
      .finally(() => {
        this.#loading = undefined;
        if (this.#loadAgain) {
          this.#loadAgain = false;
          this.#wake();
        }
      });
  }

  async #load(): Promise<void> {
    for (;;) {
      const page = await listUnsent(this.#options.db, this.#lastSeen, PAGE);
      for (const message of page) {
        this.#lastSeen = message.id;
        this.#line(message);
      }
      this.#fill();
      if (page.length < PAGE) return;
    }
  }

  #line(message: Outgoing): void {
    if (!this.#options.surfaces[message.surface]) return;
    const lane = `${message.surface}/${message.lane}`;
    const line = this.#lanes.get(lane);
    if (line) {
      line.push(message);
      return;
    }
    this.#lanes.set(lane, [message]);
    this.#ready.push(lane);
  }

  #fill(): void {
    while (!this.#stopped && this.#running.size < (this.#options.concurrency ?? 8)) {
      const lane = this.#ready.shift();
      if (lane === undefined) return;
      const work: Promise<void> = this.#workOn(lane).finally(() => {
        this.#running.delete(work);
        this.#fill();
      });
      this.#running.add(work);
    }
  }

  async #workOn(lane: string): Promise<void> {
    const line = this.#lanes.get(lane);
    const message = line?.[0];
    if (!line || !message) return;
    const closedUntil = this.#closedUntil(message);
    if (closedUntil !== null) return this.#comeBack(lane, closedUntil);
    const until = await this.#trySending(message);
    if (until !== null) {
      line[0] = { ...message, attempts: message.attempts + 1, nextAttemptAt: until };
      return this.#comeBack(lane, until);
    }
    line.shift();
    if (line.length === 0) this.#lanes.delete(lane);
    else this.#ready.push(lane);
  }

  /** Until when a message must wait, for itself or because its surface asked for a pause; null: it may go. */
  #closedUntil(message: Outgoing): number | null {
    const paused = this.#pausedUntil.get(gateOf(message)) ?? 0;
    const notBefore = Math.max(message.nextAttemptAt, paused);
    return notBefore > this.#options.clock.now() ? notBefore : null;
  }

  #comeBack(lane: string, at: number): void {
    this.#later(at - this.#options.clock.now(), () => {
      this.#ready.push(lane);
      this.#fill();
    });
  }

  /** Null when the message is done with, else when to try it again. */
  async #trySending(message: Outgoing): Promise<number | null> {
    const { db, clock, log, surfaces } = this.#options;
    const { kind, body, attempts } = message;
    try {
      const sent = (await surfaces[message.surface]?.({ kind, body, attempt: attempts + 1 })) ?? { ok: true };
      if (sent.ok) {
        await markSent(db, message.id, clock.now());
        return null;
      }
      if (sent.permanent) return await this.#giveUp(message, sent.error);
      const until = clock.now() + sent.retryAfterMs;
      this.#pausedUntil.set(gateOf(message), until);
      return await this.#postpone(message, until, sent.error);
    } catch (error) {
      log.warn({ err: error, surface: message.surface, kind }, "a message could not be sent");
      return await this.#postpone(message, clock.now() + this.#pause(attempts), messageOf(error));
    }
  }

  async #postpone(message: Outgoing, until: number, error: string): Promise<number | null> {
    const { db, clock, log } = this.#options;
    const giveUpAt = message.createdAt + (this.#options.giveUpAfterMs ?? GIVE_UP_AFTER_MS);
    if (clock.now() >= giveUpAt) return await this.#giveUp(message, error);
    await postpone(db, message.id, until, error).catch((failure: unknown) =>
      log.error({ err: failure }, "the outbox could not be written"),
    );
    return until;
  }

  async #giveUp(message: Outgoing, error: string): Promise<null> {
    const { db, clock, log, alarm } = this.#options;
    await markFailed(db, message.id, clock.now(), error).catch((failure: unknown) =>
      log.error({ err: failure }, "the outbox could not be written"),
    );
    alarm(`A message for ${message.surface} (${message.kind}) was given up: ${error}`);
    return null;
  }

  /** Doubles with each attempt; up to a quarter is added, so that many do not come back at once. */
  #pause(attempts: number): number {
    const base = Math.min((this.#options.firstPauseMs ?? FIRST_PAUSE_MS) * 2 ** attempts, LONGEST_PAUSE_MS);
    return base * (1 + (this.#options.random ?? Math.random)() / 4);
  }

  #later(ms: number, act: () => void): void {
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        if (!this.#stopped) act();
      },
      Math.max(0, ms),
    );
    this.#timers.add(timer);
  }
}

/** What a surface's "wait" closes: its limits are per method. */
function gateOf({ surface, kind }: Outgoing): string {
  return `${surface}/${kind}`;
}
