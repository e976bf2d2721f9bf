/**
 * Keeps the order of arrival for what changes things, while everything before that (who asks, which commit)
 * is looked up side by side: each entrant waits, at the moment of its effect, until all who came before it
 * have had theirs or are through.
 */
export class Turnstile {
  #last: Promise<void> = Promise.resolve();

  /** Takes the next place. `through` must be called in the end, whatever happens. */
  enter(): Turn {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = before.then(() => promise);
    return { wait: () => before, through: resolve };
  }
}

export interface Turn {
  /** Resolves when everyone who entered earlier is through. */
  wait(): Promise<void>;
  through(): void;
}
