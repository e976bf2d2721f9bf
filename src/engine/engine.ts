import type { Queryable } from "../../db/connection.ts";
import { findLease } from "../../db/leases.ts";
import { beginEpoch } from "../../db/meta.ts";
import { listQueue } from "../../db/queue.ts";
import { changeRun, findRun, findRunByDedupeKey, listActiveRuns, type StoredRun } from "../../db/runs.ts";
import { acceptOffer, giveUpOffered } from "./answering.ts";
import { assemble, type EngineOptions } from "./assemble.ts";
import { Executor } from "./executor.ts";
import { Guard } from "./guard.ts";
import { cleanResource, extendHold, lockResource, refuse, unlockResource } from "./holds.ts";
import { Janitor } from "./janitor.ts";
import { type Grant, grantWaiting } from "./leasing.ts";
import type { EngineParts } from "./parts.ts";
import type { Pipeline } from "./pipeline.ts";
import { enqueueRun, mayWait, Withdrawn, withdraw } from "./submission.ts";
import type { Change, EngineApi, Person, Refusal, SubmitRequest, Submitted } from "./types.ts";
import { Views } from "./views.ts";

export type { EngineOptions } from "./assemble.ts";

/**
 * The engine: takes requests, gives resources to runs in their order, carries runs through (see Executor) and
 * cleans up behind those that are no more (see Janitor). Everything that it knows is in the database: a new
 * process that opens the same one goes on where the last stopped, however it stopped.
 */
export class Engine implements EngineApi {
  readonly #parts: EngineParts;
  readonly #pipelines: ReadonlyMap<string, Pipeline>;
  readonly #executor: Executor;
  readonly #janitor: Janitor;
  readonly #views: Views;
  readonly #listeners: Set<(change: Change) => void>;

  private constructor(
    parts: EngineParts,
    pipelines: readonly Pipeline[],
    listeners: Set<(change: Change) => void>,
  ) {
    this.#parts = parts;
    this.#listeners = listeners;
    this.#pipelines = new Map(pipelines.map((pipeline) => [pipeline.kind, pipeline]));
    this.#views = new Views(parts, this.#pipelines);
    const released = (trx: Queryable) => this.#grant(trx);
    this.#executor = new Executor(parts, this.#pipelines, released);
    this.#janitor = new Janitor(parts, this.#executor, released);
  }

  /** Takes the database over: from here on no earlier process can write to it. Nothing runs before `start`. */
  static async open(options: EngineOptions): Promise<Engine> {
    const epoch = await options.db.transaction().execute((trx) => beginEpoch(trx));
    const listeners = new Set<(change: Change) => void>();
    const parts = assemble(options, new Guard(options.db, epoch), (change) => {
      for (const listener of listeners) {
        try {
          listener(change);
        } catch (error) {
          options.log.error({ err: error, change: change.type }, "a listener failed");
        }
      }
    });
    return new Engine(parts, options.pipelines, listeners);
  }

  /** Takes up every run that was under way, gives free resources to those who wait, and begins to look after the rest. */
  async start(): Promise<{ resumed: number }> {
    const active = await listActiveRuns(this.#parts.guard.db);
    const begin = await this.#parts.guard.write(null, (trx) => this.#grant(trx));
    for (const run of active) this.#executor.begin(run.id);
    begin();
    this.#janitor.start();
    return { resumed: active.length };
  }

  /** Lets go of every run without ending it; the next process takes them up. */
  async stop(): Promise<void> {
    await Promise.all([this.#executor.stop(), this.#janitor.stop()]);
    await this.#parts.lines.flush();
  }

  /** For what else writes to the database: only while this process has it. */
  get guard(): Guard {
    return this.#parts.guard;
  }

  get activeRuns(): number {
    return this.#executor.activeCount;
  }

  async submit(request: SubmitRequest): Promise<Submitted | Refusal> {
    const pipeline = this.#pipelines.get(request.kind);
    if (!pipeline) throw new Error(`No pipeline is called “${request.kind}”.`);
    if (request.candidates.length === 0)
      throw new Error("A run needs at least one resource that it may work on.");
    try {
      const { runId, repeated, begin } = await this.#parts.guard.write(null, async (trx) => {
        const earlier = request.dedupeKey ? await findRunByDedupeKey(trx, request.dedupeKey) : null;
        if (earlier) return { runId: earlier.id, repeated: true, begin: () => {} };
        const runId = await enqueueRun(trx, this.#parts, request, pipeline.version);
        const begin = await this.#grant(trx);
        const run = await findRun(trx, runId);
        if (run?.state === "queued") await mayWait(trx, request);
        return { runId, repeated: false, begin };
      });
      begin();
      this.#parts.changed({ type: "run", runId });
      const run = await findRun(this.#parts.guard.db, runId);
      if (!run) throw new Error(`Run ${runId} vanished.`);
      const position = run.state === "queued" ? await this.#views.positionOf(run) : null;
      return { refused: false, run, repeated, position };
    } catch (error) {
      if (error instanceof Withdrawn) return error.refusal;
      throw error;
    }
  }

  async cancel(runId: number, by: Person): ReturnType<EngineApi["cancel"]> {
    const result = await this.#parts.guard.write(null, async (trx) => {
      const run = await findRun(trx, runId);
      if (!run) return refuse("unknown_run", `There is no run #${runId}.`, { run: runId });
      if (run.endedAt !== null)
        return refuse("run_ended", `Run #${runId} has ended already (${run.state}).`, {
          run: runId,
          state: run.state,
        });
      if (run.state === "queued") {
        const begin = await this.#takeOut(trx, run, by);
        return { refused: false as const, state: "cancelled" as const, repeated: false, begin };
      }
      if (run.cancelRequestedAt !== null)
        return { refused: false as const, state: "stopping" as const, repeated: true, begin: () => {} };
      // What it has come to is journaled, with what it keeps: there is nothing left that could be stopped.
      if (run.outcome !== null)
        return refuse(
          "run_cleaning_up",
          `Run #${runId} has done its work (${run.outcome.state}); only its cleanup goes on.`,
          { run: runId, outcome: run.outcome.state },
        );
      await changeRun(trx, runId, { cancelRequestedAt: this.#parts.clock.now(), cancelRequestedBy: by.name });
      return { refused: false as const, state: "stopping" as const, repeated: false, begin: () => {} };
    });
    if (result.refused) return result;
    const { begin, ...done } = result;
    this.#executor.cancel(runId, by.name);
    this.#parts.changed({ type: "run", runId });
    begin();
    return done;
  }

  async leave(resource: string, by: Person): ReturnType<EngineApi["leave"]> {
    const result = await this.#parts.guard.write(null, async (trx) => {
      const waiting = await listQueue(trx);
      const mine = waiting.find(
        (entry) => entry.requestedBy.id === by.id && entry.candidates.includes(resource),
      );
      const run = mine ? await findRun(trx, mine.runId) : null;
      if (!run) return refuse("not_queued", `You are not waiting for ${resource}.`, { resource });
      return { refused: false as const, runId: run.id, begin: await this.#takeOut(trx, run, by) };
    });
    return this.#taken(result);
  }

  async withdraw(runId: number, by: Person): ReturnType<EngineApi["withdraw"]> {
    const result = await this.#parts.guard.write(null, async (trx) => {
      const run = await findRun(trx, runId);
      if (run?.state !== "queued")
        return refuse("not_queued", `Run #${runId} does not wait in a queue.`, { run: runId });
      return { refused: false as const, runId, begin: await this.#takeOut(trx, run, by) };
    });
    return this.#taken(result);
  }

  #taken(
    result: { refused: false; runId: number; begin: () => void } | Refusal,
  ): { refused: false; runId: number } | Refusal {
    if (result.refused) return result;
    const { begin, runId } = result;
    this.#parts.changed({ type: "run", runId });
    begin();
    return { refused: false, runId };
  }

  /** Out of the queue; who comes next has what was offered. What it returns is called after the commit. */
  async #takeOut(trx: Queryable, run: StoredRun, by: Person): Promise<() => void> {
    const { offered } = await withdraw(trx, this.#parts, run, by);
    if (offered === null) return () => {};
    const begin = await this.#grant(trx);
    return () => {
      this.#parts.changed({ type: "resource", resource: offered });
      begin();
    };
  }

  async accept(runId: number, by: Person): ReturnType<EngineApi["accept"]> {
    const result = await this.#parts.guard.write(null, (trx) => acceptOffer(trx, this.#parts, runId, by));
    if (result.refused) return result;
    if (!result.repeated) this.#granted([{ runId, resource: result.resource, offered: false }]);
    const run = await findRun(this.#parts.guard.db, runId);
    if (!run) throw new Error(`Run ${runId} vanished.`);
    return { refused: false, run, repeated: result.repeated };
  }

  async lock(
    resource: string,
    by: Person,
    options: Parameters<EngineApi["lock"]>[2],
  ): ReturnType<EngineApi["lock"]> {
    const now = this.#parts.clock.now();
    const result = await this.#parts.guard.write(null, (trx) =>
      lockResource(trx, resource, by, {
        until: options.until,
        reason: options.reason,
        force: options.force ?? false,
        now,
      }),
    );
    if (result.refused) return result;
    this.#parts.changed({ type: "resource", resource });
    return { ...result, lease: await this.#views.lease(result.lease) };
  }

  async unlock(resource: string, by: Person, options: { force: boolean }): ReturnType<EngineApi["unlock"]> {
    const now = this.#parts.clock.now();
    const { result, ended, begin } = await this.#parts.guard.write(null, async (trx) => {
      const offered = await giveUpOffered(trx, this.#parts, resource, by, options);
      const result = offered ?? (await unlockResource(trx, resource, by, { force: options.force, now }));
      const lease = await findLease(trx, resource);
      const begin = result.refused ? () => {} : await this.#grant(trx);
      return { result: result.refused ? result : { ...result, lease }, ended: runOf(offered), begin };
    });
    if (result.refused) return result;
    if (ended !== null) this.#parts.changed({ type: "run", runId: ended });
    begin();
    this.#parts.changed({ type: "resource", resource });
    return {
      refused: false,
      previousHolder: result.previousHolder,
      lease: await this.#views.lease(result.lease),
    };
  }

  async extend(
    resource: string,
    by: Person,
    options: Parameters<EngineApi["extend"]>[2],
  ): ReturnType<EngineApi["extend"]> {
    const now = this.#parts.clock.now();
    const result = await this.#parts.guard.write(null, (trx) =>
      extendHold(trx, resource, by, { ...options, now }),
    );
    if (!result.refused) this.#parts.changed({ type: "resource", resource });
    return result;
  }

  async clean(
    resource: string,
    by: Person,
    options: { declareClean: boolean },
  ): ReturnType<EngineApi["clean"]> {
    const now = this.#parts.clock.now();
    const result = await this.#parts.guard.write(null, (trx) =>
      cleanResource(trx, resource, by, { ...options, now }),
    );
    if (!result.refused) {
      this.#janitor.hurry(resource);
      this.#parts.changed({ type: "resource", resource });
    }
    return result;
  }

  run(id: number): ReturnType<EngineApi["run"]> {
    return this.#views.run(id);
  }

  async runStartedBy(dedupeKey: string): ReturnType<EngineApi["runStartedBy"]> {
    return await findRunByDedupeKey(this.#parts.guard.db, dedupeKey);
  }

  runs(options: Parameters<EngineApi["runs"]>[0]): ReturnType<EngineApi["runs"]> {
    return this.#views.runs(options);
  }

  steps(runId: number): ReturnType<EngineApi["steps"]> {
    return this.#views.steps(runId);
  }

  obligations(options: Parameters<EngineApi["obligations"]>[0]): ReturnType<EngineApi["obligations"]> {
    return this.#views.obligations(options);
  }

  leases(resources: readonly string[]): ReturnType<EngineApi["leases"]> {
    return this.#views.leases(resources);
  }

  inUse(): ReturnType<EngineApi["inUse"]> {
    return this.#views.inUse();
  }

  queue(resource?: string): ReturnType<EngineApi["queue"]> {
    return this.#views.queue(resource);
  }

  offer(runId: number): ReturnType<EngineApi["offer"]> {
    return this.#views.offer(runId);
  }

  offers(since: number): ReturnType<EngineApi["offers"]> {
    return this.#views.offers(since);
  }

  log(runId: number, options: Parameters<EngineApi["log"]>[1]): ReturnType<EngineApi["log"]> {
    return this.#views.log(runId, options);
  }

  logGaps(runId: number): ReturnType<EngineApi["logGaps"]> {
    return this.#views.logGaps(runId);
  }

  usualDuration(kind: string, target: string | null): Promise<number | null> {
    return this.#views.usualDuration(kind, target);
  }

  usualStepDuration(kind: string, stepPath: string): Promise<number | null> {
    return this.#views.usualStepDuration(kind, stepPath);
  }

  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Grants or offers what can be; the runs begin when the transaction is through. */
  async #grant(trx: Queryable): Promise<() => void> {
    const grants = await grantWaiting(trx, this.#parts);
    return () => this.#granted(grants);
  }

  #granted(grants: readonly Grant[]): void {
    for (const { runId, resource, offered } of grants) {
      if (!offered) this.#executor.begin(runId);
      this.#parts.changed({ type: "run", runId });
      this.#parts.changed({ type: "resource", resource });
    }
  }
}

function runOf(offered: Awaited<ReturnType<typeof giveUpOffered>>): number | null {
  return offered === null || offered.refused ? null : offered.runId;
}
