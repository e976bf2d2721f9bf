import { findLease, type Lease, saveLease } from "../../db/leases.ts";
import { listObligations } from "../../db/obligations.ts";
import { changeRun, findRun, type StoredRun } from "../../db/runs.ts";
import { saveStep } from "../../db/steps.ts";
import type { JsonObject, JsonValue } from "../util/json.ts";
import { heldElsewhere } from "./elsewhere.ts";
import { asJson, leavesRunAlone, SiblingFailedError } from "./errors.ts";
import type { Fence } from "./guard.ts";
import type { Journal } from "./journal.ts";
import {
  clearEarlier,
  expire,
  type KeepOptions,
  keep,
  keepAlong,
  type TakeOver,
  takeOver,
} from "./keeping.ts";
import { openObligations } from "./leasing.ts";
import { Owed, type OweOptions, recordObligation } from "./owed.ts";
import { type EngineParts, logTo } from "./parts.ts";
import { pathOf, runStep, type Step, type StepOptions } from "./step.ts";
import { allOrNone } from "./together.ts";
import type { Person, TestCounts } from "./types.ts";

type Branches = Readonly<Record<string, (run: Run) => Promise<unknown>>>;
type Results<B extends Branches> = { readonly [K in keyof B]: Awaited<ReturnType<B[K]>> };

/** A branch that goes on beside its parent until it is joined. */
export interface Background<T> {
  join(): Promise<T>;
}

interface RunParts {
  readonly parts: EngineParts;
  readonly journal: Journal;
  readonly stored: StoredRun;
  readonly fence: Fence;
  readonly tenancy: string;
}

/**
 * A run in the hands of its pipeline: one scope of it. Steps of a scope come one after the other; what goes on
 * side by side has scopes of its own (`together`, `background`), each with its own `Run`.
 */
export class Run {
  readonly signal: AbortSignal;
  readonly #own: RunParts;
  readonly #scope: string;
  readonly #backgrounds = new Set<{ readonly work: Promise<unknown>; stop(reason: unknown): void }>();
  #ordinal = 0;
  #busyWith: string | undefined;
  #ended = false;

  constructor(own: RunParts, scope: string, signal: AbortSignal) {
    this.#own = own;
    this.#scope = scope;
    this.signal = signal;
  }

  get id(): number {
    return this.#own.stored.id;
  }

  get uuid(): string {
    return this.#own.stored.uuid;
  }

  get kind(): string {
    return this.#own.stored.kind;
  }

  /** The slot (or environment) that the run holds. */
  get resource(): string {
    return this.#own.fence.resource;
  }

  get tenancy(): string {
    return this.#own.tenancy;
  }

  get sha(): string | null {
    return this.#own.stored.sha;
  }

  get pr(): number | null {
    return this.#own.stored.pr;
  }

  get requestedBy(): Person {
    return this.#own.stored.requestedBy;
  }

  /** What its requester gave as a reason. */
  get reason(): string | null {
    return this.#own.stored.reason;
  }

  get configHash(): string {
    return this.#own.stored.configHash;
  }

  /** Of the pipeline under which the run began: the journal is that version's. */
  get version(): number {
    return this.#own.stored.version;
  }

  /**
   * Whether the journal has a step or value at this path of this scope: what a later version does before it is not for
   * a run that an older one has led past it.
   */
  isJournaled(path: string): boolean {
    return this.#own.journal.has(pathOf(this.#scope, path));
  }

  /** Runs a journaled step. Its result (JSON, no secrets) is what a replay returns. */
  async step<T extends JsonValue | undefined | void>(
    name: string,
    work: (step: Step) => Promise<T>,
    options: StepOptions = {},
  ): Promise<T> {
    return await this.#alone(name, () => {
      const { parts, journal, stored, fence } = this.#own;
      const place = {
        runId: stored.id,
        runUuid: stored.uuid,
        fence,
        scope: this.#scope,
        ordinal: this.#ordinal++,
        name,
        signal: this.signal,
      };
      return runStep(parts, journal, place, work, options);
    });
  }

  /** Journals a fact that must be the same after a restart: a time, an id, a choice. */
  async value<T extends JsonValue>(name: string, make: () => T | Promise<T>): Promise<T> {
    return await this.#alone(name, async () => {
      const { parts, journal, stored, fence } = this.#own;
      const path = pathOf(this.#scope, name);
      const ordinal = this.#ordinal++;
      const known = journal.meet(this.#scope, ordinal, path, name);
      if (known) return known.result as T;
      this.signal.throwIfAborted();
      const result = parts.redact.deep(asJson(name, await make())) as T;
      const now = parts.clock.now();
      await parts.guard.write(fence, (trx) =>
        saveStep(trx, stored.id, {
          path,
          scope: this.#scope,
          ordinal,
          name,
          kind: "value",
          state: "succeeded",
          attempt: 1,
          startedAt: now,
          attemptAt: now,
          endedAt: now,
          detail: null,
          result,
          error: null,
        }),
      );
      return result;
    });
  }

  /** The time at which this place was first reached, ms since 1970. */
  async now(name: string): Promise<number> {
    return await this.value(`time: ${name}`, () => this.#own.parts.clock.now());
  }

  /** A named part of the run, such as one round of a loop. */
  async in<T>(name: string, body: (run: Run) => Promise<T>): Promise<T> {
    return await this.#alone(name, async () => await this.#child(name, this.signal).#whole(body));
  }

  /**
   * Runs branches side by side. When one fails the others are stopped, all are awaited, and the first error is
   * thrown with the others attached.
   */
  async together<B extends Branches>(branches: B): Promise<Results<B>> {
    return await this.#alone("together", async () => {
      const results = await allOrNone(this.signal, branches, (name, body, signal) =>
        this.#child(name, signal).#whole(body),
      );
      return results as Results<B>;
    });
  }

  /** Begins a branch that goes on beside the following steps until it is joined; its failure shows there. */
  background<T>(name: string, body: (run: Run) => Promise<T>): Background<T> {
    this.#mustBeOpen(name);
    const stop = new AbortController();
    const work = this.#child(name, AbortSignal.any([this.signal, stop.signal])).#whole(body);
    // Its failure is looked at where it is joined, at the latest at the end of this scope.
    work.catch(noop);
    const entry = { work, stop: (reason: unknown) => stop.abort(reason) };
    this.#backgrounds.add(entry);
    return {
      join: async () => {
        try {
          return await work;
        } finally {
          this.#backgrounds.delete(entry);
        }
      },
    };
  }

  /** Writes down that something will exist that must be undone. Call it before creating the thing. */
  async owe<F extends JsonObject>(kind: string, options: OweOptions<F>): Promise<Owed<F>> {
    this.#mustBeOpen(kind);
    const { parts, fence, tenancy, stored } = this.#own;
    const owner = { fence, tenancy, resource: fence.resource, runId: stored.id, signal: this.signal };
    return await recordObligation(parts, owner, kind, options);
  }

  /** What is owed in this tenancy, whichever run owed it. */
  async owed<F extends JsonObject>(kind: string): Promise<Owed<F>[]> {
    const { parts, fence, tenancy } = this.#own;
    const open = await openObligations(parts.guard.db, tenancy);
    return open.filter((stored) => stored.kind === kind).map((stored) => new Owed<F>(parts, fence, stored));
  }

  /** Under which lease another resource has something open that names one of these things; null when none has. */
  async heldElsewhere(names: readonly string[]): Promise<Lease | null> {
    const { db } = this.#own.parts.guard;
    const other = heldElsewhere(await listObligations(db, { open: true }), this.resource, names);
    return other === null ? null : await findLease(db, other);
  }

  /** Runs `work` while nobody else, run or cleanup, is at the same shared thing. */
  async exclusive<T>(shareKey: string, work: () => Promise<T>): Promise<T> {
    return await this.#own.parts.mutex.run(shareKey, work);
  }

  /** Keeps its obligations of these kinds (and with them the slot) until a time instead of meeting them at the end. */
  async keep(options: KeepOptions): Promise<void> {
    await keep(this.#own, options);
  }

  /** What this run owes of these kinds lives on with the kept environment that it works on, and ends with it. */
  async keepAlong(kinds: readonly string[]): Promise<void> {
    await keepAlong(this.#own, kinds);
  }

  /** Makes everything of the tenancy due: it is undone when the run ends. */
  async expire(): Promise<void> {
    await expire(this.#own);
  }

  /** From here on this run's own thing stands there, and what an earlier run had kept is due; all or nothing. */
  async takeOver(change: TakeOver): Promise<void> {
    await takeOver(this.#own, change);
  }

  /**
   * Undoes now, instead of at the end, what earlier runs owe in the tenancy and is due (see `takeOver`).
   *
   * @throws SlipwayError `cleanup_unconfirmed` when that takes longer than a run's own cleanup may.
   */
  async clearEarlier(step: Pick<Step, "signal" | "startedAt">): Promise<void> {
    await clearEarlier(this.#own, step);
  }

  /** Facts for surfaces; merged into those published before. */
  async publish(facts: JsonObject): Promise<void> {
    await this.#change(async () => ({ facts: { ...(await this.#publishedFacts()), ...facts } }));
  }

  async setTests(tests: TestCounts): Promise<void> {
    await this.#change(async () => ({ tests }));
  }

  /** What now stands on the slot (instance id, commit, image), shown on the board. */
  async describe(facts: JsonObject): Promise<void> {
    const { parts, fence } = this.#own;
    await parts.guard.write(fence, async (trx) => {
      const lease = await findLease(trx, fence.resource);
      await saveLease(trx, { ...lease, facts: { ...lease.facts, ...facts } });
    });
    parts.changed({ type: "resource", resource: fence.resource });
  }

  /** What was last said by `describe` about the resource. */
  async described(): Promise<JsonObject> {
    return (await findLease(this.#own.parts.guard.db, this.resource)).facts;
  }

  log(line: string): void {
    logTo(this.#own.parts, this.id, this.#scope, line);
  }

  async #publishedFacts(): Promise<JsonObject> {
    return (await findRun(this.#own.parts.guard.db, this.id))?.facts ?? {};
  }

  async #change(make: () => Promise<{ facts?: JsonObject; tests?: TestCounts }>): Promise<void> {
    const { parts, fence, stored } = this.#own;
    const change = parts.redact.deep(await make());
    await parts.guard.write(fence, (trx) => changeRun(trx, stored.id, change));
    parts.changed({ type: "run", runId: stored.id });
  }

  #child(name: string, signal: AbortSignal): Run {
    const scope = pathOf(this.#scope, name);
    this.#own.journal.enter(scope);
    return new Run(this.#own, scope, signal);
  }

  /** Runs a scope to its end, with whatever goes on in its background: joined, or stopped when the scope failed. */
  async #whole<T>(body: (run: Run) => Promise<T>): Promise<T> {
    try {
      const result = await body(this);
      for (const background of this.#backgrounds) await background.work;
      this.#own.journal.leave(this.#scope);
      return result;
    } catch (error) {
      const reason = leavesRunAlone(error) ? error : new SiblingFailedError(this.#scope);
      for (const background of this.#backgrounds) background.stop(reason);
      await Promise.allSettled([...this.#backgrounds].map((background) => background.work));
      throw error;
    } finally {
      this.#ended = true;
    }
  }

  /** The whole pipeline: the root scope. */
  async execute<T>(body: (run: Run) => Promise<T>): Promise<T> {
    return await this.#whole(body);
  }

  /** What was not awaited must not go on behind its scope's back, when the cleanup may have begun. */
  #mustBeOpen(name: string): void {
    if (this.#ended) throw new Error(`“${name}” began after its scope had ended: await every step.`);
  }

  /** Steps of one scope at the same time would have no order to replay: a fault of the pipeline. */
  async #alone<T>(name: string, work: () => Promise<T>): Promise<T> {
    this.#mustBeOpen(name);
    if (this.#busyWith !== undefined) {
      throw new Error(
        `“${name}” began while “${this.#busyWith}” was under way in the same scope: use the branch's own run.`,
      );
    }
    this.#busyWith = name;
    try {
      return await work();
    } finally {
      this.#busyWith = undefined;
    }
  }
}

function noop(): void {}
