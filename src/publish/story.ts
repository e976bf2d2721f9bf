import type { RunView, StepView } from "../engine/types.ts";

/** A run as a surface tells it: everything that its message and thread are made from. */
export interface Story {
  readonly run: RunView;
  readonly steps: readonly StepView[];
  /** The last lines of failed steps' output, by the step's path. */
  readonly tails: ReadonlyMap<string, readonly string[]>;
  readonly now: number;
}

/** A reply in the run's thread: sent once, known by its key. */
export interface Reply {
  readonly key: string;
  readonly text: string;
  /** May share a message with others that are due at the same moment. */
  readonly brief?: true;
}

const ENDED = new Set(["succeeded", "failed", "cancelled"]);

export function hasEnded(run: RunView): boolean {
  return ENDED.has(run.state);
}
