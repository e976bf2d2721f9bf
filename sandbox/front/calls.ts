import type { JsonObject } from "../../src/util/json.ts";

const KEPT = 20_000;

export interface Call {
  readonly at: string;
  readonly action: string;
  readonly parameters: JsonObject;
  /** HTTP status of the answer; null when the answer never came (a fault that hangs). */
  readonly status: number | null;
  /** The provider's own error word, where it gave one. */
  readonly error?: string;
}

/** What was asked of a front, oldest first; bounded, so that a long session does not fill the memory. */
export class CallLog {
  #calls: Call[] = [];

  add(call: Omit<Call, "at">): void {
    this.#calls.push({ at: new Date().toISOString(), ...call });
    if (this.#calls.length > KEPT * 1.25) this.#calls = this.#calls.slice(-KEPT);
  }

  list(): readonly Call[] {
    return this.#calls;
  }

  clear(): void {
    this.#calls = [];
  }
}
