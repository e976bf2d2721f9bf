import type { Logger } from "pino";
import { sleep } from "../util/clock.ts";
import { FencedError } from "./errors.ts";

/**
 * Carries out what a table holds and is not done yet, row by row: each row belongs to a *lane*, rows of one lane
 * are done one after the other in their order, and lanes run beside each other, at most `concurrency` at a time.
 *
 * Whoever adds a row calls `wake`; what an earlier process left is taken up at the start. A row that could not be
 * done stays the first of its lane until it is. When another process has taken the database over, nothing more is
 * begun: the rows are that one's.
 */
export interface LaneOptions<Row extends { readonly id: number }> {
  /** For the log: `inbox`. */
  readonly name: string;
  readonly log: Logger;
  readonly concurrency: number;
  /** Rows that are not done, after this one, oldest first. */
  load(afterId: number, limit: number): Promise<readonly Row[]>;
  /** Null: nobody here can do it; it is left for a process that can. */
  laneOf(row: Row): string | null;
  /**
   * Does a row, or tries to. Null: it is done with.
   *
   * @throws FencedError when the database has been taken over; anything else that it throws is a fault of its own
   */
  work(row: Row): Promise<Again<Row> | null>;
}

/** The row is to be tried again, as `row` has it, after so long. */
export interface Again<Row> {
  readonly row: Row;
  readonly afterMs: number;
}

const PAGE = 200;
/** A database that cannot be read now is read again after this, in ms; a row that met an unforeseen fault too. */
const AFTER_FAULT_MS = 1_000;
/** A third party that does not answer must not hold the process up when it is to end. */
const STOP_WITHIN_MS = 3_000;

export class Lanes<Row extends { readonly id: number }> {
  readonly #options: LaneOptions<Row>;
  readonly #lanes = new Map<string, Row[]>();
  readonly #ready: string[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #running = new Set<Promise<void>>();
  #lastSeen = 0;
  #loading: Promise<void> | undefined;
  #loadAgain = false;
  #started = false;
  #stopped = false;

  constructor(options: LaneOptions<Row>) {
    this.#options = options;
  }

  /** Takes up what is not done; resolves when all of it stands in its lane. */
  async start(): Promise<void> {
    this.#started = true;
    this.wake();
    await this.#loading;
  }

  /** Waits a moment for what runs; what is left is taken up by the next process. */
  async stop(): Promise<void> {
    this.#halt();
    const given = new AbortController();
    await Promise.race([Promise.all([...this.#running, this.#loading]), sleep(STOP_WITHIN_MS, given.signal)]);
    given.abort();
  }

  /** Resolves when nothing runs or waits to; for a drain before the end. */
  async idle(): Promise<void> {
    while (this.#loading || this.#running.size > 0) {
      await this.#loading;
      if (this.#running.size > 0) await Promise.race(this.#running);
    }
  }

  /** There may be new rows. */
  wake(): void {
    if (!this.#started || this.#stopped) return;
    if (this.#loading) {
      this.#loadAgain = true;
      return;
    }
    this.#loading = this.#load()
      .catch((error) => {
        this.#options.log.error({ err: error }, `the ${this.#options.name} could not be read`);
        this.#later(AFTER_FAULT_MS, () => this.wake());
      })
      .finally(() => {
        this.#loading = undefined;
        if (!this.#loadAgain) return;
        this.#loadAgain = false;
        this.wake();
      });
  }

  async #load(): Promise<void> {
    for (;;) {
      const page = await this.#options.load(this.#lastSeen, PAGE);
      for (const row of page) {
        this.#lastSeen = row.id;
        this.#line(row);
      }
      this.#fill();
      if (page.length < PAGE) return;
    }
  }

  #line(row: Row): void {
    const lane = this.#options.laneOf(row);
    if (lane === null) return;
    const line = this.#lanes.get(lane);
    if (line) {
      line.push(row);
      return;
    }
    this.#lanes.set(lane, [row]);
    this.#ready.push(lane);
  }

  #fill(): void {
    while (!this.#stopped && this.#running.size < this.#options.concurrency) {
      const lane = this.#ready.shift();
      if (lane === undefined) return;
      const work: Promise<void> = this.#workOn(lane).finally(() => {
        this.#running.delete(work);
        this.#fill();
      });
      this.#running.add(work);
    }
  }

  /** Does the first of a lane, then gives the lane back to the end of the line. */
  async #workOn(lane: string): Promise<void> {
    const line = this.#lanes.get(lane);
    const row = line?.[0];
    if (!line || !row) return;
    const again = await this.#attempt(row);
    if (again === "never") return;
    if (again !== null) {
      line[0] = again.row;
      this.#later(again.afterMs, () => {
        this.#ready.push(lane);
        this.#fill();
      });
      return;
    }
    line.shift();
    if (line.length === 0) this.#lanes.delete(lane);
    else this.#ready.push(lane);
  }

  async #attempt(row: Row): Promise<Again<Row> | null | "never"> {
    const { name, log } = this.#options;
    try {
      return await this.#options.work(row);
    } catch (error) {
      if (error instanceof FencedError) {
        if (!this.#stopped) log.error({ err: error }, `the ${name} stops: another process has the database`);
        this.#halt();
        return "never";
      }
      log.error({ err: error, row: row.id }, `the ${name} met a fault`);
      return { row, afterMs: AFTER_FAULT_MS };
    }
  }

  #halt(): void {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #later(ms: number, act: () => void): void {
    if (this.#stopped) return;
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        if (!this.#stopped) act();
      },
      Math.max(0, ms),
    );
    this.#timers.add(timer);
  }
}
