import { LEASE_KIND } from "../../src/engine/leasing.ts";
import type { EngineApi, ObligationView } from "../../src/engine/types.ts";

/** An environment that is kept. */
export interface Standing {
  /** The run that left it there. */
  readonly run: number;
  /** When its time ends, ms since 1970. */
  readonly until: number;
}

/** The environment among what is owed: what is to end at a time of its own, but for the slot's lease. Pure. */
export function standingAmong(
  owed: readonly Pick<ObligationView, "kind" | "state" | "due" | "runId">[],
): Standing | null {
  const kept = owed.filter(({ kind, state, due }) => kind !== LEASE_KIND && state !== "gone" && due !== null);
  if (kept.length === 0) return null;
  return {
    run: Math.min(...kept.map(({ runId }) => runId)),
    until: Math.min(...kept.map(({ due }) => due ?? Number.POSITIVE_INFINITY)),
  };
}

/** What stands on a slot; null: nothing that is kept. */
export async function standingOn(engine: EngineApi, slot: string): Promise<Standing | null> {
  return standingAmong(await engine.obligations({ resource: slot, open: true }));
}
