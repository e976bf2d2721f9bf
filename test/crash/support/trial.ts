import { readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { slash } from "../../../sandbox/client.ts";
import { sleep } from "../../../src/util/clock.ts";
import { type AtKill, audit, type Expectation } from "./audit.ts";
import { type BotOptions, BotProcess, READY_WITHIN_MS } from "./bot.ts";
import { JournalReader, type RunRow } from "./journal.ts";
import { readTally, type Tally, tallyLength } from "./tally.ts";
import type { Yard } from "./yard.ts";

const ENDS_WITHIN_MS = 60_000;
/** Writes that follow a run's end (an event's last word) come within this, in ms. */
const AFTERMATH_MS = 300;

type Preparation = Pick<BotOptions, "preload" | "env" | "killAt" | "trace" | "wait">;

/**
 * One bot (a database) on a yard, through its starts and kills. What happens from `begin` to `audit` is one case;
 * the same bot may go through several.
 */
export class Trial {
  readonly yard: Yard;
  readonly folder: string;
  readonly journal: JournalReader;
  #bot: BotProcess | undefined;
  #since = Date.now();
  #lastRunId = 0;
  #events = 0;
  #notes = 0;
  #over: (trial: Trial) => boolean = () => true;
  #kills: AtKill[] = [];
  #slowest = 0;

  constructor(yard: Yard, name: string) {
    this.yard = yard;
    this.folder = join(yard.folder, name);
    this.journal = new JournalReader(this.folder);
  }

  get bot(): BotProcess {
    if (!this.#bot) throw new Error("The trial's bot has not been started.");
    return this.#bot;
  }

  get kills(): readonly AtKill[] {
    return this.#kills;
  }

  /** Of the restarts since `begin`, in ms. */
  get slowestStart(): number {
    return this.#slowest;
  }

  async start(options: Preparation = {}): Promise<void> {
    this.#bot = await BotProcess.start(this.yard, { ...options, folder: this.folder });
    this.#slowest = Math.max(this.#slowest, this.#bot.readyMs);
  }

  /** A case begins. @param over what must be true besides the run's end */
  begin(over: (trial: Trial) => boolean = () => true): void {
    this.#over = over;
    this.#since = Date.now();
    this.#lastRunId = this.journal.runs().at(-1)?.id ?? 0;
    this.#events = this.journal.acceptedEvents();
    this.#notes = tallyLength(this.yard.tally);
    this.#kills = [];
    this.#slowest = 0;
  }

  /** When the case began, ms since 1970. */
  get since(): number {
    return this.#since;
  }

  /** Counts writes anew from here, and kills at the point (see kill-at-write.ts). */
  arm(point: string): void {
    writeFileSync(join(this.folder, "kill.new"), point);
    renameSync(join(this.folder, "kill.new"), join(this.folder, "kill"));
  }

  /** The journal writes of what `work` does and what follows until the run has ended, `N LABEL` each. */
  async traced(file: string, work: () => Promise<void>): Promise<string[]> {
    const skip = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    this.arm("");
    await work();
    await this.untilEnded();
    await sleep(AFTERMATH_MS);
    return readFileSync(file).subarray(skip).toString("utf8").trim().split("\n");
  }

  /** Types a command in Slack. */
  async say(text: string): Promise<void> {
    this.#events = this.journal.acceptedEvents();
    await slash(this.yard.json, "developer", text);
  }

  /** Whoever was told that it did not work types it again. */
  async sayAgainIfLost(text: string): Promise<void> {
    if (this.journal.acceptedEvents() === this.#events) await this.say(text);
  }

  async kill(): Promise<AtKill> {
    await this.bot.kill();
    return this.#noteKill();
  }

  /** Waits until an armed bot is dead; undefined when its run ended first. */
  async untilKilled(): Promise<AtKill | undefined> {
    const { bot } = this;
    const ended = this.untilEnded(() => !bot.running).then(() => sleep(AFTERMATH_MS));
    await Promise.race([bot.ended, ended]);
    if (bot.running) return undefined;
    await bot.ended;
    return this.#noteKill();
  }

  /** Waits until an armed bot is dead although no run is under way. */
  async untilKilledAnyway(withinMs = 30_000): Promise<boolean> {
    await Promise.race([this.bot.ended, sleep(withinMs)]);
    return !this.bot.running;
  }

  /** Waits until the newest run has ended and the case is over; undefined when that takes too long. */
  async untilEnded(stop = () => false): Promise<RunRow | undefined> {
    const { journal } = this;
    const until = Date.now() + ENDS_WITHIN_MS;
    while (Date.now() < until && !stop()) {
      const run = journal.runs().at(-1);
      const ended = run !== undefined && run.id > this.#lastRunId && run.ended_at !== null;
      if (ended && journal.unhandledEvents() === 0 && this.#over(this)) return run;
      await sleep(40);
    }
    return undefined;
  }

  async until(what: string, condition: () => boolean | Promise<boolean>, withinMs = 30_000): Promise<void> {
    const until = Date.now() + withinMs;
    while (!(await condition())) {
      if (Date.now() > until) throw new Error(`Not ${what} in time:\n${this.bot.lastLines()}`);
      await sleep(20);
    }
  }

  /** What jobs have noted in this case. */
  tally(): Tally {
    return readTally(this.yard.tally, this.#notes);
  }

  /** Everything that is wrong at the end of the case, in words. */
  async audit(expected: Expectation = {}): Promise<string[]> {
    const faults = await audit(
      {
        yard: this.yard,
        journal: this.journal,
        since: this.#since,
        lastRunId: this.#lastRunId,
        kills: this.#kills,
        tally: this.tally(),
      },
      expected,
    );
    if (this.#slowest > READY_WITHIN_MS) faults.push(`ready only after ${Math.round(this.#slowest)} ms`);
    return faults;
  }

  async end(): Promise<void> {
    await this.#bot?.kill();
  }

  #noteKill(): AtKill {
    const [run] = this.journal.runs().filter(({ id }) => id > this.#lastRunId);
    const kill = {
      at: Date.now(),
      run,
      steps: run ? this.journal.steps(run.id) : [],
      tally: this.tally(),
    };
    this.#kills.push(kill);
    return kill;
  }
}
