import { SlipwayError } from "../util/errors.ts";
import { AwsFault, isPassing } from "./errors.ts";
import type { Timers } from "./timers.ts";
import { TELL_AFTER_MS, type TroubleListener } from "./trouble.ts";

export interface WaitOptions {
  /** Milliseconds since 1970: absolute, so that a restart does not begin it again. */
  readonly deadline: number;
  readonly signal?: AbortSignal | undefined;
  /** What is waited for, e.g. `running`, for the time-out's message. */
  readonly what?: string | undefined;
  readonly onTrouble?: TroubleListener | undefined;
}

/** The deadline passed. Names the last state that was seen, and the last fault if looking itself failed. */
export class WaitTimeout extends SlipwayError {
  constructor(thing: string, name: string, what: string, seen: string, cause: AwsFault | undefined) {
    const because = cause ? `; the last look failed: ${cause.message}` : "";
    super(
      `${thing}_wait_timeout`,
      `the ${thing} ${name} did not become ${what} in time; last seen: ${seen}${because}`,
      {
        cause,
        remedy:
          cause?.remedy ??
          `Look at the ${thing} in the AWS console, or allow more time in the configuration.`,
        fields: { [thing]: name, what, seen },
      },
    );
  }
}

interface SharedPollOptions<Key, Seen, Found> {
  /** `instance` or `target`. */
  readonly thing: string;
  /** One look for all keys. */
  readonly fetch: (keys: readonly Key[], signal: AbortSignal) => Promise<Found>;
  readonly pick: (found: Found, key: Key) => Seen | undefined;
  readonly describe: (seen: Seen) => string;
  readonly timers: Timers;
  readonly random: () => number;
}

interface Watcher<Key, Seen> {
  readonly key: Key;
  readonly name: string;
  readonly options: WaitOptions;
  /** Returns true when the watcher is done. */
  readonly look: (seen: Seen | undefined) => boolean;
  readonly fail: (error: unknown) => void;
  looks: number;
  /** When it wants to look next. */
  due: number;
  seen: string;
}

const FIRST_MS = 250;
const STEADY_MS = 1_000;
const SLOWEST_MS = 10_000;
const JITTER = 0.2;

/**
 * One series of looks shared by everybody who waits for the same kind of thing. A new watcher looks at once,
 * then after 250 ms, 500 ms and every second (± 20 %); each look serves all watchers, so fifty of them cost
 * what one does. Throttling and passing faults double the pause for all, to ten seconds; each good look
 * halves it again.
 */
export class SharedPoll<Key, Seen, Found = ReadonlyMap<string, Seen>> {
  readonly #options: SharedPollOptions<Key, Seen, Found>;
  readonly #watchers = new Set<Watcher<Key, Seen>>();
  #stopTimer: (() => void) | undefined;
  #looking: AbortController | undefined;
  #lastLook = Number.NEGATIVE_INFINITY;
  /** The least pause between looks; grows with faults. */
  #pause = FIRST_MS;
  #lastFault: AwsFault | undefined;
  /** The beginning of the first look that failed, or has had no answer yet, since the last good one. */
  #troubleSince: number | undefined;
  #toldOfTrouble = false;

  constructor(options: SharedPollOptions<Key, Seen, Found>) {
    this.#options = options;
  }

  get busy(): boolean {
    return this.#watchers.size > 0;
  }

  wait<Result extends {}>(
    key: Key,
    name: string,
    until: (seen: Seen | undefined) => Result | undefined,
    options: WaitOptions,
  ): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    const { timers } = this.#options;
    const { signal } = options;
    if (signal?.aborted) return Promise.reject(signal.reason);
    const settle = (end: () => void) => {
      if (!this.#watchers.delete(watcher)) return;
      stopDeadline();
      signal?.removeEventListener("abort", onAbort);
      end();
      if (this.#watchers.size === 0) this.#rest();
    };
    const watcher: Watcher<Key, Seen> = {
      key,
      name,
      options,
      looks: 0,
      due: timers.now(),
      seen: "nothing",
      look: (seen) => {
        watcher.looks += 1;
        watcher.seen = seen === undefined ? "nothing (AWS does not show it)" : this.#options.describe(seen);
        try {
          const result = until(seen);
          if (result === undefined) return false;
          settle(() => resolve(result));
        } catch (error) {
          settle(() => reject(error));
        }
        return true;
      },
      fail: (error) => settle(() => reject(error)),
    };
    const onAbort = () => watcher.fail(signal?.reason);
    const stopDeadline = timers.after(Math.max(0, options.deadline - timers.now()), () =>
      this.#expire(watcher),
    );
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#watchers.add(watcher);
    this.#plan();
    return promise;
  }

  #expire(watcher: Watcher<Key, Seen>): void {
    const { thing } = this.#options;
    const what = watcher.options.what ?? "ready";
    watcher.fail(new WaitTimeout(thing, watcher.name, what, watcher.seen, this.#lastFault));
  }

  /**
   * Sets the timer for the next look: when the most impatient watcher wants one, but not before the pause
   * ends.
   */
  #plan(): void {
    if (this.#looking || this.#watchers.size === 0) return;
    this.#stopTimer?.();
    const { timers } = this.#options;
    const wanted = Math.min(...[...this.#watchers].map((watcher) => watcher.due));
    const at = Math.max(wanted, this.#lastLook + this.#pause);
    // Bounded, because the clock may have been set back since the last look.
    const ms = Math.min(Math.max(0, at - timers.now()), SLOWEST_MS * (1 + JITTER));
    this.#stopTimer = timers.after(ms, () => void this.#look());
  }

  async #look(): Promise<void> {
    this.#stopTimer = undefined;
    // Only those who wait already: an answer may be older than the deed of one who joins during the call.
    const watchers = [...this.#watchers];
    const controller = new AbortController();
    this.#looking = controller;
    this.#lastLook = this.#options.timers.now();
    const began = this.#lastLook;
    const answered = this.#options.timers.after(TELL_AFTER_MS, () => this.#tellTrouble(began));
    try {
      const keys = watchers.map((watcher) => watcher.key);
      const found = await this.#options.fetch(keys, controller.signal);
      this.#calm();
      for (const watcher of watchers) this.#serve(watcher, found);
    } catch (error) {
      if (!controller.signal.aborted) this.#failed(error, watchers);
    } finally {
      answered();
      if (this.#looking === controller) this.#looking = undefined;
      this.#plan();
    }
  }

  #serve(watcher: Watcher<Key, Seen>, found: Found): void {
    if (!this.#watchers.has(watcher)) return;
    if (watcher.look(this.#options.pick(found, watcher.key))) return;
    const step = Math.min(FIRST_MS * 2 ** (watcher.looks - 1), STEADY_MS);
    watcher.due = this.#lastLook + this.#jittered(step);
  }

  #calm(): void {
    this.#pause = Math.max(FIRST_MS, this.#pause / 2);
    this.#lastFault = undefined;
    this.#troubleSince = undefined;
    if (!this.#toldOfTrouble) return;
    this.#toldOfTrouble = false;
    for (const { options } of this.#watchers) options.onTrouble?.(null);
  }

  /** Only what lasts is told: a single fault is over with the next look. */
  #tellTrouble(began: number): void {
    this.#troubleSince ??= began;
    const since = this.#troubleSince;
    if (this.#options.timers.now() - since < TELL_AFTER_MS) return;
    this.#toldOfTrouble = true;
    for (const { options } of this.#watchers) options.onTrouble?.({ since, fault: this.#lastFault });
  }

  #failed(error: unknown, watchers: readonly Watcher<Key, Seen>[]): void {
    const fault = error instanceof AwsFault ? error : undefined;
    if (!fault || !isPassing(fault)) {
      for (const watcher of watchers) watcher.fail(error);
      return;
    }
    this.#lastFault = fault;
    this.#pause = Math.min(SLOWEST_MS, this.#jittered(Math.max(STEADY_MS, this.#pause * 2)));
    this.#tellTrouble(this.#lastLook);
  }

  #jittered(ms: number): number {
    return ms * (1 + JITTER * (2 * this.#options.random() - 1));
  }

  /** Nobody waits any more: no timer, no call. */
  #rest(): void {
    this.#troubleSince = undefined;
    this.#toldOfTrouble = false;
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    this.#looking?.abort();
    this.#looking = undefined;
  }
}
