import { join } from "node:path";
import type { Expectation } from "./audit.ts";
import { resetCloud } from "./cloud.ts";
import { underWay } from "./tally.ts";
import { Trial } from "./trial.ts";
import type { Yard } from "./yard.ts";

export interface CaseResult {
  readonly point: string;
  /** False: the point was not reached. */
  readonly killed: boolean;
  readonly faults: readonly string[];
  readonly readyMs: number;
  /** The run was under way when the bot was killed, and the same run went on to its end. */
  readonly resumed: boolean;
  /** Jobs that were running when the bot was killed. */
  readonly joined: readonly string[];
}

/** What is done in each case of a series. */
export interface Scenario {
  /** What comes before writes are counted, e.g. a launch that is then cancelled. */
  readonly before?: (trial: Trial) => Promise<void>;
  readonly command: (trial: Trial) => string;
  readonly expected: Expectation;
  /** What must be true at the end besides the run's own end. */
  readonly over?: (trial: Trial) => boolean;
}

/**
 * Cases on one yard, one after the other, by one bot: it recovers from one kill, ends its run, and is killed at the
 * next point. After a case that went wrong a new bot begins with a new database in an empty cloud.
 */
export class Series {
  readonly #yard: Yard;
  readonly #scenario: Scenario;
  #trial: Trial | undefined;
  #trials = 0;

  constructor(yard: Yard, scenario: Scenario) {
    this.#yard = yard;
    this.#scenario = scenario;
  }

  /**
   * The scenario without a kill: its journal writes, `N LABEL` each, in order.
   * @throws Error when it goes wrong without a kill already: what it writes then would hide points
   */
  async trace(): Promise<string[]> {
    const trial = this.#newTrial();
    const file = join(this.#yard.folder, "trace");
    await trial.start({ trace: file });
    trial.begin(this.#scenario.over);
    await this.#scenario.before?.(trial);
    const points = await trial.traced(file, () => trial.say(this.#scenario.command(trial)));
    const faults = await trial.audit(this.#scenario.expected);
    const said = trial.bot.lastLines();
    await trial.end();
    if (faults.length > 0) throw new Error(`Wrong without a kill: ${faults.join("; ")}\n${said}`);
    return points;
  }

  async killAt(point: string): Promise<CaseResult> {
    const { command, expected, before, over } = this.#scenario;
    const trial = await this.#ready();
    trial.begin(over);
    await before?.(trial);
    const words = command(trial);
    trial.arm(point);
    await trial.say(words);
    const kill = await trial.untilKilled();
    if (!kill) return { point, killed: false, faults: [], readyMs: 0, resumed: false, joined: [] };
    await trial.start();
    await trial.sayAgainIfLost(words);
    const run = await trial.untilEnded();
    const faults = run ? await trial.audit(expected) : [`not ended:\n${trial.bot.lastLines()}`];
    const readyMs = trial.slowestStart;
    if (faults.length > 0) await this.#giveUp();
    return {
      point,
      killed: true,
      faults,
      readyMs,
      resumed: kill.run?.state === "running" && run?.uuid === kill.run.uuid,
      joined: underWay(kill.tally),
    };
  }

  async end(): Promise<void> {
    await this.#trial?.end();
    this.#trial = undefined;
  }

  async #giveUp(): Promise<void> {
    await this.end();
    await resetCloud(this.#yard);
  }

  async #ready(): Promise<Trial> {
    if (this.#trial) return this.#trial;
    this.#trial = this.#newTrial();
    await this.#trial.start();
    return this.#trial;
  }

  #newTrial(): Trial {
    return new Trial(this.#yard, `bot-${++this.#trials}`);
  }
}

/** Works through cases with several series at once. A point that was not reached is tried once more. */
export async function playAll(
  series: readonly Series[],
  points: readonly string[],
  onResult: (result: CaseResult) => void = () => {},
): Promise<CaseResult[]> {
  const queue = [...points];
  const results: CaseResult[] = [];
  await Promise.all(
    series.map(async (one) => {
      for (let point = queue.shift(); point !== undefined; point = queue.shift()) {
        const first = await one.killAt(point);
        const result = first.killed ? first : await one.killAt(point);
        onResult(result);
        results.push(result);
      }
      await one.end();
    }),
  );
  return results;
}

/** Both sides of every write: the effect without the journal, the journal without the effect. */
export function bothSides(points: readonly string[]): string[] {
  return points.flatMap((point) => [`before ${point}`, `after ${point}`]);
}

/** What every one of several traces has: what was reached each time can be reached again. */
export function common(traces: readonly (readonly string[])[]): string[] {
  const [first = [], ...rest] = traces;
  return first.filter((point) => rest.every((trace) => trace.includes(point)));
}

/** One line for the log of a whole series. */
export function summary(what: string, results: readonly CaseResult[], seconds: number): string {
  const killed = results.filter((result) => result.killed);
  const slowest = Math.max(0, ...killed.map(({ readyMs }) => readyMs));
  const joins = killed.filter(({ joined }) => joined.length > 0).length;
  return (
    `${what}: killed at ${killed.length} of ${results.length} points in ${Math.round(seconds)} s; ` +
    `${killed.filter(({ resumed }) => resumed).length} runs resumed, ${joins} of them joining a running job; ` +
    `slowest restart ready after ${Math.round(slowest)} ms`
  );
}
