import { type EstimateParts, estimateStart } from "../../commands/lib/estimate.ts";
import { slotState } from "../../commands/lib/slots.ts";
import type { Config } from "../../src/config/index.ts";
import type { EngineApi, LeaseView, LogLine, QueueEntry, RunView } from "../../src/engine/types.ts";
import type { JsonObject } from "../../src/util/json.ts";

/** The forms of `/api`, which other programs rely on: times ISO-8601 in UTC, null when absent. */

export function iso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}

export async function runForm(engine: EngineApi, run: RunView): Promise<JsonObject> {
  const [steps, obligations] = await Promise.all([
    engine.steps(run.id),
    engine.obligations({ runId: run.id }),
  ]);
  const { id, uuid, kind, target, state, reason, via, pr, sha } = run;
  return {
    id,
    uuid,
    kind,
    target,
    state,
    reason,
    requestedBy: run.requestedBy.id,
    via,
    pr,
    sha,
    createdAt: iso(run.createdAt),
    startedAt: iso(run.startedAt),
    endedAt: iso(run.endedAt),
    steps: steps.map((step) => ({
      path: step.path,
      name: step.name,
      state: step.state,
      attempt: step.attempt,
      startedAt: iso(step.startedAt),
      endedAt: iso(step.endedAt),
      error: step.error ? { code: step.error.code, message: step.error.message } : null,
    })),
    obligations: obligations.map((owed) => ({
      kind: owed.kind,
      id: owed.id,
      state: owed.state,
      due: iso(owed.due),
    })),
    tests: run.tests ? { ...run.tests } : null,
  };
}

/** Null also for one who waits until somebody unlocks the slot: nobody knows when that is. */
async function startForm(
  parts: EstimateParts,
  lease: LeaseView,
  queue: readonly QueueEntry[],
  runId: number,
): Promise<string | null> {
  const turn = await estimateStart(parts, lease, queue, runId);
  return turn !== null && "at" in turn ? iso(turn.at) : null;
}

export async function slotForm(parts: EstimateParts, lease: LeaseView): Promise<JsonObject> {
  const entries = await parts.engine.queue(lease.resource);
  const queue = await Promise.all(
    entries.map(async (entry) => ({
      run: entry.runId,
      requestedBy: entry.requestedBy.id,
      position: entry.position,
      estimatedStart: await startForm(parts, lease, entries, entry.runId),
    })),
  );
  const fact = (name: string) => {
    const value = lease.facts[name];
    return typeof value === "string" ? value : null;
  };
  return {
    name: lease.resource,
    state: slotState(lease),
    holder: lease.holder?.id ?? null,
    reason: lease.reason,
    since: iso(lease.since),
    until: iso(lease.until),
    run: lease.runId,
    instanceId: fact("instanceId"),
    sha: fact("sha"),
    ami: fact("ami"),
    queue,
  };
}

/** Environments as the configuration names them; nothing deploys them in this version. */
export function environmentForms(config: Config): JsonObject[] {
  return Object.keys(config.environments).map((name) => ({
    name,
    state: "idle",
    sha: null,
    revisionByRegion: {},
    since: null,
    run: null,
  }));
}

export function logForm({ path, at, line }: LogLine): JsonObject {
  return { path, at: iso(at), line };
}
