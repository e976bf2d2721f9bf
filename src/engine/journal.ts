import type { Database } from "../../db/connection.ts";
import { listSteps, type StoredStep } from "../../db/steps.ts";
import { DuplicateStepError, ReplayMismatchError } from "./errors.ts";

/**
 * What a run has done so far, by path. Within one scope steps come one after the other, so the k-th step of a
 * scope must bear the name that the journal has at that place; across scopes (branches) there is no order.
 */
export class Journal {
  readonly #byPath: Map<string, StoredStep>;
  readonly #byPlace: Map<string, StoredStep>;
  readonly #met = new Set<string>();
  readonly #entered = new Set<string>();

  private constructor(steps: readonly StoredStep[]) {
    const own = steps.filter((step) => step.kind !== "cleanup");
    this.#byPath = new Map(own.map((step) => [step.path, step]));
    this.#byPlace = new Map(own.map((step) => [placeOf(step.scope, step.ordinal), step]));
  }

  static async load(db: Database, runId: number): Promise<Journal> {
    return new Journal(await listSteps(db, runId));
  }

  /**
   * The journaled step at this place, or undefined when it was never begun.
   *
   * @throws DuplicateStepError when this execution has met the path before.
   * @throws ReplayMismatchError when the journal has another step there.
   */
  meet(scope: string, ordinal: number, path: string, name: string): StoredStep | undefined {
    if (this.#met.has(path) || scope === CLEANUP_SCOPE) throw new DuplicateStepError(path);
    this.#met.add(path);
    const atPlace = this.#byPlace.get(placeOf(scope, ordinal));
    if (atPlace && atPlace.path !== path) throw new ReplayMismatchError(scope, atPlace.name, name);
    const atPath = this.#byPath.get(path);
    if (atPath && atPath !== atPlace)
      throw new ReplayMismatchError(scope, `${name} (as step ${atPath.ordinal + 1})`, name);
    return atPlace;
  }

  /** Whether there is a step at this path, begun by this process or an earlier one. */
  has(path: string): boolean {
    return this.#byPath.has(path);
  }

  /**
   * A branch or a named part begins. Two of one name would have their steps at the same places.
   *
   * @throws DuplicateStepError when this execution has entered the scope before.
   */
  enter(scope: string): void {
    if (this.#entered.has(scope) || scope === CLEANUP_SCOPE) throw new DuplicateStepError(scope);
    this.#entered.add(scope);
  }

  /**
   * A scope has ended well: what the journal has of it must have been met, or a step was taken out of the pipeline.
   *
   * @throws ReplayMismatchError
   */
  leave(scope: string): void {
    for (const step of this.#byPath.values()) {
      const isLost = step.scope === scope ? !this.#met.has(step.path) : this.#isBranchLost(scope, step.scope);
      if (isLost) throw new ReplayMismatchError(scope, step.path, "nothing more");
    }
  }

  /** Whether a journaled scope lies in this one, in a branch that was not entered. */
  #isBranchLost(within: string, scope: string): boolean {
    const prefix = within === "" ? "" : `${within}/`;
    if (scope === "" || scope === within || !scope.startsWith(prefix)) return false;
    return ![...this.#entered].some((entered) => entered === scope || scope.startsWith(`${entered}/`));
  }
}

/** Under this name the cleanup of obligations is shown among the steps. */
export const CLEANUP_SCOPE = "cleanup";

function placeOf(scope: string, ordinal: number): string {
  return `${ordinal}:${scope}`;
}
