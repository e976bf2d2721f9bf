import type { Logger } from "pino";
import type { z } from "zod";
import { findLookup, findPause, saveLookup, savePause } from "../db/lookups.ts";
import type { Guard } from "../src/engine/guard.ts";
import type { Clock } from "../src/util/clock.ts";
import { SlipwayError } from "../src/util/errors.ts";
import type { JsonValue } from "../src/util/json.ts";

/** An answer that is needed cannot be had: it is not known, or too old, and the look-up failed. */
export class LookUpFailedError extends SlipwayError {
  /** What was to be found out, as half a sentence: `who you are`. */
  readonly subject: string;
  /** How long the source wants to be left alone, in ms; null: it did not say. */
  readonly retryAfterMs: number | null;

  constructor(subject: string, retryAfterMs: number | null, cause: unknown) {
    super("lookup_failed", `It could not be found out ${subject}.`, {
      cause,
      fields: { retryAfterMs },
      remedy: "Try again when the system that is asked answers again.",
    });
    this.subject = subject;
    this.retryAfterMs = retryAfterMs;
  }
}

export interface LookupsOptions<T> {
  /** Names the question, e.g. the method that is called; its answers and pauses are kept under this name. */
  readonly source: string;
  /** Completes “It could not be found out …”. */
  readonly subject: string;
  readonly schema: z.ZodType<T>;
  readonly look: (key: string) => Promise<T>;
  /** How long the source wants to be left alone after this failure, in ms; null: the failure does not say. */
  readonly pauseOf: (error: unknown) => number | null;
  readonly guard: Guard;
  readonly clock: Clock;
  readonly log: Logger;
  /** No answer older than this is ever used, in ms. */
  readonly keepMs: number;
}

interface Held<T> {
  readonly answer: T;
  readonly askedAt: number;
}

/** No system asks for a longer pause; a pause that seems longer was written under another clock. In ms. */
const LONGEST_PAUSE_MS = 3_600_000;
const MOST_IN_MEMORY = 5_000;

/**
 * Answers of a slow look-up that has limits, kept for a while, in the database too: a process that starts again
 * and again asks no more often than one that stays.
 *
 * - Half way to its limit an answer is renewed behind the asker's back; until the limit it holds, whether that
 *   succeeds or not. Beyond the limit there is no answer but a new one.
 * - Askers at the same moment share one look-up. When the source wants to be left alone, it is, by the next
 *   process too; whoever needs a new answer meanwhile is told so at once.
 */
export class Lookups<T> {
  readonly #options: LookupsOptions<T>;
  readonly #held = new Map<string, Held<T>>();
  readonly #asking = new Map<string, Promise<T>>();
  #pausedUntil: number | null = null;

  constructor(options: LookupsOptions<T>) {
    this.#options = options;
  }

  /** @throws LookUpFailedError when there is no answer that may still be used and none is to be had. */
  async get(key: string): Promise<T> {
    const held = await this.#find(key);
    if (held === null) return await this.#ask(key);
    if (this.#ageOf(held) >= this.#options.keepMs / 2) this.#renew(key);
    return held.answer;
  }

  #renew(key: string): void {
    if (this.#asking.has(key)) return;
    void this.#ask(key).catch((error) =>
      this.#options.log.warn(
        { err: error, source: this.#options.source },
        "an answer could not be renewed; it holds until its limit",
      ),
    );
  }

  /** An answer that may still be used. One from the future has an unknown age: the clock was set back. */
  async #find(key: string): Promise<Held<T> | null> {
    const held = this.#held.get(key) ?? (await this.#load(key));
    const age = held === null ? -1 : this.#ageOf(held);
    if (age >= 0 && age < this.#options.keepMs) return held;
    this.#held.delete(key);
    return null;
  }

  #ageOf(held: Held<T>): number {
    return this.#options.clock.now() - held.askedAt;
  }

  async #load(key: string): Promise<Held<T> | null> {
    const { guard, source, schema, log } = this.#options;
    try {
      const found = await findLookup(guard.db, source, key);
      // What another version has written may have another form.
      const answer = schema.safeParse(found?.answer);
      if (found === null || !answer.success) return null;
      const held = { answer: answer.data, askedAt: found.askedAt };
      this.#remember(key, held);
      return held;
    } catch (error) {
      log.error({ err: error, source }, "kept answers could not be read");
      return null;
    }
  }

  #remember(key: string, held: Held<T>): void {
    if (this.#held.size >= MOST_IN_MEMORY) this.#held.clear();
    this.#held.set(key, held);
  }

  #ask(key: string): Promise<T> {
    const under = this.#asking.get(key);
    if (under) return under;
    const asking = this.#lookUp(key).finally(() => this.#asking.delete(key));
    this.#asking.set(key, asking);
    return asking;
  }

  async #lookUp(key: string): Promise<T> {
    const { clock, look, pauseOf, subject, keepMs, guard, source } = this.#options;
    const askedAt = clock.now();
    const pause = (await this.#pause()) - askedAt;
    if (pause > 0) throw new LookUpFailedError(subject, pause, undefined);
    let answer: T;
    try {
      answer = await look(key);
    } catch (error) {
      const pauseMs = pauseOf(error);
      if (pauseMs !== null) await this.#leaveAlone(clock.now() + Math.min(pauseMs, LONGEST_PAUSE_MS));
      throw new LookUpFailedError(subject, pauseMs, error);
    }
    this.#remember(key, { answer, askedAt });
    const lookup = { answer: answer as JsonValue, askedAt };
    await this.#note(() =>
      guard.write(null, (trx) => saveLookup(trx, source, key, lookup, askedAt - keepMs)),
    );
    return answer;
  }

  /** Until when the source wants to be left alone. */
  async #pause(): Promise<number> {
    const { guard, clock, source } = this.#options;
    if (this.#pausedUntil === null) {
      const until = await findPause(guard.db, source).catch(() => 0);
      this.#pausedUntil ??= until;
    }
    return this.#pausedUntil <= clock.now() + LONGEST_PAUSE_MS ? this.#pausedUntil : 0;
  }

  async #leaveAlone(until: number): Promise<void> {
    const { guard, source } = this.#options;
    this.#pausedUntil = Math.max(this.#pausedUntil ?? 0, until);
    await this.#note(() => guard.write(null, (trx) => savePause(trx, source, until)));
  }

  /** An answer that could not be kept is an answer all the same. */
  async #note(write: () => Promise<void>): Promise<void> {
    const { source, log } = this.#options;
    await write().catch((error) => log.error({ err: error, source }, "an answer could not be kept"));
  }
}
