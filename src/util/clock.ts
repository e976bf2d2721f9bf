/** Where time and chance come from, so that a test can decide both. Times are milliseconds since 1970. */
export interface Clock {
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** The longest that one of Node's timers can wait; with more it would fire at once. */
const LONGEST_TIMER_MS = 2_147_483_647;

/** Calls back after `ms`, however long that is; returns the way to stop it. */
export function after(ms: number, callBack: () => void): () => void {
  let timer: NodeJS.Timeout;
  const wait = (left: number) => {
    const now = Math.min(left, LONGEST_TIMER_MS);
    timer = setTimeout(() => (left > now ? wait(left - now) : callBack()), now);
  };
  wait(Math.max(0, ms));
  return () => clearTimeout(timer);
}

/** Resolves after `ms`, or at once when `signal` aborts (the caller looks at the signal). */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const stop = after(ms, finish);
    function finish(): void {
      stop();
      signal?.removeEventListener("abort", finish);
      resolve();
    }
    signal?.addEventListener("abort", finish, { once: true });
  });
}
