import { after } from "../util/clock.ts";
import { dischargeDue } from "./discharger.ts";
import type { Fence } from "./guard.ts";
import type { EngineParts } from "./parts.ts";

/** What is added to the time at which something is expected to be met, in ms: looks lie seconds apart. */
const EXPECTED_MARGIN_MS = 30_000;
/** What of that is left at least after a restart: while no process lived nothing was tried. */
const LEFT_AFTER_RESTART_MS = 2 * 60_000;

/**
 * Meets what is due for as long as a run may take for it, counted from `since` over restarts too. What is open
 * afterwards could not be confirmed in time, or `signal` ended the trying.
 */
export async function cleanUpInTime(
  parts: EngineParts,
  options: {
    readonly tenancy: string;
    readonly fence: Fence;
    readonly signal: AbortSignal;
    /** ms since 1970. */
    readonly since: number;
    /** See `DischargeOptions`. */
    readonly exceptRun?: number;
  },
): Promise<void> {
  const whole = parts.cleanupLimitMs;
  const left = options.since + whole - parts.clock.now();
  const limit = new AbortController();
  // Bounded on both sides, because the clock may have been set back, or have gone on without a process.
  const least = Math.min(whole, LEFT_AFTER_RESTART_MS);
  const extended = new Patience(parts, options.tenancy, whole);
  let stopTimer = after(Math.min(whole, Math.max(least, left)), function over() {
    const more = extended.more();
    if (more === 0) limit.abort();
    else stopTimer = after(more, over);
  });
  try {
    const signal = AbortSignal.any([limit.signal, options.signal]);
    const { tenancy, fence, exceptRun } = options;
    await dischargeDue(parts, { tenancy, fence, signal, exceptRun });
  } finally {
    stopTimer();
  }
}

/** How much longer a cleanup is tried whose time is over, because something will be confirmed if nothing changes. */
class Patience {
  readonly #parts: EngineParts;
  readonly #tenancy: string;
  #leftMs: number;

  /** @param mostMs in all, whatever is expected */
  constructor(parts: EngineParts, tenancy: string, mostMs: number) {
    this.#parts = parts;
    this.#tenancy = tenancy;
    this.#leftMs = mostMs;
  }

  /** In ms; 0: not any longer. */
  more(): number {
    const own = [...this.#parts.expected].filter(([id]) => id.startsWith(`${this.#tenancy}/`));
    const last = Math.max(0, ...own.map(([, by]) => by + EXPECTED_MARGIN_MS - this.#parts.clock.now()));
    const more = Math.min(last, this.#leftMs);
    this.#leftMs -= more;
    return more;
  }
}
