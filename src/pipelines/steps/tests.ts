import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fillAll, type TestsConfig } from "../../config/index.ts";
import { leavesRunAlone } from "../../engine/errors.ts";
import type { Run } from "../../engine/run.ts";
import type { Step } from "../../engine/step.ts";
import type { TestCounts } from "../../engine/types.ts";
import {
  LISTING,
  mergeReports,
  namedFailures,
  type TestRefusal,
  type TestRun,
  type TestRunner,
  type TestSettings,
  testRefusalCodes,
  type Verdict,
} from "../../testing/index.ts";
import { codeOf, messageOf, SlipwayError } from "../../util/errors.ts";
import { cutText } from "../../util/format.ts";
import type { JsonObject } from "../../util/json.ts";
import { OWED } from "../owed/kinds.ts";
import type { TestsFacts } from "../owed/tests.ts";
import type { SlotContext } from "../services.ts";
import type { Host } from "./instance.ts";
import { fieldValues, type Subject } from "./service-update.ts";
import { earlierReports, keepReports, reportFolder } from "./test-reports.ts";

/** `all` browsers of the configuration, `none`, or these. */
export type TestChoice = "all" | "none" | readonly string[];

const PREPARE = "Prepare the tests";
/** Longer than a runner's own limit for it, with the time to end what hangs. */
const PREPARE_LIMIT_MS = 180_000;

const MOST_FAILURES = 300;
const LONGEST_MESSAGE = 2_000;
/** Of a test or a file: as long as anybody reads, and nothing that others' programs have to carry about. */
const LONGEST_NAME = 1_000;

/** Finds out while the machine starts whether the suite can run, so that a broken one costs no instance-hour. */
export async function prepareTests(run: Run, context: SlotContext, choice: TestChoice): Promise<void> {
  const config = context.config.tests;
  if (!config || choice === "none") return;
  const runner = runnerOf(context, config);
  const facts: TestsFacts = {
    runner: config.runner,
    id: { runUuid: run.uuid, path: PREPARE, attempt: 1 },
    browsers: [LISTING],
    folder: join(context.services.jobsFolder, LISTING, run.uuid),
  };
  const work = async ({ signal }: Step) => {
    const owed = await run.owe<TestsFacts>(OWED.tests, { key: LISTING, facts });
    if (owed.state === "recorded") await owed.created();
    const settings = settingsOf(context, config, choice, { env: {} });
    const prepared = await unlessShutdown(signal, (signal) =>
      runner.prepare({ ...facts.id, settings, folder: facts.folder ?? "" }, signal),
    );
    await owed.strike("ended");
    if (!prepared.ok) throw refusedTests(prepared);
    return { tests: prepared.tests };
  };
  try {
    await run.step(PREPARE, work, { timeoutMs: PREPARE_LIMIT_MS });
  } catch (error) {
    // What ended otherwise is still owed, or goes on and is joined by the next process.
    if (isRefused(error)) await tidy(run, runner, facts);
    throw error;
  }
  // Only now that the result is journaled: a replay before would find no list.
  await tidy(run, runner, facts);
}

function isRefused(error: unknown): boolean {
  return testRefusalCodes.some((code) => code === codeOf(error));
}

export interface TestsRequest {
  readonly choice: TestChoice;
  readonly failedOnly: boolean;
  /** The run (its uuid) whose tests are run again; without it the last ones of the environment. */
  readonly earlier?: string | undefined;
  readonly host: Host;
  readonly subject: Subject;
}

type Result = JsonObject & {
  /** What the suite has left behind; not in results that an older version journaled. */
  readonly left?: TestsFacts;
  readonly verdict: Verdict & JsonObject;
  readonly counts: TestCounts & JsonObject;
  readonly failures: readonly JsonObject[];
  readonly notRun: readonly string[];
  /** The counts of each; not in results that an older version journaled. */
  readonly browsers?: readonly JsonObject[];
};

/**
 * Runs the suite against the slot and reports. Tests that failed fail the run; a browser that is not there is told
 * as not run.
 */
export async function runTests(run: Run, context: SlotContext, request: TestsRequest): Promise<void> {
  const config = context.config.tests;
  if (!config || request.choice === "none") return;
  const previous = request.failedOnly ? await previousReports(run, context, request) : null;
  const result = await run.step("Run the tests", (step) =>
    performTests(run, step, context, config, request, previous),
  );
  // Only now that the result is journaled: a replay before would find neither job nor report.
  if (result.left) await tidy(run, runnerOf(context, config), result.left);
  // The counts come last: whoever sees them finds the failures there.
  await run.publish({
    failures: result.failures,
    notRun: result.notRun,
    browsers: result.browsers ?? [],
    testSummary: result.verdict.summary,
  });
  await run.setTests(result.counts);
  await run.describe({ testReports: reportFolder(context, run.uuid) });
  await run.step("Judge the results", async () => {
    if (result.verdict.ok) return;
    const { code, summary, tail = [] } = result.verdict;
    throw new SlipwayError(code, `${summary}${namesOf(result)}${lastWords(tail)}`, {
      remedy: `See the failures in the thread, mend them, and run again: /stg retry ${run.id}`,
      ...(tail.length > 0 && { fields: { tail } }),
    });
  });
}

/** The folder of the reports that say what failed; null: none is known. */
async function previousReports(
  run: Run,
  context: SlotContext,
  { earlier }: TestsRequest,
): Promise<string | null> {
  if (earlier !== undefined) return reportFolder(context, earlier);
  const { testReports } = await run.described();
  return typeof testReports === "string" ? testReports : null;
}

const NAMED = 3;

/** The first failures by name: what people ask next. */
function namesOf({ failures, counts }: Result): string {
  if (failures.length === 0) return "";
  const names = failures.slice(0, NAMED).map(({ title, browser }) => `“${title}” in ${browser}`);
  const left = Math.max(counts.failed, failures.length) - names.length;
  const more = left > 0 ? ` and ${left} more` : "";
  return ` Failed: ${names.join(", ")}${more}.`;
}

const LAST_WORDS = 3;

/** What a suite said last that ended without results: its whole tail is in the thread. */
function lastWords(tail: readonly string[]): string {
  const words = tail.filter((line) => !/^\s*at /.test(line));
  const said = words.slice(-LAST_WORDS).map((line) => cutText(line.trim(), 200));
  return said.length === 0 ? "" : ` It said last: ${said.join(" / ")}`;
}

async function performTests(
  run: Run,
  step: Step,
  context: SlotContext,
  config: TestsConfig,
  request: TestsRequest,
  previous: string | null,
): Promise<Result> {
  const runner = runnerOf(context, config);
  const fields = fieldValues(context, request.host, request.subject);
  const settings = settingsOf(context, config, request.choice, { env: fillAll(config.env, fields) });
  const folder = reportFolder(context, run.uuid);
  await mkdir(folder, { recursive: true });
  const failedOnly = request.failedOnly ? await earlierReports(context, previous, step.signal) : undefined;
  const id = { runUuid: run.uuid, path: step.path, attempt: step.attempt };
  const facts = { runner: config.runner, id, browsers: settings.browsers, folder: join(folder, "work") };
  const owed = await run.owe<TestsFacts>(OWED.tests, { key: String(step.attempt), facts });
  if (owed.state === "recorded") await owed.created();
  const outcome = await unlessShutdown(step.signal, (signal) =>
    runner.run(
      {
        ...id,
        settings,
        folder: facts.folder,
        artifacts: join(folder, "artifacts"),
        ...(failedOnly && { failedOnly }),
      },
      {
        signal,
        onProgress: progressTeller(step),
        onLine: (browser, line) => step.log(`[${browser}] ${line}`),
        onSkip: (_browser, bytes) => step.leaveOut(bytes),
      },
    ),
  );
  if (isRefusal(outcome)) {
    await owed.strike("nothing was started");
    throw refusedTests(outcome);
  }
  await keepReports(context, folder, outcome.reports, (line) => step.log(line), step.signal);
  for (const { path, reason } of outcome.refusedArtifacts) step.log(`Left out ${path}: ${reason}.`);
  await owed.strike("ended");
  return { ...resultOf(outcome), left: facts };
}

/** Takes milliseconds, so a cancel does not stop it; what cannot be removed is no reason to fail. */
async function tidy(run: Run, runner: TestRunner, { id, browsers, folder }: TestsFacts): Promise<void> {
  if (folder === undefined) return;
  await runner.tidy(id, browsers, folder).catch((error) => {
    run.log(`What the suite wrote could not be removed from ${folder}: ${messageOf(error)}`);
  });
}

function isRefusal(outcome: TestRun | TestRefusal): outcome is TestRefusal {
  return "reasonCode" in outcome;
}

/** An abort ends the tests, except when the process stops: then they go on, and the next process joins them. */
async function unlessShutdown<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const cancel = new AbortController();
  const left = new Promise<never>((_, reject) => {
    const aborted = () =>
      leavesRunAlone(signal.reason) ? reject(signal.reason) : cancel.abort(signal.reason);
    if (signal.aborted) aborted();
    else signal.addEventListener("abort", aborted, { once: true });
  });
  left.catch(() => {});
  return await Promise.race([work(cancel.signal), left]);
}

const COUNTED = ["passed", "failed", "skipped", "notRun", "total"] as const;
type Counted = Readonly<Record<(typeof COUNTED)[number], number>>;

function progressTeller(step: Step) {
  const browsers = new Map<string, Counted>();
  return (progress: Counted & { readonly browser: string }) => {
    browsers.set(progress.browser, progress);
    const sum = { passed: 0, failed: 0, skipped: 0, notRun: 0, total: 0 };
    for (const one of browsers.values()) for (const key of COUNTED) sum[key] += one[key];
    const total = sum.total - sum.notRun;
    const done = sum.passed + sum.failed + sum.skipped;
    step.detail(`${done} of ${total} tests${sum.failed > 0 ? `, ${sum.failed} failed` : ""}`);
  };
}

function resultOf({ reports, verdict }: TestRun): Result {
  const { counts, failures } = mergeReports(reports);
  return {
    verdict: verdict as Verdict & JsonObject,
    counts: counts as TestCounts & JsonObject,
    failures: namedFailures(failures, MOST_FAILURES).map(
      ({ browser, title, file, line, message, screenshot }) => ({
        browser,
        title: cutText(title, LONGEST_NAME),
        file: file === undefined ? file : cutText(file, LONGEST_NAME),
        line,
        message: message.slice(0, LONGEST_MESSAGE),
        screenshot: screenshot?.path ?? null,
      }),
    ),
    notRun: reports.flatMap((report) =>
      report.unavailable === undefined ? [] : [`${report.browser} not run: ${report.unavailable.reason}`],
    ),
    browsers: reports.map(({ browser, counts, unavailable }) => ({
      browser,
      ...counts,
      unavailable: unavailable?.reason ?? null,
    })),
  };
}

function settingsOf(
  { services }: SlotContext,
  config: TestsConfig,
  choice: TestChoice,
  { env }: { env: Readonly<Record<string, string>> },
): TestSettings {
  const { runner, parallel, workers, retries, timeout, users } = config;
  return {
    runner,
    directory: resolve(services.baseFolder, config.directory),
    browsers: choice === "all" || choice === "none" ? config.browsers : choice,
    parallel,
    workers,
    retries,
    timeoutMs: timeout,
    env,
    users,
  };
}

function runnerOf({ services }: SlotContext, config: TestsConfig): TestRunner {
  const runner = services.testRunners.get(config.runner);
  if (!runner)
    throw new SlipwayError("tests_runner_unsupported", `There is no test runner called ${config.runner}.`);
  return runner;
}

function refusedTests({ reasonCode, message }: TestRefusal): SlipwayError {
  return new SlipwayError(reasonCode, message);
}
