import type { Logger } from "pino";
import type { Database } from "../../db/connection.ts";
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
import { type Clock, sleep } from "../util/clock.ts";
import { messageOf } from "../util/errors.ts";
import type { JsonObject } from "../util/json.ts";

/**
 * Events that were accepted and are not handled yet.
 *
 * An event is written down before its sender gets an answer, so that a killed process loses none, and it is
 * known by its key, so that a repeated delivery is handled once. Each *source* has a handler. Events of one
 * *lane* are handled one after the other in order of arrival; lanes run beside each other, at most
 * `concurrency` at a time. A handler that throws is tried again with growing pauses. After `lateAfterMs` the
 * handler is told that the event is late: it answers, and does nothing else.
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
  readonly db: Database;
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
const PAGE = 200;
/** A third party that does not answer must not hold the process up when it is to end. */
const STOP_WITHIN_MS = 3_000;

export class Inbox {
  readonly #options: InboxOptions;
  readonly #lanes = new Map<string, Delivery[]>();
  readonly #ready: string[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #running = new Set<Promise<void>>();
  readonly #arriving: Arriving[] = [];
  #lastSeen = 0;
  #loading: Promise<void> | undefined;
  #loadAgain = false;
  #started = false;
  #stopped = false;

  constructor(options: InboxOptions) {
    this.#options = options;
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
      const unclaimed = new Set(await insertDeliveries(this.#options.db, rows));
      // Of two with the same key in one batch, the first is the new one.
      for (const { event, resolve } of batch)
        resolve(unclaimed.delete(event.deliveryKey) ? "new" : "repeated");
      this.#wake();
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      this.#arriving.splice(0, batch.length);
      if (this.#arriving.length > 0) setImmediate(() => void this.#store());
    }
  }

  /** Takes up what is unhandled, from earlier processes too, and whatever is accepted from now on. */
  async start(): Promise<void> {
    this.#started = true;
    await pruneInbox(this.#options.db, this.#options.clock.now() - KEPT_MS);
    this.#wake();
    await this.#loading;
  }

  /** Waits a moment for the handlers that run; what is left is taken up by the next process. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    const given = new AbortController();
    await Promise.race([Promise.all([...this.#running, this.#loading]), sleep(STOP_WITHIN_MS, given.signal)]);
    given.abort();
  }

  /** Resolves when nothing is being handled or waits to be; for a drain before the end. */
  async idle(): Promise<void> {
    while (this.#loading || this.#running.size > 0) {
      await this.#loading;
      if (this.#running.size > 0) await Promise.race(this.#running);
    }
  }

  #wake(): void {
    if (!this.#started || this.#stopped) return;
    if (this.#loading) {
      this.#loadAgain = true;
      return;
    }
    this.#loading = this.#load()
      .catch((error) => {
        this.#options.log.error({ err: error }, "the inbox could not be read");
        this.#later(1_000, () => this.#wake());
      })
      .finally(() => {
        this.#loading = undefined;
        if (this.#loadAgain) {
          this.#loadAgain = false;
          this.#wake();
        }
      });
  }

  async #load(): Promise<void> {
    for (;;) {
      const page = await listUnhandled(this.#options.db, this.#lastSeen, PAGE);
      for (const delivery of page) {
        this.#lastSeen = delivery.id;
        this.#line(delivery);
      }
      this.#fill();
      if (page.length < PAGE) return;
    }
  }

  #line(delivery: Delivery): void {
    const handler = this.#options.handlers[delivery.source];
    if (!handler) {
      // Left as it is: a process that knows the source (GitHub set up again) will take it up.
      this.#options.log.warn({ source: delivery.source }, "an event of an unknown source waits in the inbox");
      return;
    }
    const lane = `${delivery.source}/${handler.lane(delivery.payload)}`;
    const line = this.#lanes.get(lane);
    if (line) {
      line.push(delivery);
      return;
    }
    this.#lanes.set(lane, [delivery]);
    this.#ready.push(lane);
  }

  #fill(): void {
    const concurrency = this.#options.concurrency ?? 8;
    while (!this.#stopped && this.#running.size < concurrency) {
      const lane = this.#ready.shift();
      if (lane === undefined) return;
      const work: Promise<void> = this.#workOn(lane).finally(() => {
        this.#running.delete(work);
        this.#fill();
      });
      this.#running.add(work);
    }
  }

  /** Handles the first of a lane, then gives the lane back to the end of the line. */
  async #workOn(lane: string): Promise<void> {
    const line = this.#lanes.get(lane);
    const delivery = line?.[0];
    if (!line || !delivery) return;
    // Senders wait for their answers; nobody waits for this: what has arrived meanwhile goes first.
    await new Promise((resolve) => setImmediate(resolve));
    const pause = await this.#attempt(delivery);
    if (pause !== null) {
      line[0] = { ...delivery, attempts: delivery.attempts + 1, error: "failed" };
      this.#later(pause, () => {
        this.#ready.push(lane);
        this.#fill();
      });
      return;
    }
    line.shift();
    if (line.length === 0) this.#lanes.delete(lane);
    else this.#ready.push(lane);
  }

  /** Null when the event is done with, else how long to wait before the next attempt, in ms. */
  async #attempt(delivery: Delivery): Promise<number | null> {
    const { db, clock, log, handlers } = this.#options;
    const attempt = delivery.attempts + 1;
    const late = clock.now() - delivery.receivedAt > (this.#options.lateAfterMs ?? LATE_AFTER_MS);
    try {
      await beginAttempt(db, delivery.id);
      await handlers[delivery.source]?.handle(delivery.payload, {
        deliveryKey: delivery.deliveryKey,
        receivedAt: delivery.receivedAt,
        late,
        interrupted: delivery.attempts > 0 && delivery.error === null,
        attempt,
      });
      await markHandled(db, delivery.id, clock.now(), null);
      return null;
    } catch (error) {
      log.error({ err: error, delivery: delivery.deliveryKey, attempt }, "an event could not be handled");
      return await this.#failed(delivery, late, messageOf(error));
    }
  }

  async #failed(delivery: Delivery, late: boolean, message: string): Promise<number | null> {
    const { db, clock, log } = this.#options;
    const pauses = this.#options.pausesMs ?? PAUSES_MS;
    const pause = pauses[Math.min(delivery.attempts, pauses.length - 1)] ?? 1_000;
    try {
      if (late && delivery.attempts + 1 >= LATE_ATTEMPTS) {
        await markHandled(db, delivery.id, clock.now(), message);
        return null;
      }
      await failAttempt(db, delivery.id, message);
    } catch (error) {
      log.error({ err: error }, "the inbox could not be written");
    }
    return pause;
  }

  #later(ms: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (!this.#stopped) act();
    }, ms);
    this.#timers.add(timer);
  }
}
