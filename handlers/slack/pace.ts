import { sleep } from "../../src/util/clock.ts";

/** Keeps calls of one method apart, each key by itself, and all of them away while Slack asks for a pause. */
export class Pace {
  readonly #apartMs: number;
  readonly #next = new Map<string, number>();
  #pausedUntil = 0;

  constructor(apartMs: number) {
    this.#apartMs = apartMs;
  }

  /** Resolves when the next call of this key may be made. */
  async turn(key: string, signal: AbortSignal): Promise<void> {
    const now = Date.now();
    const at = Math.max(now, this.#next.get(key) ?? 0, this.#pausedUntil);
    this.#next.set(key, at + this.#apartMs);
    if (at > now) await sleep(at - now, signal);
  }

  pause(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, Date.now() + ms);
  }

  /** Milliseconds until a pause that Slack asked for is over. */
  pausedFor(): number {
    return Math.max(0, this.#pausedUntil - Date.now());
  }
}
