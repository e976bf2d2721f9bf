/** How long those behind wait for one whose look-ups are not done, in ms: Slack and GitHub answer in less. */
const PATIENCE_MS = 2_000;

/**
 * Keeps the order of arrival for what changes things, while everything before that (who asks, which commit)
 * is looked up side by side: each entrant waits, at the moment of its effect, until all who came before it
 * have had theirs or are through.
 *
 * Nobody waits long for a stranger's look-up: who is not ready in time is passed. It has its effect whenever it is
 * ready, behind those who went ahead. Since everybody's time counts from their own entry, nobody waits longer than
 * that for all who came before together, save for their effects, which ask nobody.
 */
export class Turnstile {
  readonly #patienceMs: number;
  #last: Promise<void> = Promise.resolve();

  constructor(patienceMs = PATIENCE_MS) {
    this.#patienceMs = patienceMs;
  }

  /** Takes the next place. `through` must be called in the end, whatever happens. */
  enter(): Turn {
    const before = this.#last;
    const { promise, resolve: letPass } = Promise.withResolvers<void>();
    const timer = setTimeout(letPass, this.#patienceMs).unref();
    this.#last = before.then(() => promise);
    return {
      wait: () => {
        clearTimeout(timer);
        return before;
      },
      through: () => {
        clearTimeout(timer);
        letPass();
      },
    };
  }
}

export interface Turn {
  /** Says that this one is ready; resolves when everyone who entered earlier is through, or has been passed. */
  wait(): Promise<void>;
  /** Gives the place up; a second time does nothing. */
  through(): void;
}
