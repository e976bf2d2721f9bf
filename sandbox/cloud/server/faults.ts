import { z } from "zod";
import { fits } from "./calls.ts";

export const FAULT_MODES = [
  "error-before",
  "error-after",
  "hang-before",
  "hang-after",
  "throttle",
  "notfound",
  "garbage",
] as const;

export type FaultMode = (typeof FAULT_MODES)[number];

const ACTION = /^(\*|[a-z0-9-]+:(\*|\w+))$/;

const faultSchema = z
  .strictObject({
    /** `ec2:RunInstances`, `ec2:*` or `*`. */
    action: z.string(),
    mode: z.enum(FAULT_MODES),
    /** In place of the error code that the mode has by itself. */
    code: z.string().optional(),
    /** How many calls it is played on; without it and without a rate, one. */
    times: z.number().int().positive().optional(),
    /** It waits until one of these actions was called. */
    after: z.array(z.string()).min(1).optional(),
    /** So many calls that it fits (and that come after `after`) go by before it is played. */
    skip: z.number().int().nonnegative().optional(),
    /** The share of calls that it is played on, 0 to 1; for ever, or until `times` is used up. */
    rate: z.number().min(0).max(1).optional(),
  })
  .refine(({ action, after }) => [action, ...(after ?? [])].every((one) => ACTION.test(one)), {
    message: "an action is service:Action, service:* or *",
  });

export const faultListSchema = z.array(faultSchema);
export type Fault = z.output<typeof faultSchema>;

interface ActiveFault {
  readonly fault: Fault;
  left: number;
  skip: number;
  isAwaiting: boolean;
}

/** The faults to play. The first in the list that fits a call, has times left and wins its draw is played. */
export class Faults {
  #active: ActiveFault[] = [];

  /** Takes the place of all earlier faults; an empty list clears. */
  set(faults: readonly Fault[]): void {
    this.#active = faults.map((fault) => ({
      fault,
      left: fault.times ?? (fault.rate === undefined ? 1 : Number.POSITIVE_INFINITY),
      skip: fault.skip ?? 0,
      isAwaiting: fault.after !== undefined,
    }));
  }

  take(action: string, random: () => number): Fault | undefined {
    for (const active of this.#active)
      if (active.fault.after?.some((one) => fits(one, action))) active.isAwaiting = false;
    const found = this.#active.find((active) => active.left > 0 && isNow(active, action, random));
    if (found) found.left--;
    return found?.fault;
  }

  /** What is still to be played. */
  list(): readonly (Fault & { readonly left: number | null })[] {
    return this.#active.map(({ fault, left }) => ({ ...fault, left: Number.isFinite(left) ? left : null }));
  }
}

function isNow(active: ActiveFault, action: string, random: () => number): boolean {
  const { fault } = active;
  if (active.isAwaiting) return false;
  if (!fits(fault.action, action) || (fault.rate !== undefined && random() >= fault.rate)) return false;
  if (active.skip === 0) return true;
  active.skip--;
  return false;
}
