/** The names a configuration may give to `tests.runner`. */
export const runnerNames = ["local", "ecs", "oci", "github-actions"] as const;
export type RunnerName = (typeof runnerNames)[number];

/** How one test ended, over all its attempts. */
export const testOutcomes = ["passed", "failed", "flaky", "skipped", "notRun"] as const;
export type TestOutcome = (typeof testOutcomes)[number];

export type TestCounts = Readonly<Record<TestOutcome, number>>;

/** Why a browser's run has no report that could be believed. Stable: shown to people and kept in the journal. */
export const reportFaultCodes = [
  "report_missing",
  "report_truncated",
  "report_foreign",
  "report_stale",
  "report_inconsistent",
  "report_empty",
] as const;
export type ReportFaultCode = (typeof reportFaultCodes)[number];

/** Faults of the run as a whole, beside single tests that failed. */
export const runFaultCodes = [
  ...reportFaultCodes,
  "tests_timed_out",
  "tests_lost",
  "tests_not_started",
  "tests_configuration",
  "tests_interrupted",
  "tests_suite_error",
  "tests_exit_code",
] as const;
export type RunFaultCode = (typeof runFaultCodes)[number];

/** Something wrong with a browser's run that belongs to no single test. */
export interface RunFault {
  readonly code: RunFaultCode;
  readonly message: string;
  readonly remedy?: string;
  /** The last lines of a suite that ended without results. */
  readonly tail?: readonly string[];
}

/** A test, named so that it can be found and run again. */
export interface TestName {
  /** Playwright's own id: a hash of project, file and titles. */
  readonly id: string;
  /** The full path of titles without the file, joined with ` › `. */
  readonly title: string;
  /** The same titles apart, as Playwright joins them for `--grep`. */
  readonly titles: readonly string[];
  /** The file as the suite's own root names it, with forward slashes. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A file that a test left: where it lies and, once collected, its size in bytes. */
export interface Artifact {
  readonly path: string;
  readonly bytes?: number;
}

export interface TestFailure extends TestName {
  /** The first error of the last attempt, without terminal colours, cut. */
  readonly message: string;
  readonly snippet?: string;
  readonly screenshot?: Artifact;
  readonly trace?: string;
  /** How many further attempts were made after the first. */
  readonly retries: number;
  readonly durationMs: number;
}

/** One browser's run. */
export interface TestReport {
  readonly browser: string;
  readonly counts: TestCounts;
  readonly failures: readonly TestFailure[];
  /** Tests that were never run or were interrupted; run again together with the failures. */
  readonly notRun: readonly TestName[];
  /** Tests that passed only at a later attempt. */
  readonly flaky: readonly TestName[];
  /** Set when the browser itself could not be started on this machine. */
  readonly unavailable?: { readonly reason: string };
  /** ISO-8601 UTC. */
  readonly startedAt: string;
  readonly durationMs: number;
  readonly errors: readonly RunFault[];
}

/** Counts while the suite runs. */
export interface TestProgress {
  readonly browser: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Their browser is not on this machine, or they were interrupted. */
  readonly notRun: number;
  /** Tests that were collected; 0 until the suite is loaded. */
  readonly total: number;
  /** Tests that are being run at this moment. */
  readonly running: number;
}

export const noCounts: TestCounts = { passed: 0, failed: 0, flaky: 0, skipped: 0, notRun: 0 };
