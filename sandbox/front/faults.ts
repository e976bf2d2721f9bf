import { z } from "zod";

/** What a fault does. `before` is before the request has its effect, `after` is once it had it. */
export const FAULT_MODES = [
  "error-before",
  "error-after",
  "hang-before",
  "hang-after",
  "throttle",
  "ratelimited",
  "notfound",
  "garbage",
  "garbage-after",
] as const;

const faultSchema = z.strictObject({
  action: z.string().min(1),
  mode: z.enum(FAULT_MODES),
  code: z.string().optional(),
  /** How often it strikes; without `rate` it is 1. */
  times: z.number().int().positive().optional(),
  /** Share of requests, 0 … 1; strikes for ever unless `times` bounds it. */
  rate: z.number().min(0).max(1).optional(),
  /** Strikes each so-manyth request that it names: 2 is every second one. */
  every: z.number().int().min(2).optional(),
  /** Seconds in the Retry-After header of `throttle` and `ratelimited`. */
  retryAfter: z.number().int().positive().optional(),
});

export const faultListSchema = z.array(faultSchema);
export type Fault = z.infer<typeof faultSchema>;

/** The faults that are armed. First match wins; an empty list clears. */
export class FaultBook {
  #faults: { fault: Fault; left: number; seen: number }[] = [];
  readonly #random: () => number;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  set(faults: readonly Fault[]): void {
    this.#faults = faults.map((fault) => ({
      fault,
      left: fault.times ?? ((fault.rate ?? fault.every) ? Number.POSITIVE_INFINITY : 1),
      seen: 0,
    }));
  }

  /** The fault that strikes this request, counted as used; undefined when none does. */
  take(action: string): Fault | undefined {
    const entry = this.#faults.find(
      (one) => one.left > 0 && named(one.fault.action, action) && this.#hits(one),
    );
    if (entry) entry.left--;
    return entry?.fault;
  }

  #hits(one: { fault: Fault; seen: number }): boolean {
    const { rate, every } = one.fault;
    one.seen += 1;
    return (every === undefined || one.seen % every === 0) && (rate === undefined || this.#random() < rate);
  }

  list(): readonly (Fault & { left: number | null })[] {
    return this.#faults.map(({ fault, left }) => ({ ...fault, left: Number.isFinite(left) ? left : null }));
  }
}

/** `chat.*` and `*` name more than one action. */
function named(pattern: string, action: string): boolean {
  return pattern.endsWith("*") ? action.startsWith(pattern.slice(0, -1)) : pattern === action;
}
