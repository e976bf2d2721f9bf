import { findLease, type Lease, listLeases } from "../../db/leases.ts";
import { readLog, readLogGaps } from "../../db/logs.ts";
import { listObligations } from "../../db/obligations.ts";
import { findOffer, listOffers } from "../../db/offers.ts";
import { listQueue, type Waiting } from "../../db/queue.ts";
import { findRun, listRuns, recentDurations } from "../../db/runs.ts";
import { recentStepDurations, viewSteps } from "../../db/steps.ts";
import type { JsonObject } from "../util/json.ts";
import { lockUnder, openObligations } from "./leasing.ts";
import type { EngineParts } from "./parts.ts";
import type { Pipeline } from "./pipeline.ts";
import { type InLine, inTurn } from "./turns.ts";
import type {
  EngineApi,
  HoldView,
  LeaseView,
  LogLine,
  ObligationView,
  OfferView,
  QueueEntry,
  RunState,
  RunView,
  StepView,
} from "./types.ts";

type Reading = Pick<
  EngineApi,
  | "run"
  | "runs"
  | "steps"
  | "obligations"
  | "leases"
  | "queue"
  | "offer"
  | "offers"
  | "log"
  | "logGaps"
  | "usualDuration"
  | "usualStepDuration"
>;

/** From how many earlier ones a usual duration is taken. */
const SAMPLES = 9;

/** What surfaces read of the engine. Nothing here changes anything. */
export class Views implements Reading {
  readonly #parts: EngineParts;
  readonly #pipelines: ReadonlyMap<string, Pipeline>;

  constructor(parts: EngineParts, pipelines: ReadonlyMap<string, Pipeline>) {
    this.#parts = parts;
    this.#pipelines = pipelines;
  }

  async run(id: number): Promise<RunView | null> {
    return await findRun(this.#parts.guard.db, id);
  }

  async runs(options: {
    limit: number;
    target?: string;
    states?: readonly RunState[];
  }): Promise<readonly RunView[]> {
    return await listRuns(this.#parts.guard.db, options);
  }

  async steps(runId: number): Promise<readonly StepView[]> {
    return await viewSteps(this.#parts.guard.db, runId);
  }

  /** Of a run: what it owed, and what others had owed in its slot's tenancy while it was at work there. */
  async obligations(options: {
    runId?: number;
    resource?: string;
    open?: boolean;
  }): Promise<readonly ObligationView[]> {
    const { db } = this.#parts.guard;
    const { runId, ...others } = options;
    const run = runId === undefined ? null : await findRun(db, runId);
    if (!run?.tenancy) return await listObligations(db, options);
    const { startedAt, endedAt, tenancy } = run;
    const owed = await listObligations(db, { ...others, tenancy });
    return owed.filter(
      (one) =>
        one.runId === run.id ||
        ((one.goneAt ?? Number.POSITIVE_INFINITY) >= (startedAt ?? 0) &&
          one.createdAt <= (endedAt ?? Number.POSITIVE_INFINITY)),
    );
  }

  async leases(resources: readonly string[]): Promise<readonly LeaseView[]> {
    return await Promise.all(
      resources.map(async (resource) => await this.lease(await findLease(this.#parts.guard.db, resource))),
    );
  }

  async inUse(): Promise<readonly string[]> {
    const leases = await listLeases(this.#parts.guard.db);
    const waiting = await listQueue(this.#parts.guard.db);
    const held = leases.filter(({ mode }) => mode !== "free").map(({ resource }) => resource);
    return [...new Set([...held, ...waiting.flatMap(({ candidates }) => candidates)])];
  }

  async queue(resource?: string): Promise<readonly QueueEntry[]> {
    const { db } = this.#parts.guard;
    const waiting = (await listQueue(db)).map((entry) => ({
      ...entry,
      leaves: this.#leaves(entry.kind, entry.input, resource ?? entry.candidates[0]),
    }));
    const turns = resource === undefined ? waiting : await this.#turnsAt(resource, waiting);
    return turns.map(({ runId, requestedBy, candidates, requestedAt, leaves, offer }, index) => ({
      runId,
      requestedBy,
      candidates,
      requestedAt,
      leaves,
      offer,
      position: index + 1,
    }));
  }

  /** The place among those who wait for one of the same resources. */
  async positionOf({ id, candidates }: Pick<RunView, "id" | "candidates">): Promise<number> {
    const [only] = candidates;
    const turns = await this.queue(candidates.length === 1 ? only : undefined);
    const before = turns.slice(
      0,
      turns.findIndex(({ runId }) => runId === id),
    );
    return before.filter((entry) => entry.candidates.some((one) => candidates.includes(one))).length + 1;
  }

  async #turnsAt<Entry extends Waiting & InLine>(
    resource: string,
    waiting: readonly Entry[],
  ): Promise<Entry[]> {
    const relevant = waiting.filter((entry) => waitsFor(entry, resource));
    if (relevant.length < 2) return relevant;
    const hold = await this.#holdOf(await findLease(this.#parts.guard.db, resource));
    const heldFor = hold && { id: hold.holder?.id ?? null, isLock: hold.mode === "locked" };
    const [asked, others] = [true, false].map((isAsked) =>
      relevant.filter(({ offer }) => (offer !== null) === isAsked),
    );
    return [...(asked ?? []), ...inTurn(others ?? [], heldFor)];
  }

  #leaves(kind: string, input: JsonObject, resource: string | null | undefined): QueueEntry["leaves"] {
    return resource == null ? undefined : this.#pipelines.get(kind)?.leaves(input, resource);
  }

  /** What is said in `LeaseView.hold`. */
  async #holdOf({ mode, holder, until, runId, prior, remainingMs }: Lease): Promise<HoldView | null> {
    if (mode === "kept" || mode === "locked") return { mode, holder, until, remainingMs: null };
    if (mode !== "run" || runId === null) return null;
    const found = prior && { mode: prior.mode, holder: prior.holder, until: prior.until, remainingMs };
    const run = await findRun(this.#parts.guard.db, runId);
    // When it has ended, all that it was to leave is there already.
    if (run === null || run.outcome !== null) return found;
    const leaves = this.#leaves(run.kind, run.input, run.target);
    const isItsOwn = prior?.mode === "kept" && prior.since >= (run.startedAt ?? 0);
    if (leaves === "held" && !isItsOwn)
      return { mode: "kept", holder: run.requestedBy, until: null, remainingMs: null };
    return leaves === "free" && found?.mode === "kept" ? null : found;
  }

  async offer(runId: number): Promise<OfferView | null> {
    return await findOffer(this.#parts.guard.db, runId);
  }

  async offers(since: number): Promise<readonly OfferView[]> {
    return await listOffers(this.#parts.guard.db, since);
  }

  async log(
    runId: number,
    options: { afterSeq?: number; path?: string; limit: number },
  ): Promise<readonly LogLine[]> {
    await this.#parts.lines.flush();
    return await readLog(this.#parts.guard.db, runId, options);
  }

  async logGaps(runId: number): Promise<readonly LogLine[]> {
    await this.#parts.lines.flush();
    return await readLogGaps(this.#parts.guard.db, runId);
  }

  async usualDuration(kind: string, target: string | null): Promise<number | null> {
    return median(await recentDurations(this.#parts.guard.db, kind, target, SAMPLES));
  }

  async usualStepDuration(kind: string, stepPath: string): Promise<number | null> {
    return median(await recentStepDurations(this.#parts.guard.db, kind, stepPath, SAMPLES));
  }

  /** A lease as surfaces see it. */
  async lease(lease: Lease): Promise<LeaseView> {
    const { resource, mode, runId, holder, reason, since, until, facts, tenancy } = lease;
    const open = tenancy === null ? [] : await openObligations(this.#parts.guard.db, tenancy);
    const hold = await this.#holdOf(lease);
    return {
      resource,
      mode,
      runId,
      holder,
      reason,
      since,
      until,
      facts,
      hasEnvironment: open.length > 0,
      isSettling: mode === "run" && runId !== null && (await this.#isSettling(runId)),
      lockBeneath: beneath(lease),
      hold,
    };
  }

  async #isSettling(runId: number): Promise<boolean> {
    return ((await findRun(this.#parts.guard.db, runId))?.outcome ?? null) !== null;
  }
}

function beneath({ prior }: Lease): HoldView | null {
  const lock = lockUnder(prior);
  return lock && { mode: "locked", holder: lock.holder, until: lock.until, remainingMs: null };
}

/** Who is offered one resource waits for no other. */
function waitsFor({ offer, candidates }: Waiting, resource: string): boolean {
  return offer === null ? candidates.includes(resource) : offer.resource === resource;
}

function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? null;
}
