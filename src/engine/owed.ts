import type { Queryable } from "../../db/connection.ts";
import {
  changeObligation,
  findObligation,
  insertObligation,
  type Need,
  type StoredObligation,
} from "../../db/obligations.ts";
import type { JsonObject } from "../util/json.ts";
import type { Fence } from "./guard.ts";
import type { EngineParts } from "./parts.ts";
import type { ObligationState } from "./types.ts";

export interface OweOptions<F extends JsonObject> {
  /** Distinguishes several of one kind in one tenancy; owing the same key again is owing once. */
  readonly key?: string;
  /** The run's own thing: what an earlier run of the tenancy owes under the key is another one. */
  readonly own?: boolean;
  readonly facts: F;
  readonly needs?: readonly { readonly on: Owed<JsonObject>; readonly until?: Need["until"] }[];
  /** Obligations of one shared thing carry the same key; the last one out undoes it. */
  readonly shareKey?: string;
}

/** An obligation in the hands of the run that owes it. */
export class Owed<F extends JsonObject> {
  readonly id: string;
  readonly #parts: EngineParts;
  readonly #fence: Fence;
  #stored: StoredObligation;

  constructor(parts: EngineParts, fence: Fence, stored: StoredObligation) {
    this.id = stored.id;
    this.#parts = parts;
    this.#fence = fence;
    this.#stored = stored;
  }

  get kind(): string {
    return this.#stored.kind;
  }

  get state(): ObligationState {
    return this.#stored.state;
  }

  /** As first written down: a replay gets the frozen facts, not those that it would compute anew. */
  get facts(): F {
    return this.#stored.facts as F;
  }

  /** The thing is known to exist; `facts` adds what is known of it now (its id). */
  async created(facts: Partial<F> = {}): Promise<void> {
    await this.#change({ state: "created", facts: { ...this.#stored.facts, ...facts } });
  }

  async learn(facts: Partial<F>): Promise<void> {
    await this.#change({ facts: { ...this.#stored.facts, ...facts } });
  }

  /** Struck out without anything to undo: it surely never came to exist, or it is no longer owed. */
  async strike(note: string): Promise<void> {
    await this.#change({ state: "gone", goneAt: this.#parts.clock.now(), note });
    this.#parts.obligations.ring(this.#stored.tenancy);
  }

  async #change(change: {
    state?: ObligationState;
    facts?: JsonObject;
    goneAt?: number;
    note?: string;
  }): Promise<void> {
    await this.#parts.guard.write(this.#fence, (trx) => changeObligation(trx, this.id, change));
    this.#stored = { ...this.#stored, ...change };
  }
}

/**
 * Writes an obligation down, before the thing is created. Owing the same key a second time (a replay) returns
 * the first with its facts as they were.
 */
export async function recordObligation<F extends JsonObject>(
  parts: EngineParts,
  owner: { fence: Fence; tenancy: string; resource: string; runId: number; signal: AbortSignal },
  kindName: string,
  options: OweOptions<F>,
): Promise<Owed<F>> {
  const kind = parts.kinds.get(kindName);
  if (!kind) throw new Error(`No handler knows how to undo “${kindName}”: register it first.`);
  const base = `${owner.tenancy}/${kindName}${options.key === undefined ? "" : `:${options.key}`}`;
  const stored = await parts.guard.write(owner.fence, async (trx) => {
    const { id, known } = await findOwed(trx, base, owner.runId, options.own ?? false);
    if (known) return known;
    // After a cancel or a failed branch nothing new may come to be owed: its cleanup may have begun.
    owner.signal.throwIfAborted();
    await insertObligation(trx, {
      id,
      kind: kindName,
      version: kind.version,
      title: kind.title,
      tenancy: owner.tenancy,
      resource: owner.resource,
      runId: owner.runId,
      facts: options.facts,
      needs: (options.needs ?? []).map(({ on, until }) => ({ id: on.id, until: until ?? "gone" })),
      shareKey: options.shareKey ?? null,
      due: null,
      createdAt: parts.clock.now(),
    });
    return await findObligation(trx, id);
  });
  if (!stored) throw new Error(`Obligation ${base} vanished while it was written.`);
  return new Owed<F>(parts, owner.fence, stored);
}

/**
 * What is known under a key, or the id for a new obligation. What an earlier run of the tenancy owed and has been
 * met is over: a later run that creates the like owes it anew, under an id of its own. So does one that makes a
 * thing of its own beside the earlier run's.
 */
async function findOwed(
  trx: Queryable,
  base: string,
  runId: number,
  own: boolean,
): Promise<{ id: string; known: StoredObligation | null }> {
  const first = await findObligation(trx, base);
  if (!first || first.runId === runId) return { id: base, known: first };
  if (first.state !== "gone" && !own) return { id: base, known: first };
  const id = `${base}#${runId}`;
  return { id, known: await findObligation(trx, id) };
}
