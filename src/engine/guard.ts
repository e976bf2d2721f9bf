import type { Database, Queryable } from "../../db/connection.ts";
import { readFence } from "../../db/leases.ts";
import { readEpoch } from "../../db/meta.ts";
import { FencedError, isUnavailable, JournalUnavailableError } from "./errors.ts";

/** The right to write about a resource: valid while the resource's fence is still this one. */
export interface Fence {
  readonly resource: string;
  readonly fence: number;
}

/**
 * Every state change goes through here: one immediate transaction that first makes sure that this process is
 * still the one that may write (its epoch) and that the writer still holds its resource (its fence).
 */
export class Guard {
  readonly #db: Database;
  readonly #epoch: number;

  constructor(db: Database, epoch: number) {
    this.#db = db;
    this.#epoch = epoch;
  }

  get db(): Database {
    return this.#db;
  }

  /**
   * @throws FencedError when the process or the resource has been taken over; nothing was written then.
   * @throws JournalUnavailableError when the disk is full or faulty; nothing was written then either.
   */
  async write<T>(fence: Fence | null, change: (trx: Queryable) => Promise<T>): Promise<T> {
    try {
      return await this.#db.transaction().execute(async (trx) => {
        await this.#mustHold(trx, fence);
        return await change(trx);
      });
    } catch (error) {
      throw isUnavailable(error) ? new JournalUnavailableError(error) : error;
    }
  }

  /**
   * Before an effect whose intent is in the database already (a step taken up again, a message to send): an effect
   * is begun only by who may still write.
   *
   * @throws FencedError when the process or the resource has been taken over.
   */
  async check(fence: Fence | null): Promise<void> {
    await this.#mustHold(this.#db, fence);
  }

  async #mustHold(queryable: Queryable, fence: Fence | null): Promise<void> {
    if ((await readEpoch(queryable)) !== this.#epoch) throw new FencedError("The database");
    if (fence && (await readFence(queryable, fence.resource)) !== fence.fence)
      throw new FencedError(fence.resource);
  }
}
