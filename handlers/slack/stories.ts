import { lockAfter } from "../../commands/lib/leases.ts";
import { standingAmong } from "../../commands/lib/standing.ts";
import type { CommandServices } from "../../commands/services.ts";
import type { RunView, StepView } from "../../src/engine/types.ts";
import { hasEnded, type Kept, type Story, type Usual } from "../../src/publish/story.ts";
import type { Clock } from "../../src/util/clock.ts";
import { endedOf } from "./ended.ts";

const TAIL_LINES = 15;
/** Earlier runs are asked about once a run, and again after this, in ms. */
const USUAL_FOR_MS = 5 * 60_000;

/** Puts together what a surface tells of a run. */
export class Stories {
  readonly #services: CommandServices;
  readonly #clock: Clock;
  readonly #durations = new Map<string, { readonly at: number; readonly ms: number | null }>();

  constructor(services: CommandServices, clock: Clock) {
    this.#services = services;
    this.#clock = clock;
  }

  async of(run: RunView): Promise<Story> {
    const { engine } = this.#services;
    const steps = await engine.steps(run.id);
    const [usual, position, offer, kept] = await Promise.all([
      this.#usual(run, steps),
      this.#position(run),
      this.#offer(run),
      this.#kept(run),
    ]);
    const ended = kept?.run === run.id ? null : await endedOf(engine, run);
    const now = this.#clock.now();
    return { run, steps, tails: tailsOf(steps), usual, position, offer, kept, ended, now };
  }

  async #usual(run: RunView, steps: readonly StepView[]): Promise<Usual> {
    if (hasEnded(run)) return { total: null, steps: new Map() };
    const { engine } = this.#services;
    const total = await this.#remembered(`run ${run.kind} ${run.target}`, () =>
      engine.usualDuration(run.kind, run.target),
    );
    const known = new Map<string, number>();
    for (const { path, state } of steps) {
      if (state !== "running") continue;
      const ms = await this.#remembered(`step ${run.kind} ${path}`, () =>
        engine.usualStepDuration(run.kind, path),
      );
      if (ms !== null) known.set(path, ms);
    }
    return { total, steps: known };
  }

  async #remembered(key: string, ask: () => Promise<number | null>): Promise<number | null> {
    const now = this.#clock.now();
    const known = this.#durations.get(key);
    if (known && known.at > now - USUAL_FOR_MS) return known.ms;
    const ms = await ask();
    if (this.#durations.size > 2_000) this.#durations.clear();
    this.#durations.set(key, { at: now, ms });
    return ms;
  }

  async #position(run: RunView): Promise<number | null> {
    if (run.state !== "queued") return null;
    const waiting = await this.#services.engine.queue(run.candidates[0]);
    return waiting.find(({ runId }) => runId === run.id)?.position ?? null;
  }

  async #offer(run: RunView): Promise<Story["offer"]> {
    if (run.state !== "queued") return null;
    const offer = await this.#services.engine.offer(run.id);
    if (offer === null || offer.answer !== null) return null;
    return { slot: offer.resource, until: offer.until };
  }

  /** What this run has left standing, or has worked on, if its time to live is still to come. */
  async #kept(run: RunView): Promise<Kept | null> {
    if (run.target === null || !hasEnded(run)) return null;
    const owed = await this.#services.engine.obligations({ runId: run.id, open: true });
    // The slot's own is everybody's, and what a later run has put there was not seen by this one.
    const standing = standingAmong(owed.filter((one) => one.runId <= run.id));
    if (standing === null) return null;
    const url = typeof run.facts.url === "string" ? run.facts.url : null;
    const [lease] = await this.#services.engine.leases([run.target]);
    const lock = lease === undefined ? null : lockAfter(lease, this.#clock.now());
    return { slot: run.target, ...standing, url, lockedBy: lock?.holder?.name ?? null };
  }
}

/** The last lines of failed steps' output. */
function tailsOf(steps: readonly StepView[]): Map<string, readonly string[]> {
  const failed = steps.filter(({ state }) => state === "failed");
  return new Map(
    failed.map(({ path, error }) => {
      const tail = error?.fields?.tail;
      return [path, Array.isArray(tail) ? tail.slice(-TAIL_LINES).map(String) : []];
    }),
  );
}
