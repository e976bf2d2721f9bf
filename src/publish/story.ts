import type { RunView, StepView } from "../engine/types.ts";

/** A run as a surface tells it: everything that its message and thread are made from. */
export interface Story {
  readonly run: RunView;
  readonly steps: readonly StepView[];
  /** The last lines of failed steps' output, by the step's path. */
  readonly tails: ReadonlyMap<string, readonly string[]>;
  /** How long earlier runs took. */
  readonly usual: Usual;
  /** Its place among those who wait, from 1; null when it does not wait. */
  readonly position: number | null;
  /** The slot that is reserved for it until its requester answers; null when none is. */
  readonly offer: { readonly slot: string; readonly until: number } | null;
  /** What the run has left standing, or has worked on; null when that stands no more. */
  readonly kept: Kept | null;
  /** What became of the environment that the run had left standing; null: it stands, or there never was one. */
  readonly ended: Ended | null;
  readonly now: number;
}

/** Medians over earlier runs, in ms. */
export interface Usual {
  /** Of a whole run of this kind on this target. */
  readonly total: number | null;
  /** By the step's path. */
  readonly steps: ReadonlyMap<string, number>;
}

export interface Kept {
  readonly slot: string;
  /** Whose environment it is: the run that launched it. */
  readonly run: number;
  readonly until: number;
  readonly url: string | null;
  /** Who has locked the slot beneath it, and has it when this has ended; null: the slot is free then. */
  readonly lockedBy: string | null;
}

/** An environment that has ended after its run. */
export interface Ended {
  readonly slot: string;
  readonly why: string;
  /** Null while that is not confirmed: what is still owed, with its last error. */
  readonly goneAt: number | null;
  readonly owed: readonly string[];
  /** It counts as gone since somebody said so; nobody saw it go. */
  readonly isDeclared: boolean;
  /** Null: somebody else has it by now. */
  readonly slotIs: "free" | { readonly lockedBy: string } | null;
}

/** A reply in the run's thread: sent once, known by its key. */
export interface Reply {
  readonly key: string;
  readonly text: string;
  /** May share a message with others that are due at the same moment. */
  readonly brief?: true;
  /** Uploaded together into the thread, with the text beside them. */
  readonly pictures?: readonly Picture[];
}

/** A picture of a thread. */
export interface Picture {
  /** The file's name: the only one of its name in the thread, by which it is known again. */
  readonly name: string;
  readonly title: string;
  /** For those who cannot see it. */
  readonly alt: string;
  /** Where it lies, or what is drawn from the run. */
  readonly from: { readonly file: string } | "timeline";
}

const ENDED = new Set(["succeeded", "failed", "cancelled"]);

export function hasEnded(run: RunView): boolean {
  return ENDED.has(run.state);
}
