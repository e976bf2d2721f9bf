import type { Logger } from "pino";
import {
  insertOutgoing,
  listUnsent,
  markFailed,
  markSent,
  type Outgoing,
  postpone,
  pruneOutbox,
} from "../../db/outbox.ts";
import type { Clock } from "../util/clock.ts";
import { messageOf } from "../util/errors.ts";
import type { JsonObject } from "../util/json.ts";
import { FencedError } from "./errors.ts";
import type { Guard } from "./guard.ts";
import { type Again, Lanes } from "./lanes.ts";

/**
 * Messages that are sent once: replies, notices, words to one person. (What a surface shows of a run and edits
 * in place is kept elsewhere and may coalesce; these may not.)
 *
 * Written down first, sent afterwards, in order within a lane (a channel, a person; see Lanes). Whoever enqueues
 * never waits for the surface. When the process dies between sending and noting it, or an answer is lost, the next
 * attempt is told so: a surface that can looks whether the message is there already. A process that has lost the
 * database sends nothing more.
 */
export type Sent =
  | { readonly ok: true }
  /** Never to be sent: the channel is gone, the text is refused. */
  | { readonly ok: false; readonly permanent: true; readonly error: string }
  /** Asked to wait: nothing of this surface and kind is sent before, unless others have another way (`alone`). */
  | {
      readonly ok: false;
      readonly permanent: false;
      readonly retryAfterMs: number;
      readonly error: string;
      readonly alone?: true;
    };

/** Sends one message; throwing means "try again later". */
export type Send = (message: Sending) => Promise<Sent>;

export interface Sending {
  readonly kind: string;
  readonly body: JsonObject;
  readonly attempt: number;
  /** The message's own name, by which it can be known again where it was sent. */
  readonly id: string;
  readonly createdAt: number;
  /** An earlier attempt may have sent it without our hearing of it. */
  readonly unsure: boolean;
}

export interface OutboxOptions {
  readonly guard: Guard;
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
const CONCURRENCY = 8;

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #lanes: Lanes<Outgoing>;
  readonly #pausedUntil = new Map<string, number>();
  /** What was attempted and not refused, by id. */
  readonly #unsure = new Set<number>();
  /** What is older may have been attempted by an earlier process. */
  #startedAt = Number.POSITIVE_INFINITY;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#lanes = new Lanes({
      name: "outbox",
      log: options.log,
      concurrency: options.concurrency ?? CONCURRENCY,
      load: (afterId, limit) => listUnsent(options.guard.db, afterId, limit),
      laneOf: ({ surface, lane }) => (options.surfaces[surface] ? `${surface}/${lane}` : null),
      work: (message) => this.#trySending(message),
    });
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
    const inserted = await this.#options.guard.write(null, (trx) =>
      insertOutgoing(trx, { ...message, dedupeKey, createdAt }),
    );
    if (inserted) this.#lanes.wake();
  }

  async start(): Promise<void> {
    const { guard, clock } = this.#options;
    this.#startedAt = clock.now();
    await guard.write(null, (trx) => pruneOutbox(trx, clock.now() - KEPT_MS));
    await this.#lanes.start();
  }

  /** Waits a moment for what is being sent; the next process sends the rest. */
  async stop(): Promise<void> {
    await this.#lanes.stop();
  }

  async #trySending(message: Outgoing): Promise<Again<Outgoing> | null> {
    const { guard, clock, log, surfaces } = this.#options;
    const now = clock.now();
    const closedUntil = Math.max(message.nextAttemptAt, this.#pausedUntil.get(gateOf(message)) ?? 0);
    if (closedUntil > now) return { row: message, afterMs: closedUntil - now };
    // Whoever took the database over sends it.
    await guard.check(null);
    const { kind, body, attempts } = message;
    const unsure = this.#unsure.has(message.id) || message.createdAt < this.#startedAt;
    const sending = { ...nameOf(message), kind, body, attempt: attempts + 1, unsure };
    try {
      const sent = (await surfaces[message.surface]?.(sending)) ?? { ok: true };
      if (sent.ok) {
        this.#unsure.delete(message.id);
        await guard.write(null, (trx) => markSent(trx, message.id, clock.now()));
        return null;
      }
      if (sent.permanent) return await this.#giveUp(message, sent.error);
      const until = clock.now() + sent.retryAfterMs;
      if (!sent.alone) this.#pausedUntil.set(gateOf(message), until);
      return await this.#postpone(message, until, sent.error);
    } catch (error) {
      if (error instanceof FencedError) throw error;
      this.#unsure.add(message.id);
      log.warn({ err: error, surface: message.surface, kind }, "a message could not be sent");
      return await this.#postpone(message, clock.now() + this.#pause(attempts), messageOf(error));
    }
  }

  async #postpone(message: Outgoing, until: number, error: string): Promise<Again<Outgoing> | null> {
    const now = this.#options.clock.now();
    const giveUpAt = message.createdAt + (this.#options.giveUpAfterMs ?? GIVE_UP_AFTER_MS);
    if (now >= giveUpAt) return await this.#giveUp(message, error);
    await this.#note((trx) => postpone(trx, message.id, until, error));
    const row = { ...message, attempts: message.attempts + 1, nextAttemptAt: until };
    return { row, afterMs: until - now };
  }

  async #giveUp(message: Outgoing, error: string): Promise<null> {
    this.#unsure.delete(message.id);
    await this.#note((trx) => markFailed(trx, message.id, this.#options.clock.now(), error));
    this.#options.alarm(`A message for ${message.surface} (${message.kind}) was given up: ${error}`);
    return null;
  }

  /** A full disk changes nothing about what is to be sent: at worst the next process tries once more. */
  async #note(change: Parameters<Guard["write"]>[1]): Promise<void> {
    try {
      await this.#options.guard.write(null, change);
    } catch (error) {
      if (error instanceof FencedError) throw error;
      this.#options.log.error({ err: error }, "the outbox could not be written");
    }
  }

  /** Doubles with each attempt; up to a quarter is added, so that many do not come back at once. */
  #pause(attempts: number): number {
    const base = Math.min((this.#options.firstPauseMs ?? FIRST_PAUSE_MS) * 2 ** attempts, LONGEST_PAUSE_MS);
    return base * (1 + (this.#options.random ?? Math.random)() / 4);
  }
}

/** Not by its number alone: another database, after a loss, counts from 1 again. */
function nameOf({ id, createdAt }: Outgoing): Pick<Sending, "id" | "createdAt"> {
  return { id: `${id}-${createdAt}`, createdAt };
}

/** What a surface's "wait" closes: its limits are per method. */
function gateOf({ surface, kind }: Outgoing): string {
  return `${surface}/${kind}`;
}
