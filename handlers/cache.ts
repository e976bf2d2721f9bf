import type { Clock } from "../src/util/clock.ts";

/**
 * Answers of a slow look-up, kept for a while. Askers at the same moment share one look-up; a failed one is
 * not kept.
 */
export class TimedCache<T> {
  readonly #look: (key: string) => Promise<T>;
  readonly #clock: Clock;
  readonly #keepMs: number;
  readonly #entries = new Map<string, { readonly until: number; readonly answer: Promise<T> }>();
  readonly #most: number;

  constructor(look: (key: string) => Promise<T>, options: { clock: Clock; keepMs: number; most?: number }) {
    this.#look = look;
    this.#clock = options.clock;
    this.#keepMs = options.keepMs;
    this.#most = options.most ?? 5_000;
  }

  get(key: string): Promise<T> {
    const known = this.#entries.get(key);
    if (known && known.until > this.#clock.now()) return known.answer;
    if (this.#entries.size >= this.#most) this.#entries.clear();
    const answer = this.#look(key);
    const entry = { until: this.#clock.now() + this.#keepMs, answer };
    this.#entries.set(key, entry);
    answer.catch(() => {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
    });
    return answer;
  }
}
