import type { JsonObject } from "../util/json.ts";
import type { ObligationState } from "./types.ts";

/** What a handler gets to meet one obligation. */
export interface DischargeContext<F extends JsonObject = JsonObject> {
  readonly id: string;
  readonly tenancy: string;
  readonly runId: number;
  readonly resource: string;
  readonly facts: F;
  /** `recorded` means: the call that creates the thing may still be in flight, so "not found" is not "gone". */
  readonly state: ObligationState;
  readonly createdAt: number;
  readonly attempt: number;
  /** Aborts only when the process stops or the attempt takes far too long; never because a run was cancelled. */
  readonly signal: AbortSignal;
  now(): number;
  log(line: string): void;
  /** What it is doing now, in a few words, where the cleanup is shown among a run's steps; the last word counts. */
  detail(text: string): void;
  /** Writes down what was learnt (an id), so that the next attempt need not learn it again. */
  learn(facts: Partial<F>, state?: "created"): Promise<void>;
  /**
   * Says by when (ms since 1970) it will be confirmed gone if nothing changes, and why not before: a run's cleanup is
   * not given up as long as all that is missing is time, though for at most as long again as it is tried anyway.
   */
  expect(by: number, why: string): Promise<void>;
  /** Says that those who wait for this one may go on although it is not confirmed gone yet (a draining target). */
  release(): Promise<void>;
  /** Whether another open obligation still needs the shared thing. Stable while the handler runs. */
  isShared(): Promise<boolean>;
  /** What else is owed in the same tenancy: not yet gone, due now or later. */
  siblings(kind: string): Promise<readonly Sibling[]>;
}

export interface Sibling {
  readonly id: string;
  readonly facts: JsonObject;
  readonly isDue: boolean;
}

/** A kind of which nothing may be open (or, `released`, nothing may be held back) before another is undone. */
export interface After {
  readonly kind: string;
  readonly until?: "gone" | "released";
  /** After so many failed attempts it holds the other up no longer; without it, for as long as it takes. */
  readonly failures?: number;
}

/** How one kind of thing is undone, and how it is seen to be gone. */
export interface ObligationKind<F extends JsonObject = JsonObject> {
  readonly kind: string;
  /** Of the facts' form. */
  readonly version: number;
  /** Older versions whose facts this handler reads too. */
  readonly accepts?: readonly number[];
  /** How the undoing is called in a run's list of steps, e.g. `Terminate instance`. */
  readonly title: string;
  /** Kinds of the same tenancy that are undone first, as far as they are due: a target before its instance. */
  readonly after?: readonly After[];
  /**
   * Undoes the thing and returns only when it is confirmed gone. May be called any number of times, after a
   * crash at any point. Throwing means "not yet": it is tried again, with growing pauses.
   */
  discharge(context: DischargeContext<F>): Promise<void>;
}

/** One line per kind of obligation; a kind without a handler could never be met. */
export class ObligationKinds {
  readonly #kinds = new Map<string, ObligationKind>();

  register<F extends JsonObject>(kind: ObligationKind<F>): this {
    if (this.#kinds.has(kind.kind)) throw new Error(`Obligation kind ${kind.kind} is registered twice.`);
    this.#kinds.set(kind.kind, kind as unknown as ObligationKind);
    return this;
  }

  get(kind: string): ObligationKind | undefined {
    return this.#kinds.get(kind);
  }

  names(): string[] {
    return [...this.#kinds.keys()];
  }
}
