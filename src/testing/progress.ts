import { z } from "zod";
import { MESSAGE_LIMIT, plainText } from "./report/text.ts";
import { reasonUnavailable } from "./report/unavailable.ts";
import type { RunFault, TestFailure, TestName, TestOutcome, TestProgress, TestReport } from "./words.ts";
import { noCounts } from "./words.ts";

/** The lines that `reporter/progress.mjs` writes. A line of another kind is passed over. */
const event = z.discriminatedUnion("event", [
  z.object({ event: z.literal("begin"), v: z.literal(1), total: z.number(), at: z.number() }),
  z.object({
    event: z.literal("collected"),
    id: z.string(),
    project: z.string(),
    titles: z.array(z.string()).min(1),
    file: z.string(),
    line: z.number(),
    column: z.number(),
  }),
  z.object({ event: z.literal("start"), id: z.string(), attempt: z.number(), at: z.number() }),
  z.object({
    event: z.literal("end"),
    id: z.string(),
    attempt: z.number(),
    status: z.enum(["passed", "failed", "timedOut", "skipped", "interrupted"]),
    outcome: z.enum(["expected", "unexpected", "flaky", "skipped"]),
    expectedStatus: z.string(),
    final: z.boolean(),
    durationMs: z.number(),
    at: z.number(),
    message: z.string().optional(),
  }),
  z.object({ event: z.literal("error"), message: z.string(), at: z.number() }),
  z.object({ event: z.literal("finished"), status: z.string().optional(), at: z.number() }),
]);
type Event = z.output<typeof event>;
type EndEvent = Extract<Event, { event: "end" }>;

/** Follows one browser's run by the lines of its progress file, from the file's start. */
export class ProgressFollower {
  readonly #browser: string;
  readonly #names = new Map<string, TestName>();
  readonly #ends = new Map<string, EndEvent>();
  readonly #running = new Set<string>();
  readonly #errors: string[] = [];
  #total = 0;
  #beganAt: number | undefined;
  #lastAt: number | undefined;
  #finished = false;

  constructor(browser: string) {
    this.#browser = browser;
  }

  /** Takes one line; one that is cut or foreign changes nothing. */
  line(text: string): void {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      return;
    }
    const parsed = event.safeParse(json);
    if (parsed.success) this.#take(parsed.data);
  }

  /** Whether Playwright loaded the suite. */
  get begun(): boolean {
    return this.#beganAt !== undefined;
  }

  /** Whether Playwright itself said that the run is over. */
  get finished(): boolean {
    return this.#finished;
  }

  get progress(): TestProgress {
    const ends = [...this.#ends.values()].filter((end) => end.final);
    const outcomes = ends.map((end) => (missingBrowserOf(end) === undefined ? outcomeOfEnd(end) : "notRun"));
    const count = (...wanted: TestOutcome[]) => outcomes.filter((item) => wanted.includes(item)).length;
    return {
      browser: this.#browser,
      passed: count("passed", "flaky"),
      failed: count("failed"),
      skipped: count("skipped"),
      notRun: count("notRun"),
      total: this.#total,
      running: this.#running.size,
    };
  }

  /**
   * What is known of a run that left no report that could be believed: what ended counts, the rest was not run.
   * `faults` say why there is no report, so that this is never a pass.
   */
  report(faults: readonly [RunFault, ...RunFault[]], startedAt: number): TestReport {
    const began = this.#beganAt ?? startedAt;
    const counts = { ...noCounts };
    const failures: TestFailure[] = [];
    const notRun: TestName[] = [];
    const flaky: TestName[] = [];
    let reason: string | undefined;
    for (const [id, name] of this.#names) {
      const end = this.#ends.get(id);
      const missing = end && missingBrowserOf(end);
      reason ??= missing;
      const outcome = end?.final !== true || missing !== undefined ? "notRun" : outcomeOfEnd(end);
      counts[outcome] += 1;
      if (outcome === "notRun") notRun.push(name);
      if (outcome === "flaky") flaky.push(name);
      if (outcome === "failed" && end !== undefined) failures.push(failureOf(name, end));
    }
    const errors = [
      ...faults,
      ...this.#errors.map((message): RunFault => ({ code: "tests_suite_error", message: plain(message) })),
    ];
    return {
      browser: this.#browser,
      counts,
      failures,
      notRun,
      flaky,
      ...(reason === undefined ? {} : { unavailable: { reason } }),
      startedAt: new Date(began).toISOString(),
      durationMs: Math.max(0, (this.#lastAt ?? began) - began),
      errors,
    };
  }

  #take(event: Event): void {
    if ("at" in event) this.#lastAt = event.at;
    switch (event.event) {
      case "begin":
        this.#beganAt = event.at;
        this.#total = event.total;
        return;
      case "collected": {
        const { id, titles, file, line, column } = event;
        this.#names.set(id, { id, title: titles.join(" › "), titles, file, line, column });
        return;
      }
      case "start":
        this.#running.add(event.id);
        return;
      case "end":
        this.#running.delete(event.id);
        this.#ends.set(event.id, event);
        return;
      case "error":
        this.#errors.push(event.message);
        return;
      case "finished":
        this.#finished = true;
        this.#running.clear();
        return;
    }
  }
}

/** Why the test's browser could not be started, when it is not on this machine. */
function missingBrowserOf({ message }: EndEvent): string | undefined {
  return message === undefined ? undefined : reasonUnavailable(plain(message));
}

function outcomeOfEnd(end: EndEvent): TestOutcome {
  if (end.status === "interrupted") return "notRun";
  switch (end.outcome) {
    case "expected":
      return "passed";
    case "unexpected":
      return "failed";
    case "flaky":
      return "flaky";
    case "skipped":
      return end.expectedStatus === "skipped" ? "skipped" : "notRun";
  }
}

function failureOf(name: TestName, end: EndEvent): TestFailure {
  const message = plain(end.message ?? "") || `The test ended as ${end.status} without a message.`;
  return { ...name, message, retries: end.attempt, durationMs: Math.round(end.durationMs) };
}

const plain = (text: string): string => plainText(text, MESSAGE_LIMIT);
