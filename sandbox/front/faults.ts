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
] as const;

const faultSchema = z.strictObject({
  action: z.string().min(1),
  mode: z.enum(FAULT_MODES),
  code: z.string().optional(),
  /** How often it strikes; without `rate` it is 1. */
  times: z.number().int().positive().optional(),
  /** Share of requests, 0 … 1; strikes for ever unless `times` bounds it. */
  rate: z.number().min(0).max(1).optional(),
  /** Seconds in the Retry-After header of `throttle` and `ratelimited`. */
  retryAfter: z.number().int().positive().optional(),
});

export const faultListSchema = z.array(faultSchema);
export type Fault = z.infer<typeof faultSchema>;

/** The faults that are armed. First match wins; an empty list clears. */
export class FaultBook {
  #faults: { fault: Fault; left: number }[] = [];
  readonly #random: () => number;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  set(faults: readonly Fault[]): void {
    this.#faults = faults.map((fault) => ({
      fault,
      left: fault.times ?? (fault.rate === undefined ? 1 : Number.POSITIVE_INFINITY),
    }));
  }

  /** The fault that strikes this request, counted as used; undefined when none does. */
  take(action: string): Fault | undefined {
    const entry = this.#faults.find(({ fault, left }) => {
      return (
        left > 0 && named(fault.action, action) && (fault.rate === undefined || this.#random() < fault.rate)
      );
    });
    if (entry) entry.left--;
    return entry?.fault;
  }

  list(): readonly (Fault & { left: number | null })[] {
    return this.#faults.map(({ fault, left }) => ({ ...fault, left: Number.isFinite(left) ? left : null }));
  }
}

/** `chat.*` and `*` name more than one action. */
function named(pattern: string, action: string): boolean {
  return pattern.endsWith("*") ? action.startsWith(pattern.slice(0, -1)) : pattern === action;
}
