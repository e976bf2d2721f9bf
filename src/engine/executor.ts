import type { Queryable } from "../../db/connection.ts";
import { findLease } from "../../db/leases.ts";
import type { StoredObligation } from "../../db/obligations.ts";
import { changeRun, findRun, type Outcome, type StoredRun } from "../../db/runs.ts";
import { listSteps, saveStep } from "../../db/steps.ts";
import { codeOf, SlipwayError } from "../util/errors.ts";
import { formatDuration } from "../util/format.ts";
import { cleanUpInTime } from "./cleanup.ts";
import { cleanupPath } from "./discharger.ts";
import {
  alongsideOf,
  asJson,
  CancelledError,
  faultOf,
  isJournalUnavailable,
  leavesRunAlone,
  ShutdownError,
} from "./errors.ts";
import type { Fence } from "./guard.ts";
import { Journal } from "./journal.ts";
import { giveUpKeeping } from "./keeping.ts";
import { isDue, openObligations, releaseAfterRun } from "./leasing.ts";
import type { EngineParts } from "./parts.ts";
import type { Pipeline } from "./pipeline.ts";
import { Run } from "./run.ts";

/** How long a run's own cleanup is tried before the slot turns dirty and the run ends failed, in ms. */
export const CLEANUP_LIMIT_MS = 10 * 60_000;

interface Active {
  readonly cancel: AbortController;
  readonly ended: Promise<void>;
}

/**
 * Carries granted runs through: pipeline → outcome journaled → cleanup → end and release in one transaction.
 * Each stage is taken up again where it was after a restart.
 */
export class Executor {
  readonly #parts: EngineParts;
  readonly #pipelines: ReadonlyMap<string, Pipeline>;
  readonly #released: (trx: Queryable) => Promise<() => void>;
  readonly #active = new Map<number, Active>();
  readonly #shutdown = new AbortController();

  constructor(
    parts: EngineParts,
    pipelines: ReadonlyMap<string, Pipeline>,
    /** Called in the transaction that frees a resource; what it returns is called after the commit. */
    released: (trx: Queryable) => Promise<() => void>,
  ) {
    this.#parts = parts;
    this.#pipelines = pipelines;
    this.#released = released;
  }

  isActive(runId: number): boolean {
    return this.#active.has(runId);
  }

  get activeCount(): number {
    return this.#active.size;
  }

  begin(runId: number): void {
    if (this.#active.has(runId) || this.#shutdown.signal.aborted) return;
    const cancel = new AbortController();
    const ended = this.#carry(runId, cancel)
      .catch((error) => {
        if (leavesRunAlone(error) && !isJournalUnavailable(error))
          this.#parts.log.info({ runId, code: error.code }, "run left to the next process");
        else
          this.#parts.log.error(
            { runId, err: error },
            "run could not be carried on; it stays in the journal",
          );
      })
      .finally(() => this.#active.delete(runId));
    this.#active.set(runId, { cancel, ended });
  }

  cancel(runId: number, by: string | null): void {
    this.#active.get(runId)?.cancel.abort(new CancelledError(by));
  }

  /** Stops carrying: every run stays as it is in the journal. */
  async stop(): Promise<void> {
    this.#shutdown.abort(new ShutdownError());
    await Promise.allSettled([...this.#active.values()].map((active) => active.ended));
  }

  async #carry(runId: number, cancel: AbortController): Promise<void> {
    const run = await findRun(this.#parts.guard.db, runId);
    if (run?.state !== "running" || run.fence === null || run.tenancy === null || run.target === null) return;
    await this.#parts.lines.resume(runId);
    if (run.cancelRequestedAt !== null) cancel.abort(new CancelledError(run.cancelRequestedBy));
    const fence = { resource: run.target, fence: run.fence };
    if (run.outcome === null) {
      const outcome = await this.#perform(run, fence, run.tenancy, cancel.signal);
      await this.#journalOutcome(run, fence, run.tenancy, outcome);
    }
    await this.#cleanUp(runId, fence, run.tenancy);
    await this.#end(runId, fence);
  }

  async #perform(run: StoredRun, fence: Fence, tenancy: string, cancelled: AbortSignal): Promise<Outcome> {
    const { parts } = { parts: this.#parts };
    try {
      const pipeline = this.#pipelineFor(run);
      const journal = await Journal.load(parts.guard.db, run.id);
      const signal = AbortSignal.any([cancelled, this.#shutdown.signal]);
      const root = new Run({ parts, journal, stored: run, fence, tenancy }, "", signal);
      const result = await root.execute((scope) => pipeline.body(scope, run.input));
      return { state: "succeeded", fault: null, result: parts.redact.deep(asJson(run.kind, result)) };
    } catch (error) {
      if (leavesRunAlone(error)) throw error;
      if (this.#shutdown.signal.aborted) throw this.#shutdown.signal.reason;
      for (const other of alongsideOf(error))
        parts.log.info({ runId: run.id, fault: parts.redact.deep(faultOf(other)) }, "failed alongside");
      const fault = parts.redact.deep(faultOf(error));
      parts.log.warn(
        {
          runId: run.id,
          kind: run.kind,
          fault,
          stack: error instanceof Error ? parts.redact.text(error.stack ?? "") : undefined,
        },
        "run failed",
      );
      return {
        ...(isCancel(error, cancelled)
          ? { state: "cancelled", fault: parts.redact.deep(faultOf(cancelReason(error, cancelled))) }
          : { state: "failed", fault }),
        result: null,
      };
    }
  }

  #pipelineFor(run: StoredRun): Pipeline {
    const pipeline = this.#pipelines.get(run.kind);
    if (pipeline && (pipeline.version === run.version || pipeline.compatibleWith.includes(run.version)))
      return pipeline;
    throw new SlipwayError(
      "pipeline_version_unknown",
      `This run began under version ${run.version} of “${run.kind}”, which this Slipway ${pipeline ? `(version ${pipeline.version}) cannot go on with` : "does not know"}.`,
      { remedy: "It was stopped and everything it had created is being cleaned up. Start it again." },
    );
  }

  /**
   * Whoever was told that a run stops was told the truth: a cancel that came before this transaction counts, also when
   * the pipeline had come to its end by then. One that comes after it is refused (see `Engine.cancel`).
   */
  async #journalOutcome(run: StoredRun, fence: Fence, tenancy: string, came: Outcome): Promise<void> {
    const { guard, clock } = this.#parts;
    await guard.write(fence, async (trx) => {
      await endOpenSteps(trx, run.id, clock.now());
      const asked = await findRun(trx, run.id);
      const isCancelled = asked !== null && asked.cancelRequestedAt !== null;
      const outcome = isCancelled ? cancelledInstead(came, asked.cancelRequestedBy) : came;
      if (isCancelled || outcome.state === "cancelled") await giveUpKeeping(trx, run, fence, tenancy);
      await changeRun(trx, run.id, {
        outcome,
        settlingSince: clock.now(),
        ...(outcome.fault && { reason: outcome.fault.message }),
      });
    });
    this.#parts.changed({ type: "run", runId: run.id });
  }

  async #cleanUp(runId: number, fence: Fence, tenancy: string): Promise<void> {
    const { guard, clock } = this.#parts;
    const since = (await findRun(guard.db, runId))?.settlingSince ?? clock.now();
    await cleanUpInTime(this.#parts, { tenancy, fence, signal: this.#shutdown.signal, since });
    if (this.#shutdown.signal.aborted) throw this.#shutdown.signal.reason;
  }

  /** The run's end, its resource's release and the next grants are one transaction. */
  async #end(runId: number, fence: Fence): Promise<void> {
    const { guard, clock } = this.#parts;
    await this.#parts.lines.end(runId);
    const afterwards = await guard.write(fence, async (trx) => {
      const run = await findRun(trx, runId);
      const lease = await findLease(trx, fence.resource);
      const now = clock.now();
      const stuck = (await openObligations(trx, lease.tenancy ?? "")).filter((obligation) =>
        isDue(obligation),
      );
      await releaseAfterRun(trx, lease, now);
      await endStuckCleanup(trx, runId, stuck, now);
      await changeRun(trx, runId, {
        ...finalState(
          run,
          stuck.map((obligation) => obligation.title),
          this.#parts.cleanupLimitMs,
        ),
        endedAt: now,
      });
      return await this.#released(trx);
    });
    this.#parts.changed({ type: "run", runId });
    this.#parts.changed({ type: "resource", resource: fence.resource });
    afterwards();
  }
}

/** Whatever form the cancel took on its way through a pipeline: a library's own abort error is one. */
function isCancel(error: unknown, cancelled: AbortSignal): boolean {
  if (error instanceof CancelledError || codeOf(error) === "cancelled") return true;
  return cancelled.aborted && error instanceof Error && error.name === "AbortError";
}

/** A failure is told as such, whoever cancelled meanwhile; a success that was cancelled is none. */
function cancelledInstead(came: Outcome, by: string | null): Outcome {
  return came.state === "succeeded"
    ? { state: "cancelled", fault: faultOf(new CancelledError(by)), result: null }
    : came;
}

function cancelReason(error: unknown, cancelled: AbortSignal): unknown {
  return cancelled.aborted ? cancelled.reason : error;
}

function finalState(
  run: StoredRun | null,
  stuck: readonly string[],
  limitMs: number,
): { state: "succeeded" | "failed" | "cancelled"; reason?: string | null } {
  const outcome = run?.outcome ?? { state: "failed" as const, fault: null };
  if (stuck.length === 0) return { state: outcome.state };
  const why = `Cleanup unconfirmed after ${formatDuration(limitMs)}: ${stuck.join(", ")}. The slot is dirty: nothing launches there until cleanup, which goes on, is confirmed.`;
  return { state: "failed", reason: outcome.fault ? `${outcome.fault.message} ${why}` : why };
}

/** What the run no longer waits for goes on, but is not shown as if the run still did it. */
async function endStuckCleanup(
  trx: Queryable,
  runId: number,
  stuck: readonly StoredObligation[],
  now: number,
): Promise<void> {
  const reasons = new Map(stuck.map((obligation) => [cleanupPath(obligation), obligation.lastError]));
  for (const step of await listSteps(trx, runId)) {
    if (step.kind !== "cleanup" || step.state !== "running") continue;
    const message = reasons.get(step.path) ?? "It was not confirmed in time.";
    const error = { code: "cleanup_unconfirmed", message };
    await saveStep(trx, runId, { ...step, state: "failed", endedAt: now, error });
  }
}

/** A step that a crash left running and that the replay did not come to again (the run was stopped) has not ended well. */
async function endOpenSteps(trx: Queryable, runId: number, now: number): Promise<void> {
  for (const step of await listSteps(trx, runId)) {
    if (step.kind !== "step" || step.state !== "running") continue;
    const error = { code: "stopped", message: "Stopped before it ended." };
    await saveStep(trx, runId, { ...step, state: "failed", endedAt: now, error });
  }
}
