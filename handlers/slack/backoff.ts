const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** Whoever has not failed again for so long begins anew, in ms. */
const FORGET_AFTER_MS = 10 * 60_000;

/** Of failures in a row the first ones, and then one in about ten minutes. */
export function isWorthSaying(times: number): boolean {
  return times <= 3 || times % 20 === 0;
}

/** Waits longer after each failure, for each run by itself: one that Slack will not take holds up no other. */
export class Backoff {
  readonly #now: () => number;
  readonly #failed = new Map<number, { times: number; until: number }>();

  /** @param now milliseconds of a clock that never jumps */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Milliseconds until the run may be tried; 0: now. */
  wait(run: number): number {
    return Math.max(0, (this.#failed.get(run)?.until ?? 0) - this.#now());
  }

  /** Answers how often it has failed now. */
  failed(run: number): number {
    const now = this.#now();
    for (const [id, { until }] of this.#failed) if (until < now - FORGET_AFTER_MS) this.#failed.delete(id);
    const times = (this.#failed.get(run)?.times ?? 0) + 1;
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** (times - 1), LONGEST_PAUSE_MS);
    this.#failed.set(run, { times, until: now + pause });
    return times;
  }

  worked(run: number): void {
    this.#failed.delete(run);
  }
}
