import { type Clock, systemClock } from "../util/clock.ts";

/** A clock that can also call back: what the poller and the callers wait with, and what a test replaces. */
export interface Timers extends Clock {
  /** Calls `run` once after `ms`; the returned function takes that back. Keeps no process alive. */
  after(ms: number, run: () => void): () => void;
}

export const systemTimers: Timers = {
  ...systemClock,
  after(ms, run) {
    // Longer than Node's timers can wait: it would fire at once instead.
    const timer = setTimeout(run, Math.min(ms, 2 ** 31 - 1));
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
export function pause(timers: Timers, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = timers.after(ms, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    function onAbort(): void {
      stop();
      reject(signal?.reason);
    }
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
