import { formatDuration } from "../../src/config/index.ts";
import type { EngineApi, LeaseView, QueueEntry, RunView } from "../../src/engine/types.ts";

/**
 * When a place in the queue will probably come up, from the median of earlier runs; null while no run tells.
 *
 * The slot comes free when the run at work has had its usual time, or when a hold ends; each one ahead in the
 * queue then takes the usual time of its kind.
 */
export async function estimateStart(
  engine: EngineApi,
  lease: LeaseView,
  queue: readonly QueueEntry[],
  runId: number,
  now: number,
): Promise<number | null> {
  let at = await freeAt(engine, lease, now);
  if (at === null) return null;
  for (const entry of queue) {
    if (entry.runId === runId) return at;
    const ahead = await engine.run(entry.runId);
    const usual = ahead ? await usualOf(engine, ahead, lease.resource) : null;
    if (usual === null) return null;
    at += usual;
  }
  return null;
}

async function freeAt(engine: EngineApi, lease: LeaseView, now: number): Promise<number | null> {
  // Who is offered the slot may begin now.
  if (lease.mode === "free" || lease.mode === "offered") return now;
  if (lease.mode === "kept" || lease.mode === "locked") return lease.until;
  if (lease.mode !== "run" || lease.runId === null) return null;
  const run = await engine.run(lease.runId);
  const usual = run ? await usualOf(engine, run, lease.resource) : null;
  return run === null || usual === null ? null : Math.max(now, (run.startedAt ?? now) + usual);
}

async function usualOf(engine: EngineApi, run: RunView, resource: string): Promise<number | null> {
  return (await engine.usualDuration(run.kind, resource)) ?? (await engine.usualDuration(run.kind, null));
}

/** A length of time as a person says it: `3m`, `1h20m`, `less than a minute`. */
export function roughly(ms: number): string {
  if (ms < 60_000) return "less than a minute";
  return formatDuration(Math.round(ms / 60_000) * 60_000);
}

/** A length of time as a clock shows it, for steps: `4s`, `2m13s`. */
export function elapsed(ms: number): string {
  return ms < 1_000 ? `${Math.max(0, Math.round(ms))}ms` : formatDuration(Math.round(ms / 1_000) * 1_000);
}
