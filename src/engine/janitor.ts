import type { Queryable } from "../../db/connection.ts";
import { findLease, type Lease, listLeases } from "../../db/leases.ts";
import { findRun } from "../../db/runs.ts";
import { Alarms } from "./alarms.ts";
import { dischargeDue } from "./discharger.ts";
import { FencedError, ShutdownError } from "./errors.ts";
import { freeLease, makeDirty, openObligations } from "./leasing.ts";
import type { EngineParts } from "./parts.ts";
import { expireOffer } from "./submission.ts";

const LOOK_EVERY_MS = 1_000;
const RETRY_AFTER_FAULT_MS = 10_000;

/** The runs that are being carried through: the executor, as the janitor sees it. */
export interface RunsAtWork {
  isActive(runId: number): boolean;
  begin(runId: number): void;
}

/**
 * Looks after resources on which no run is active: an environment whose time is over, or a lease whose run is
 * no more, becomes dirty under the janitor's own fence; a dirty resource's obligations are met; only when all
 * are confirmed gone is it free again. A lock whose time is over is simply free, and so is what nobody took when it
 * was offered.
 */
export class Janitor {
  readonly #parts: EngineParts;
  readonly #runs: RunsAtWork;
  readonly #released: (trx: Queryable) => Promise<() => void>;
  readonly #cleaning = new Map<string, { readonly work: Promise<void>; readonly stop: AbortController }>();
  /** By the process's own steady clock, in ms: the wall clock may be set back by a day. */
  readonly #notBefore = new Map<string, number>();
  readonly #shutdown = new AbortController();
  readonly #alarms: Alarms;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(parts: EngineParts, runs: RunsAtWork, released: (trx: Queryable) => Promise<() => void>) {
    this.#parts = parts;
    this.#runs = runs;
    this.#released = released;
    this.#alarms = new Alarms(parts);
  }

  start(): void {
    const look = () => {
      this.#looking = this.look().catch((error) =>
        this.#parts.log.error({ err: error }, "janitor could not look around"),
      );
      void this.#looking.then(() => {
        if (!this.#shutdown.signal.aborted) this.#timer = setTimeout(look, LOOK_EVERY_MS);
      });
    };
    look();
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#shutdown.abort(new ShutdownError());
    await this.#looking;
    await Promise.allSettled([...this.#cleaning.values()].map(({ work }) => work));
  }

  /** One round. */
  async look(): Promise<void> {
    for (const lease of await listLeases(this.#parts.guard.db)) {
      if (this.#shutdown.signal.aborted) return;
      try {
        await this.#lookAt(lease);
      } catch (error) {
        // One slot's trouble is not the others'. Taken over since the list was read: the next look sees it.
        if (!(error instanceof FencedError))
          this.#parts.log.error(
            { resource: lease.resource, err: error },
            "janitor could not see to a resource",
          );
      }
    }
  }

  /** Stops what is being tried there, and its pauses: the next look begins anew. */
  hurry(resource: string): void {
    this.#notBefore.delete(resource);
    this.#cleaning.get(resource)?.stop.abort();
  }

  async #lookAt(lease: Lease): Promise<void> {
    const now = this.#parts.clock.now();
    const over = lease.until !== null && lease.until <= now;
    if (lease.mode === "locked" && over) await this.#free(lease);
    else if (lease.mode === "offered" && over) await this.#expire(lease);
    else if (lease.mode === "kept" && over)
      this.#clean(await this.#takeOver(lease, "its time to live has ended"));
    else if (lease.mode === "dirty") {
      await this.#alarms.dirty(lease);
      this.#clean(lease);
    } else if (lease.mode === "run" && (await this.#isAbandoned(lease)))
      this.#clean(await this.#takeOver(lease, "its run is no more"));
  }

  async #expire(lease: Lease): Promise<void> {
    const { resource, fence, runId } = lease;
    const afterwards = await this.#parts.guard.write({ resource, fence }, async (trx) => {
      await expireOffer(trx, this.#parts, lease);
      return await this.#released(trx);
    });
    if (runId !== null) this.#parts.changed({ type: "run", runId });
    this.#parts.changed({ type: "resource", resource });
    afterwards();
  }

  /** A run that could not be carried on (a full disk, say) is taken up again; one that is no more leaves its lease behind. */
  async #isAbandoned(lease: Lease): Promise<boolean> {
    if (lease.runId === null) return true;
    if (this.#runs.isActive(lease.runId)) return false;
    const run = await findRun(this.#parts.guard.db, lease.runId);
    if (run?.state !== "running") return true;
    if (this.#mayTry(lease.resource)) {
      this.#pause(lease.resource);
      this.#runs.begin(run.id);
    }
    return false;
  }

  #mayTry(resource: string): boolean {
    return (this.#notBefore.get(resource) ?? 0) <= performance.now();
  }

  #pause(resource: string): void {
    this.#notBefore.set(resource, performance.now() + RETRY_AFTER_FAULT_MS);
  }

  async #takeOver(lease: Lease, reason: string): Promise<Lease> {
    const dirty = await this.#parts.guard.write({ resource: lease.resource, fence: lease.fence }, (trx) =>
      makeDirty(trx, lease, reason, this.#parts.clock.now()),
    );
    this.#parts.changed({ type: "resource", resource: lease.resource });
    return dirty;
  }

  #clean(lease: Lease): void {
    const { resource } = lease;
    if (this.#cleaning.has(resource) || !this.#mayTry(resource)) return;
    const stop = new AbortController();
    const work = this.#cleanUp(lease, AbortSignal.any([this.#shutdown.signal, stop.signal]))
      .catch((error) => {
        if (error instanceof FencedError || error instanceof ShutdownError) return;
        this.#pause(resource);
        this.#parts.log.error({ resource, err: error }, "cleanup interrupted; it goes on");
      })
      .finally(() => this.#cleaning.delete(resource));
    this.#cleaning.set(resource, { work, stop });
  }

  async #cleanUp(lease: Lease, signal: AbortSignal): Promise<void> {
    const fence = { resource: lease.resource, fence: lease.fence };
    if (lease.tenancy !== null) {
      await dischargeDue(this.#parts, { tenancy: lease.tenancy, fence, signal });
      if (signal.aborted) return;
    }
    await this.#free(lease);
  }

  async #free(lease: Lease): Promise<void> {
    const fence = { resource: lease.resource, fence: lease.fence };
    const afterwards = await this.#parts.guard.write(fence, async (trx) => {
      const current = await findLease(trx, lease.resource);
      if (current.tenancy !== null && (await openObligations(trx, current.tenancy)).length > 0)
        return undefined;
      await freeLease(trx, current, this.#parts.clock.now());
      return await this.#released(trx);
    });
    this.#parts.changed({ type: "resource", resource: lease.resource });
    if (afterwards && lease.mode === "dirty") this.#alarms.clean(lease.resource, lease.fence);
    afterwards?.();
  }
}
