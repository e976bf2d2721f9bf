/** Wakes those who wait for something to change under a key, and nobody else. */
export class Bell {
  readonly #waiting = new Map<string, Set<() => void>>();

  /** Rings once: begin to listen before looking, or a change in between is missed. */
  listen(key: string): { readonly rung: Promise<void>; stop(): void } {
    const waiting = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiting);
    let wake = () => {};
    const rung = new Promise<void>((resolve) => {
      wake = resolve;
    });
    waiting.add(wake);
    const stop = () => {
      waiting.delete(wake);
      if (waiting.size === 0 && this.#waiting.get(key) === waiting) this.#waiting.delete(key);
    };
    return { rung, stop };
  }

  ring(key: string): void {
    const waiting = this.#waiting.get(key);
    this.#waiting.delete(key);
    for (const wake of waiting ?? []) wake();
  }
}
