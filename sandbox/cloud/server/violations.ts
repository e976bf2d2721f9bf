import type { Problem } from "../schema/check.ts";

/**
 * A message that differs from the shape that the SDK publishes for it. One of a request is the caller's
 * mistake (and answered as such); one of a response is a bug of this cloud.
 */
export interface Violation extends Problem {
  readonly at: string;
  readonly side: "request" | "response";
  readonly action: string;
}

const MOST_VIOLATIONS = 10_000;

export class Violations {
  readonly #all: Violation[] = [];

  add(side: Violation["side"], action: string, problems: readonly Problem[], now: number): void {
    const at = new Date(now).toISOString();
    for (const problem of problems) {
      if (this.#all.length < MOST_VIOLATIONS) this.#all.push({ at, side, action, ...problem });
    }
  }

  list(): readonly Violation[] {
    return this.#all;
  }

  clear(): void {
    this.#all.length = 0;
  }
}
