import type { Waiting } from "../../db/queue.ts";

/** What decides whose turn it is, of one who waits. */
export type InLine = Pick<Waiting, "candidates" | "requestedBy"> & {
  /** What the run will leave behind: see `Pipeline.leaves`; undefined: what it found. */
  readonly leaves: "held" | "free" | undefined;
};

/** For whom a resource is held; a lock outlives the runs that its holder has in it, an environment need not. */
export interface HeldFor {
  readonly id: string | null;
  readonly isLock: boolean;
}

/**
 * The order in which those who wait for one resource will run: first come, first served, and as long as it is held
 * for somebody, their own runs on it go before, since the others wait for the hold's end. Pure.
 */
export function inTurn<Entry extends InLine>(waiting: readonly Entry[], heldFor: HeldFor | null): Entry[] {
  const left = [...waiting];
  const turns: Entry[] = [];
  let held = heldFor;
  while (left.length > 0) {
    const own = left.findIndex((entry) => isOwn(entry, held));
    if (own < 0) held = null;
    const [next] = left.splice(Math.max(own, 0), 1);
    if (next === undefined) break;
    turns.push(next);
    held = heldAfter(next, held);
  }
  return turns;
}

/** Whether one who waits may run on what is held: their own, and meant by name. Pure. */
export function isOwn(entry: Pick<InLine, "candidates" | "requestedBy">, held: HeldFor | null): boolean {
  return held !== null && entry.candidates.length === 1 && entry.requestedBy.id === held.id;
}

/** For whom the resource is held when a run has ended that began while it was held so. Pure. */
export function heldAfter(
  entry: Pick<InLine, "requestedBy" | "leaves">,
  held: HeldFor | null,
): HeldFor | null {
  if (entry.leaves === "held") return { id: entry.requestedBy.id, isLock: false };
  return entry.leaves === "free" && !held?.isLock ? null : held;
}
