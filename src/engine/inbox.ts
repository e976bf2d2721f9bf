import type { Logger } from "pino";
import {
  beginAttempt,
  type Delivery,
  failAttempt,
  insertDeliveries,
  listUnhandled,
  MOST_DELIVERIES_AT_ONCE,
  markHandled,
  pruneInbox,
} from "../../db/inbox.ts";
import type { Clock } from "../util/clock.ts";
import { messageOf } from "../util/errors.ts";
import type { JsonObject } from "../util/json.ts";
import { FencedError } from "./errors.ts";
import type { Guard } from "./guard.ts";
import { type Again, Lanes } from "./lanes.ts";

/**
 * Events that were accepted and are not handled yet.
 *
 * An event is written down before its sender gets an answer, so that a killed process loses none, and it is
 * known by its key, so that a repeated delivery is handled once. Each *source* has a handler. Events of one
 * lane are handled one after the other in order of arrival (see Lanes). A handler that throws is tried again with
 * growing pauses. After `lateAfterMs` the handler is told that the event is late: it answers, and does nothing
 * else. A process that has lost the database accepts and handles nothing more.
 */
export interface InboxHandler {
  /** Events of the same lane keep their order. */
  lane(payload: JsonObject): string;
  handle(payload: JsonObject, circumstances: Circumstances): Promise<void>;
}

interface Event {
  readonly source: string;
  /** Known to be the same event by this, unique over all sources. */
  readonly deliveryKey: string;
  readonly payload: JsonObject;
}

interface Arriving {
  readonly event: Event;
  readonly receivedAt: number;
  resolve(result: "new" | "repeated"): void;
  reject(error: unknown): void;
}

export interface Circumstances {
  readonly deliveryKey: string;
  readonly receivedAt: number;
  /** Found too late to be carried out. */
  readonly late: boolean;
  /** An earlier attempt began and nobody knows how far it came: the process died in it. */
  readonly interrupted: boolean;
  /** Counts from 1. */
  readonly attempt: number;
}

export interface InboxOptions {
  readonly guard: Guard;
  readonly clock: Clock;
  readonly log: Logger;
  readonly handlers: Readonly<Record<string, InboxHandler>>;
  readonly concurrency?: number;
  readonly lateAfterMs?: number;
  /** Pauses after the first, second, … failed attempt, in ms; the last one repeats. */
  readonly pausesMs?: readonly number[];
}

const LATE_AFTER_MS = 15 * 60_000;
const PAUSES_MS = [200, 1_000, 5_000, 15_000, 30_000];
/** Attempts to answer a late event before it is let go. */
const LATE_ATTEMPTS = 5;
const KEPT_MS = 14 * 86_400_000;
/** Many: handlers wait for third parties for the most part, and one that does not answer must keep nobody's place. */
const CONCURRENCY = 32;

export class Inbox {
  readonly #options: InboxOptions;
  readonly #lanes: Lanes<Delivery>;
  readonly #arriving: Arriving[] = [];

  constructor(options: InboxOptions) {
    this.#options = options;
    this.#lanes = new Lanes({
      name: "inbox",
      log: options.log,
      concurrency: options.concurrency ?? CONCURRENCY,
      load: (afterId, limit) => listUnhandled(options.guard.db, afterId, limit),
      laneOf: (delivery) => this.#laneOf(delivery),
      work: (delivery) => this.#attempt(delivery),
    });
  }

  /**
   * Writes an event down. The sender may be answered when this has resolved; it throws when nothing was kept.
   * Events that arrive together are written together.
   */
  async accept(event: Event): Promise<"new" | "repeated"> {
    return await new Promise((resolve, reject) => {
      this.#arriving.push({ event, receivedAt: this.#options.clock.now(), resolve, reject });
      if (this.#arriving.length === 1) setImmediate(() => void this.#store());
    });
  }

  async #store(): Promise<void> {
    const batch = this.#arriving.slice(0, MOST_DELIVERIES_AT_ONCE);
    try {
      const rows = batch.map(({ event, receivedAt }) => ({ ...event, receivedAt }));
      const inserted = await this.#options.guard.write(null, (trx) => insertDeliveries(trx, rows));
      const unclaimed = new Set(inserted);
      // Of two with the same key in one batch, the first is the new one.
      for (const { event, resolve } of batch)
        resolve(unclaimed.delete(event.deliveryKey) ? "new" : "repeated");
      this.#lanes.wake();
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      this.#arriving.splice(0, batch.length);
      if (this.#arriving.length > 0) setImmediate(() => void this.#store());
    }
  }

  /** Takes up what is unhandled, from earlier processes too, and whatever is accepted from now on. */
  async start(): Promise<void> {
    const { guard, clock } = this.#options;
    await guard.write(null, (trx) => pruneInbox(trx, clock.now() - KEPT_MS));
    await this.#lanes.start();
  }

  /** Waits a moment for the handlers that run; what is left is taken up by the next process. */
  async stop(): Promise<void> {
    await this.#lanes.stop();
  }

  /** Resolves when nothing is being handled or waits to be; for a drain before the end. */
  async idle(): Promise<void> {
    await this.#lanes.idle();
  }

  #laneOf({ source, payload }: Delivery): string | null {
    const handler = this.#options.handlers[source];
    if (handler) return `${source}/${handler.lane(payload)}`;
    // Left as it is: a process that knows the source (GitHub set up again) will take it up.
    this.#options.log.warn({ source }, "an event of an unknown source waits in the inbox");
    return null;
  }

  async #attempt(delivery: Delivery): Promise<Again<Delivery> | null> {
    const { guard, clock, log, handlers } = this.#options;
    // Senders wait for their answers; nobody waits for this: what has arrived meanwhile goes first.
    await new Promise((resolve) => setImmediate(resolve));
    const attempt = delivery.attempts + 1;
    const late = clock.now() - delivery.receivedAt > (this.#options.lateAfterMs ?? LATE_AFTER_MS);
    try {
      await guard.write(null, (trx) => beginAttempt(trx, delivery.id));
      await handlers[delivery.source]?.handle(delivery.payload, {
        deliveryKey: delivery.deliveryKey,
        receivedAt: delivery.receivedAt,
        late,
        interrupted: delivery.attempts > 0 && delivery.error === null,
        attempt,
      });
      await guard.write(null, (trx) => markHandled(trx, delivery.id, clock.now(), null));
      return null;
    } catch (error) {
      if (error instanceof FencedError) throw error;
      log.error({ err: error, delivery: delivery.deliveryKey, attempt }, "an event could not be handled");
      return await this.#failed(delivery, late, messageOf(error));
    }
  }

  async #failed(delivery: Delivery, late: boolean, message: string): Promise<Again<Delivery> | null> {
    const { guard, clock, log } = this.#options;
    const pauses = this.#options.pausesMs ?? PAUSES_MS;
    const afterMs = pauses[Math.min(delivery.attempts, pauses.length - 1)] ?? 1_000;
    const letGo = late && delivery.attempts + 1 >= LATE_ATTEMPTS;
    try {
      await guard.write(null, (trx) =>
        letGo ? markHandled(trx, delivery.id, clock.now(), message) : failAttempt(trx, delivery.id, message),
      );
      if (letGo) return null;
    } catch (error) {
      if (error instanceof FencedError) throw error;
      log.error({ err: error }, "the inbox could not be written");
    }
    return { row: { ...delivery, attempts: delivery.attempts + 1, error: "failed" }, afterMs };
  }
}
