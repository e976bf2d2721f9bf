import { after } from "../util/clock.ts";

/**
 * Awaits work that is told to stop by `signal`; when it has not ended `patienceMs` after that, it is waited for no
 * longer and the abandoned error is thrown. It may still be going on then: its writes are fenced, and what it may
 * have created is owed.
 */
export async function orAbandon<T>(
  work: () => Promise<T>,
  signal: AbortSignal,
  patienceMs: number,
  abandoned: () => Error,
): Promise<T> {
  let stop: (() => void) | undefined;
  let onAbort: (() => void) | undefined;
  const givenUp = new Promise<never>((_, reject) => {
    onAbort = () => {
      stop = after(patienceMs, () => reject(abandoned()));
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([work(), givenUp]);
  } finally {
    stop?.();
    if (onAbort) signal.removeEventListener("abort", onAbort);
  }
}
