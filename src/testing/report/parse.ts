import type { RunFault, TestCounts, TestFailure, TestName, TestOutcome, TestReport } from "../words.ts";
import { noCounts } from "../words.ts";
import { ReportError } from "./error.ts";
import { errorOf, outcomeOf, statusAgrees, textOf, unavailableReason } from "./outcome.ts";
import { readJson } from "./read.ts";
import type { ReportJson, SpecJson, SuiteJson, TestJson } from "./schema.ts";
import { MESSAGE_LIMIT, plainText, SNIPPET_LIMIT } from "./text.ts";

export interface Expected {
  /** The Playwright project that was asked for. */
  readonly browser: string;
  /** The run began at this moment (milliseconds since the epoch): an older report is another run's. */
  readonly notBefore?: number;
}

/** Playwright's clock is the same machine's, but it rounds; an older run lies further back than this. */
const CLOCK_SLACK_MS = 1000;

/**
 * Parses one browser's JSON report.
 * @throws {ReportError} when the text is no complete, consistent report of this run and browser.
 */
export function parseReport(text: string | undefined, expected: Expected): TestReport {
  const json = readJson(text, `"${expected.browser}"`);
  const startedAt = Date.parse(json.stats.startTime);
  if (expected.notBefore !== undefined && startedAt < expected.notBefore - CLOCK_SLACK_MS) {
    throw new ReportError(
      "report_stale",
      `The report was begun at ${json.stats.startTime}, before this run.`,
      {
        startTime: json.stats.startTime,
      },
    );
  }
  if (!json.config.projects.some((project) => project.name === expected.browser)) {
    const names = json.config.projects.map((project) => project.name).join(", ");
    throw new ReportError(
      "report_foreign",
      `The report has no project "${expected.browser}", only: ${names}.`,
    );
  }
  const cases = casesOf(json);
  refuseContradictions(json, cases);
  const errors = json.errors.map(globalFault);
  if (cases.length === 0 && errors.length === 0) {
    throw new ReportError("report_empty", `No test was collected for "${expected.browser}".`);
  }
  if (cases.length > 0 && !cases.some(({ test }) => test.projectName === expected.browser)) {
    throw new ReportError(
      "report_empty",
      `None of the tests that were collected is of "${expected.browser}".`,
    );
  }
  return reportOf(expected.browser, json, cases, errors);
}

interface Case {
  readonly name: TestName;
  readonly test: TestJson;
  readonly outcome: TestOutcome;
}

function casesOf(json: ReportJson): Case[] {
  const cases: Case[] = [];
  const visit = (suite: SuiteJson, titles: readonly string[]): void => {
    for (const spec of suite.specs) {
      const name = nameOf(spec, [...titles, spec.title]);
      for (const test of spec.tests) cases.push({ name, test, outcome: outcomeOf(test) });
    }
    for (const inner of suite.suites ?? []) visit(inner, [...titles, inner.title]);
  };
  // The outermost suites are files: their titles are not part of a test's.
  for (const file of json.suites) visit(file, []);
  return cases;
}

function nameOf(spec: SpecJson, titles: readonly string[]): TestName {
  const { id, file, line, column } = spec;
  return { id, title: titles.join(" › "), titles, file: file.replaceAll("\\", "/"), line, column };
}

function refuseContradictions(json: ReportJson, cases: readonly Case[]): void {
  for (const status of ["expected", "unexpected", "flaky", "skipped"] as const) {
    const found = cases.filter(({ test }) => test.status === status).length;
    if (found !== json.stats[status]) {
      throw new ReportError(
        "report_inconsistent",
        `The report says ${json.stats[status]} ${status} tests and holds ${found}.`,
      );
    }
  }
  const liar = cases.find(({ test }) => !statusAgrees(test));
  if (liar !== undefined) {
    throw new ReportError(
      "report_inconsistent",
      `The report calls "${liar.name.title}" ${liar.test.status}, and its attempts say otherwise.`,
    );
  }
}

function globalFault(error: { message?: string | undefined; value?: string | undefined }): RunFault {
  const message = plainText(error.message ?? error.value ?? "unknown error", MESSAGE_LIMIT);
  if (
    /^(?:Error: )?Timed out waiting [\d.]+\w* for the (?:entire test run|test suite to run)/.test(message)
  ) {
    return { code: "tests_timed_out", message: message.split("\n", 1)[0] ?? message };
  }
  if (/No tests found/.test(message)) return new ReportError("report_empty", message).asFault();
  return { code: "tests_suite_error", message };
}

function reportOf(
  browser: string,
  json: ReportJson,
  cases: readonly Case[],
  errors: readonly RunFault[],
): TestReport {
  const judged = withoutBrowser(cases);
  const named = (outcome: TestOutcome): TestName[] =>
    judged.cases.filter((item) => item.outcome === outcome).map((item) => item.name);
  return {
    browser,
    counts: countsOf(judged.cases),
    failures: judged.cases.filter((item) => item.outcome === "failed").map(failureOf),
    notRun: named("notRun"),
    flaky: named("flaky"),
    ...(judged.reason === undefined ? {} : { unavailable: { reason: judged.reason } }),
    startedAt: new Date(json.stats.startTime).toISOString(),
    durationMs: Math.round(json.stats.duration),
    errors,
  };
}

/**
 * Where the browser could not be started, nothing of this run is a pass: tests that touch no page pass without
 * one, and would hide that the browser was never tried. A failure for another reason stays a failure.
 */
function withoutBrowser(cases: readonly Case[]): { cases: readonly Case[]; reason: string | undefined } {
  const reasons = cases.map((item) => (item.outcome === "failed" ? unavailableReason(item.test) : undefined));
  const reason = reasons.find((item) => item !== undefined);
  if (reason === undefined) return { cases, reason };
  const judged = cases.map((item, index) => {
    const stays = item.outcome === "skipped" || (item.outcome === "failed" && reasons[index] === undefined);
    return stays ? item : { ...item, outcome: "notRun" as const };
  });
  return { cases: judged, reason };
}

function countsOf(cases: readonly Case[]): TestCounts {
  const counts = { ...noCounts };
  for (const { outcome } of cases) counts[outcome] += 1;
  return counts;
}

function failureOf({ name, test }: Case): TestFailure {
  const last = test.results.at(-1);
  const error = last === undefined ? undefined : errorOf(last);
  const unexpectedPass = last?.status === "passed" ? "Expected to fail, but passed." : "";
  const attachments = [...test.results].reverse().flatMap((result) => result.attachments);
  const screenshot = attachments.find((item) => item.contentType?.startsWith("image/") && item.path)?.path;
  const trace = attachments.find((item) => item.name === "trace" && item.path !== undefined)?.path;
  const message = error === undefined ? unexpectedPass : plainText(textOf(error), MESSAGE_LIMIT);
  return {
    ...name,
    message: message || `The test ended as ${last?.status ?? "unknown"} without a message.`,
    ...(error?.snippet === undefined ? {} : { snippet: plainText(error.snippet, SNIPPET_LIMIT) }),
    ...(screenshot === undefined ? {} : { screenshot: { path: screenshot } }),
    ...(trace === undefined ? {} : { trace }),
    retries: Math.max(0, test.results.length - 1),
    durationMs: Math.round(test.results.reduce((sum, result) => sum + result.duration, 0)),
  };
}
