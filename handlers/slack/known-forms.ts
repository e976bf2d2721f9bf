/** So often in a row a form is refused before the workspace is taken not to know it. */
const REFUSALS = 3;
/** A workspace may learn: a form is tried again after this, in ms. */
const TRIED_AGAIN_AFTER_MS = 60 * 60_000;

interface Known {
  refusals: number;
  until: number;
}

/**
 * Which of a message's forms, the richest first, a workspace takes. One refusal says something of one message; several
 * in a row, of different ones, say that asking for the form is a wasted call each time, for a while.
 */
export class Forms {
  readonly #now: () => number;
  readonly #known = new Map<number, Known>();

  /** @param now milliseconds of a clock that never jumps */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** The richest form that is worth trying. */
  get first(): number {
    for (let form = 0; ; form++) {
      const { refusals = 0, until = 0 } = this.#known.get(form) ?? {};
      if (refusals < REFUSALS || until <= this.#now()) return form;
    }
  }

  taken(form: number): void {
    this.#known.delete(form);
  }

  refused(form: number): void {
    const refusals = (this.#known.get(form)?.refusals ?? 0) + 1;
    this.#known.set(form, { refusals, until: this.#now() + TRIED_AGAIN_AFTER_MS });
  }
}
