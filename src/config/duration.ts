const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A number and a unit: `250ms`, `90s`, `15m`, `4h`, `2d`; also several in falling order, `1h30m`. */
export const DURATION_PATTERN =
  /^(?:\d+(?:\.\d+)?d)?(?:\d+(?:\.\d+)?h)?(?:\d+(?:\.\d+)?m)?(?:\d+(?:\.\d+)?s)?(?:\d+ms)?$/;

/** A length of time in milliseconds. */
export type Milliseconds = number;

/** Milliseconds of a written duration, or undefined where it is none. */
export function parseDuration(written: string): Milliseconds | undefined {
  if (written === "" || !DURATION_PATTERN.test(written)) return undefined;
  let total = 0;
  for (const [, amount, unit] of written.matchAll(/([\d.]+)(ms|[smhd])/g)) {
    total += Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS];
  }
  return Math.round(total);
}

/** The shortest exact way to write a duration: 5400000 → `1h30m`. */
export function formatDuration(milliseconds: Milliseconds): string {
  let rest = Math.round(milliseconds);
  let written = "";
  for (const unit of ["d", "h", "m", "s", "ms"] as const) {
    const amount = Math.floor(rest / UNIT_MS[unit]);
    rest -= amount * UNIT_MS[unit];
    if (amount > 0) written += `${amount}${unit}`;
  }
  return written === "" ? "0s" : written;
}
