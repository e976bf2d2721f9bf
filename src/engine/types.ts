import type { JsonObject, JsonValue } from "../util/json.ts";

/**
 * The engine's words.
 *
 * A *run* is one execution of a *pipeline*; a *step* is a journaled unit of it; an *obligation* is something
 * created that must be undone; a *lease* is the right to a resource (a slot), with a *fence* that grows with
 * every new holder; a *tenancy* is the time from a resource's being taken to its being free again, to which
 * the obligations belong, however many runs work in it.
 */

export const runStates = ["queued", "waiting", "running", "succeeded", "failed", "cancelled"] as const;
export type RunState = (typeof runStates)[number];
export const endStates = ["succeeded", "failed", "cancelled"] as const satisfies readonly RunState[];
export type EndState = (typeof endStates)[number];

export const stepStates = ["pending", "running", "succeeded", "failed", "skipped"] as const;
export type StepState = (typeof stepStates)[number];

/** `recorded`: owed, the creating call may be in flight; `created`: known to exist; `gone`: confirmed gone. */
export const obligationStates = ["recorded", "created", "gone"] as const;
export type ObligationState = (typeof obligationStates)[number];

/**
 * `free` nobody's · `offered` reserved for a run until its requester answers · `run` a run is active · `kept` an
 * environment stands until its time ends · `locked` held by a person, nothing launched · `dirty` cleanup is under
 * way or unconfirmed, nothing launches.
 */
export const leaseModes = ["free", "offered", "run", "kept", "locked", "dirty"] as const;
export type LeaseMode = (typeof leaseModes)[number];

/** A lock's end lies at most so far ahead, in ms; a kept environment's own limit is its slot's. */
export const LONGEST_LOCK_MS = 30 * 86_400_000;

/** Someone who asks: `id` is unique over all entrances, e.g. `slack:U0ANN`, `github:ann`, `terminal:ann`. */
export interface Person {
  readonly id: string;
  readonly name: string;
}

export interface Fault {
  readonly code: string;
  readonly message: string;
  readonly remedy?: string | undefined;
  readonly fields?: JsonObject | undefined;
}

export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly flaky: number;
  readonly skipped: number;
  readonly notRun: number;
}

export interface RunView {
  readonly id: number;
  readonly uuid: string;
  readonly kind: string;
  /** The resource that it works on; null while it waits for the first free one of several. */
  readonly target: string | null;
  readonly candidates: readonly string[];
  readonly state: RunState;
  /** Why it is in this state (a failure, a cancel), else what its requester gave as a reason. */
  readonly reason: string | null;
  readonly requestedBy: Person;
  readonly via: string;
  readonly pr: number | null;
  readonly sha: string | null;
  readonly input: JsonObject;
  readonly configHash: string;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly cancelRequestedBy: string | null;
  /** Set when the pipeline's function has ended and cleanup is under way or done. */
  readonly outcome: {
    readonly state: EndState;
    readonly fault: Fault | null;
    readonly result: JsonValue;
  } | null;
  readonly tests: TestCounts | null;
  /** Facts that the pipeline published for surfaces (instance id, url, tests' failures, kept until …). */
  readonly facts: JsonObject;
  readonly retryOf: number | null;
  readonly revision: number;
}

export interface StepView {
  readonly path: string;
  readonly name: string;
  /** `step` of the pipeline, or `cleanup` of an obligation. */
  readonly kind: "step" | "cleanup";
  readonly state: StepState;
  readonly attempt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  /** What it is doing now, e.g. `12 of 40 tests`. */
  readonly detail: string | null;
  readonly error: Fault | null;
}

export interface ObligationView {
  readonly id: string;
  readonly kind: string;
  readonly title: string;
  readonly state: ObligationState;
  readonly runId: number;
  readonly resource: string;
  readonly facts: JsonObject;
  readonly due: number | null;
  readonly attempts: number;
  readonly lastError: string | null;
  /** Why what was kept has ended, or something was struck out; null: nothing to say. */
  readonly note: string | null;
  readonly goneAt: number | null;
}

export interface LeaseView {
  readonly resource: string;
  readonly mode: LeaseMode;
  readonly runId: number | null;
  readonly holder: Person | null;
  readonly reason: string | null;
  readonly since: number | null;
  readonly until: number | null;
  /** `{ instanceId, address, sha, ami, … }` of what stands there. */
  readonly facts: JsonObject;
  readonly hasEnvironment: boolean;
  /** The run at work there has done its work: only its cleanup goes on. */
  readonly isSettling: boolean;
  /** The lock to which it returns when nothing stands there any more. */
  readonly lockBeneath: HoldView | null;
  /** For whom it is held: now, or when the run at work there has ended, as far as that is known. */
  readonly hold: HoldView | null;
}

export interface HoldView {
  readonly mode: "kept" | "locked";
  readonly holder: Person | null;
  /** A locked one's null: until it is unlocked. A kept one's null: it begins when the run has ended. */
  readonly until: number | null;
  /** What is left of it when the run at work has ended, in ms: a kept environment's time stands still meanwhile. */
  readonly remainingMs: number | null;
}

/** `started`: the run has begun · `passed`: somebody gave the turn up · `expired`: nobody answered in time. */
export const offerAnswers = ["started", "passed", "expired"] as const;
export type OfferAnswer = (typeof offerAnswers)[number];

/** A run's turn that its requester was asked about, because the request was old. */
export interface OfferView {
  readonly id: number;
  readonly runId: number;
  readonly resource: string;
  readonly offeredAt: number;
  readonly until: number;
  /** Null while it is open. */
  readonly answer: OfferAnswer | null;
  readonly answeredAt: number | null;
  /** Null: it ran out, or nobody had to be asked any more. */
  readonly answeredBy: Person | null;
}

/** Somebody's turn has come: is the resource given to them, or offered for so long? */
export type HandOff = (turn: {
  readonly resource: string;
  readonly requestedBy: Person;
  readonly via: string;
  /** Since the request, in ms. */
  readonly waitedMs: number;
}) => number | null;

export interface QueueEntry {
  readonly runId: number;
  readonly requestedBy: Person;
  readonly candidates: readonly string[];
  /** From 1, in the order in which they will run: whom a resource is held for goes before the others. */
  readonly position: number;
  readonly requestedAt: number;
  /** What the run will leave of its resource; undefined: what it finds. */
  readonly leaves: "held" | "free" | undefined;
  /** The resource that is reserved for it until its requester answers. */
  readonly offer: { readonly resource: string; readonly until: number } | null;
}

/** An expected "no": nothing was started. */
export interface Refusal {
  readonly refused: true;
  readonly reasonCode: string;
  readonly message: string;
  readonly fields?: JsonObject | undefined;
}

export interface SubmitRequest {
  readonly kind: string;
  /** The resources of which the run needs one, in order of preference. */
  readonly candidates: readonly string[];
  readonly input: JsonObject;
  readonly requestedBy: Person;
  readonly via: string;
  readonly configHash: string;
  readonly reason?: string | null;
  readonly pr?: number | null;
  readonly sha?: string | null;
  readonly retryOf?: number | null;
  /**
   * Take a held (locked or kept) resource: true when its holder or somebody entitled asks. Never queued: who is
   * entitled now may not be when the turn comes.
   */
  readonly adopt?: boolean;
  /** Refuse with `slot_taken` instead of queueing. */
  readonly noWait?: boolean;
  /** The same key starts nothing a second time: the first run is returned. */
  readonly dedupeKey?: string | null;
}

export interface Submitted {
  readonly refused: false;
  readonly run: RunView;
  /** True when an earlier request with the same key had started it. */
  readonly repeated: boolean;
  /** Null when it runs at once. */
  readonly position: number | null;
}

/** What commands and surfaces may ask of the engine. */
export interface EngineApi {
  submit(request: SubmitRequest): Promise<Submitted | Refusal>;
  /**
   * Cancels a queued run at once; asks a running one to stop and clean up. Repeating it changes nothing. One that has
   * done its work and only cleans up is not cancelled any more.
   */
  cancel(
    runId: number,
    by: Person,
  ): Promise<{ refused: false; state: "cancelled" | "stopping"; repeated: boolean } | Refusal>;
  /** Takes a person's run out of the queue (it ends `cancelled`). */
  leave(resource: string, by: Person): Promise<{ refused: false; runId: number } | Refusal>;
  /** Takes one run out of the queue; one that has begun is left alone. */
  withdraw(runId: number, by: Person): Promise<{ refused: false; runId: number } | Refusal>;
  /** Begins a run on the resource that it is offered. Repeating it changes nothing. */
  accept(runId: number, by: Person): Promise<{ refused: false; run: RunView; repeated: boolean } | Refusal>;
  /**
   * Holds a free resource for a person without a run; `until` null = until unlocked. What is kept there has its own
   * end: refused with another.
   */
  lock(
    resource: string,
    by: Person,
    options: { until: number | null; reason: string | null; force?: boolean },
  ): Promise<{ refused: false; lease: LeaseView; previousHolder: Person | null } | Refusal>;
  /**
   * Frees a lock. A kept environment's obligations become due at once (the janitor cleans, then frees). The run that
   * is offered the resource has had its turn.
   */
  unlock(
    resource: string,
    by: Person,
    options: { force: boolean },
  ): Promise<{ refused: false; lease: LeaseView; previousHolder: Person | null } | Refusal>;
  /** Moves the end of a hold by `ms`: a lock's up to its own longest, an environment's to `maxTtlMs` after it began. */
  extend(
    resource: string,
    by: Person,
    options: { ms: number; maxTtlMs: number; force: boolean },
  ): Promise<{ refused: false; until: number } | Refusal>;
  /** Tries a dirty resource's cleanup again now; `declareClean` strikes out what cannot be confirmed. */
  clean(
    resource: string,
    by: Person,
    options: { declareClean: boolean },
  ): Promise<{ refused: false; open: readonly ObligationView[] } | Refusal>;

  run(id: number): Promise<RunView | null>;
  /** The run that a request with this key has begun. */
  runStartedBy(dedupeKey: string): Promise<RunView | null>;
  runs(options: {
    limit: number;
    target?: string;
    states?: readonly RunState[];
  }): Promise<readonly RunView[]>;
  steps(runId: number): Promise<readonly StepView[]>;
  obligations(options: {
    runId?: number;
    resource?: string;
    open?: boolean;
  }): Promise<readonly ObligationView[]>;
  /** A lease for every resource asked for; one never used is `free`. */
  leases(resources: readonly string[]): Promise<readonly LeaseView[]>;
  /** Every resource that is not free or that somebody waits for, whether anybody asked for its name or not. */
  inUse(): Promise<readonly string[]>;
  /**
   * Who waits, in the order of their turns; over all resources in the order in which they came. Who is offered another
   * resource does not wait for this one.
   */
  queue(resource?: string): Promise<readonly QueueEntry[]>;
  /** The last offer that a run was made; null: none. */
  offer(runId: number): Promise<OfferView | null>;
  /** Offers that are open, and those that ended since then. */
  offers(since: number): Promise<readonly OfferView[]>;
  /** Lines of a run's log after `afterSeq`, oldest first. */
  log(
    runId: number,
    options: { afterSeq?: number; path?: string; limit: number },
  ): Promise<readonly LogLine[]>;
  /** Those of them that tell that a step said too much and how much of it was left out. */
  logGaps(runId: number): Promise<readonly LogLine[]>;
  /** Median duration in ms of earlier successful runs of this kind and target; null when there are none. */
  usualDuration(kind: string, target: string | null): Promise<number | null>;
  /** Same for a step's name. */
  usualStepDuration(kind: string, stepPath: string): Promise<number | null>;

  /** Calls back after every visible change; returns the way to stop. */
  onChange(listener: (change: Change) => void): () => void;
}

export interface LogLine {
  readonly seq: number;
  readonly path: string;
  readonly at: number;
  readonly line: string;
}

export type Change =
  | { readonly type: "run"; readonly runId: number }
  | { readonly type: "log"; readonly runId: number }
  | { readonly type: "resource"; readonly resource: string }
  | {
      readonly type: "alarm";
      /** The same whenever the same is told, by a later process too. */
      readonly key: string;
      readonly message: string;
      readonly resource: string;
      /** Tells that all is well again. */
      readonly over: boolean;
    };
