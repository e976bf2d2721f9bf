import { after } from "../util/clock.ts";
import { dischargeDue } from "./discharger.ts";
import type { Fence } from "./guard.ts";
import type { EngineParts } from "./parts.ts";

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
  const stopTimer = after(Math.min(whole, Math.max(least, left)), () => limit.abort());
  try {
    const signal = AbortSignal.any([limit.signal, options.signal]);
    const { tenancy, fence, exceptRun } = options;
    await dischargeDue(parts, { tenancy, fence, signal, exceptRun });
  } finally {
    stopTimer();
  }
}
