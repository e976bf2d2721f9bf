import type { Verdict } from "./verdict.ts";
import type { TestProgress, TestReport } from "./words.ts";
import { type RunnerName, runnerNames } from "./words.ts";

/** What the configuration's `tests` section says, with every `{field}` filled. */
export interface TestSettings {
  readonly runner: RunnerName;
  /** The team's own suite. */
  readonly directory: string;
  /** Names of Playwright projects, one run each. */
  readonly browsers: readonly string[];
  /** How many browsers at a time. */
  readonly parallel: number;
  /** Playwright workers per browser. */
  readonly workers: number;
  /** How often Playwright tries a failed test again. */
  readonly retries: number;
  /** How long one browser's run may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Variables for the suite. */
  readonly env: Readonly<Record<string, string>>;
  /** TEST_USER and TEST_PASSWORD of each browser. */
  readonly users: Readonly<Partial<Record<string, { readonly name: string; readonly password: string }>>>;
}

/** Names a test run so that it is found again after a restart of the bot. */
export interface TestRunId {
  /** Never the run's small number. */
  readonly runUuid: string;
  /** The step's path in the run. */
  readonly path: string;
  readonly attempt: number;
}

/** What `stop`, `tidy` and `isGone` call the listing of tests by `prepare`, in the place of a browser. */
export const LISTING = "listing";

export interface PrepareRequest extends TestRunId {
  readonly settings: TestSettings;
  /** For the list; its own, and removed by `tidy`. */
  readonly folder: string;
}

export interface TestRequest extends TestRunId {
  readonly settings: TestSettings;
  /** For output, progress and reports; this attempt's own, kept until its result is journaled. */
  readonly folder: string;
  /** Where screenshots and traces of failures are collected. */
  readonly artifacts: string;
  /** Run only what failed or was not run in these reports; see `rerunOf`. */
  readonly failedOnly?: readonly TestReport[];
}

export interface TestWatch {
  /** Called when the counts change, and after joining with the counts since the suite's start. */
  readonly onProgress?: (progress: TestProgress) => void;
  /** Each line of a browser's output, once. */
  readonly onLine?: (browser: string, line: string) => void;
  /** So many bytes of a browser's output were passed over: it says more than anybody reads. */
  readonly onSkip?: (browser: string, bytes: number) => void;
  /** An abort ends the tests with every process of theirs, and `run` throws its reason. */
  readonly signal?: AbortSignal;
}

export interface TestRun {
  readonly reports: readonly TestReport[];
  readonly verdict: Verdict;
  /** Files of the suite's that were not collected, and why. */
  readonly refusedArtifacts: readonly { readonly path: string; readonly reason: string }[];
}

/** Stable codes of what keeps tests from being begun. */
export const testRefusalCodes = [
  "tests_runner_unsupported",
  "tests_directory_missing",
  "tests_playwright_missing",
  "tests_playwright_too_old",
  "tests_configuration",
  "tests_project_unknown",
  "tests_none_collected",
  "tests_nothing_failed",
] as const;

export interface TestRefusal {
  readonly ok: false;
  readonly reasonCode: (typeof testRefusalCodes)[number];
  /** What is wrong, that nothing was started, and what to do. */
  readonly message: string;
}

export interface Prepared {
  readonly ok: true;
  /** How many tests each browser will run, without retries. */
  readonly tests: Readonly<Record<string, number>>;
}

/** One place where suites run. */
export interface TestRunner {
  readonly name: RunnerName;
  /**
   * Finds out, while the machine still starts, whether the suite can run, or joins who began to under the same id;
   * changes nothing. What it starts is ended by `stop`, and what it leaves is removed by `tidy`, with `LISTING`.
   */
  prepare(request: PrepareRequest, signal?: AbortSignal): Promise<Prepared | TestRefusal>;
  /**
   * Runs the suite, or joins the run when it was begun before under the same id. A browser whose run went wrong
   * has a report that says so: it is not thrown.
   */
  run(request: TestRequest, watch?: TestWatch): Promise<TestRun | TestRefusal>;
  /** Ends what may still run of it; for an obligation. Twice is as good as once. */
  stop(id: TestRunId, browsers: readonly string[], signal?: AbortSignal): Promise<void>;
  /**
   * Removes what the suite itself wrote and said, once the result is written down elsewhere: secrets may be in it.
   * Twice is as good as once.
   */
  tidy(id: TestRunId, browsers: readonly string[], folder: string, signal?: AbortSignal): Promise<void>;
  /** Whether nothing of it runs. */
  isGone(id: TestRunId, browsers: readonly string[], signal?: AbortSignal): Promise<boolean>;
}

export type TestRunners = ReadonlyMap<RunnerName, TestRunner>;

/** The registry: every name that a configuration may give has an entry, if only one that refuses. */
export function testRunners(local: TestRunner): TestRunners {
  return new Map(runnerNames.map((name) => [name, name === local.name ? local : unsupported(name)]));
}

/** A runner that answers, before anything is launched, that this version has not got it. */
function unsupported(name: RunnerName): TestRunner {
  const refusal: TestRefusal = {
    ok: false,
    reasonCode: "tests_runner_unsupported",
    message:
      `tests.runner "${name}" is not supported in this version. Nothing was started. ` +
      'Set tests.runner to "local", or launch with --tests none.',
  };
  return {
    name,
    prepare: async () => refusal,
    run: async () => refusal,
    stop: async () => {},
    tidy: async () => {},
    isGone: async () => true,
  };
}
