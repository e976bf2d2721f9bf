import type { EngineApi, HoldView, LeaseView } from "../../src/engine/types.ts";

/** Slots as people should see them: a run's own reason is the slot's, and its commit too while it is at work. */
export async function leasesOf(engine: EngineApi, slots: readonly string[]): Promise<LeaseView[]> {
  const leases = await engine.leases(slots);
  return await Promise.all(leases.map((lease) => withRun(engine, lease)));
}

async function withRun(engine: EngineApi, lease: LeaseView): Promise<LeaseView> {
  if ((lease.mode !== "run" && lease.mode !== "offered") || lease.runId === null) return lease;
  const run = await engine.run(lease.runId);
  if (run === null) return lease;
  const reason = lease.reason ?? (run.outcome === null ? run.reason : null);
  if (lease.mode === "offered") return { ...lease, reason };
  return {
    ...lease,
    reason,
    facts: { ...(run.sha === null ? {} : { sha: run.sha }), ...lease.facts },
  };
}

/** The lock that holds a slot if what stands there ends at a time; null: the slot is free then. */
export function lockAfter({ lockBeneath }: LeaseView, at: number): HoldView | null {
  return lockBeneath !== null && (lockBeneath.until === null || lockBeneath.until > at) ? lockBeneath : null;
}
