import type { EngineApi, LeaseView } from "../../src/engine/types.ts";

/** Slots as people should see them: while a run is at work, its own reason and commit are the slot's. */
export async function leasesOf(engine: EngineApi, slots: readonly string[]): Promise<LeaseView[]> {
  const leases = await engine.leases(slots);
  return await Promise.all(leases.map((lease) => withRun(engine, lease)));
}

async function withRun(engine: EngineApi, lease: LeaseView): Promise<LeaseView> {
  if (lease.mode !== "run" || lease.runId === null) return lease;
  const run = await engine.run(lease.runId);
  if (run === null) return lease;
  return {
    ...lease,
    reason: lease.reason ?? (run.outcome === null ? run.reason : null),
    facts: { ...(run.sha === null ? {} : { sha: run.sha }), ...lease.facts },
  };
}
