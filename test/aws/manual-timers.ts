import type { Timers } from "../../src/cloud/timers.ts";

/** Time that moves only when a test moves it. */
export class ManualTimers implements Timers {
  #now = 1_000_000;
  #setBy = 0;
  readonly #due = new Set<{ readonly at: number; readonly run: () => void }>();

  now(): number {
    return this.#now + this.#setBy;
  }

  /** Somebody sets the clock; no time passes. */
  set(by: number): void {
    this.#setBy += by;
  }

  after(ms: number, run: () => void): () => void {
    const entry = { at: this.#now + ms, run };
    this.#due.add(entry);
    return () => this.#due.delete(entry);
  }

  /** Timers that wait to fire. */
  get pending(): number {
    return this.#due.size;
  }

  /** Lets `ms` pass, firing what comes due in order and letting promises settle in between. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (;;) {
      const next = [...this.#due].filter((entry) => entry.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#due.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
      await settle();
    }
    this.#now = end;
    await settle();
  }
}

/** Lets promises settle, without any time passing. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}
