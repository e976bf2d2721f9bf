/** Counts what has changed in the workspace, so that a page that follows it need not ask for everything again. */
export class Changes {
  #version = 1;
  readonly #waiting = new Set<() => void>();

  get version(): number {
    return this.#version;
  }

  note(): void {
    this.#version += 1;
    for (const wake of [...this.#waiting]) wake();
  }

  /** Resolves with the version once it is another than `known`, or after `withinMs` at the latest. */
  async after(known: number, withinMs: number): Promise<number> {
    if (this.#version !== known) return this.#version;
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, withinMs);
      this.#waiting.add(wake);
    });
    return this.#version;
  }

  /** Lets everybody go who waits. */
  end(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
