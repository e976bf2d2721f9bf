import { afterRerun, mergeReports } from "./merge.ts";
import { type RunFaultCode, runFaultCodes, type TestCounts, type TestReport } from "./words.ts";

export const verdictCodes = ["tests_passed", "tests_failed", "tests_not_run", ...runFaultCodes] as const;
export type VerdictCode = (typeof verdictCodes)[number];

export interface Verdict {
  readonly ok: boolean;
  readonly code: VerdictCode;
  /** One line for a person, e.g. `6 passed, 1 failed, 14 not run (safari, edge)`. */
  readonly summary: string;
  /** The last lines of a suite that ended without results; absent when there are results to tell. */
  readonly tail?: readonly string[];
}

/**
 * Decides over all browsers. It is ok only when something ran, nothing failed and nothing was left out but whole
 * browsers that this machine has not, which the summary names.
 */
export function verdictOf(reports: readonly TestReport[]): Verdict {
  const merged = latestPerBrowser(reports);
  const { counts } = mergeReports(merged);
  const summary = summaryOf(merged, counts);
  const fault = worstFault(merged);
  // A time-out explains the failures beside it; a failing test explains every other fault.
  if (fault === "tests_timed_out") return { ok: false, code: fault, summary };
  if (counts.failed > 0) return { ok: false, code: "tests_failed", summary };
  if (fault !== undefined) return { ok: false, code: fault, summary, ...lastWords(merged) };
  const ran = counts.passed + counts.flaky;
  const leftOut = merged.some((report) => report.unavailable === undefined && report.counts.notRun > 0);
  if (ran === 0 || leftOut) return { ok: false, code: "tests_not_run", summary };
  return { ok: true, code: "tests_passed", summary };
}

function latestPerBrowser(reports: readonly TestReport[]): TestReport[] {
  const latest = new Map<string, TestReport>();
  for (const report of reports) {
    const earlier = latest.get(report.browser);
    latest.set(report.browser, earlier === undefined ? report : afterRerun(earlier, report));
  }
  return [...latest.values()];
}

function worstFault(reports: readonly TestReport[]): RunFaultCode | undefined {
  const codes = reports.flatMap((report) => report.errors.map((error) => error.code));
  return codes.find((code) => code === "tests_timed_out") ?? codes[0];
}

function lastWords(reports: readonly TestReport[]): Pick<Verdict, "tail"> {
  const tails = reports.flatMap(({ errors }) => errors.flatMap(({ tail }) => (tail?.length ? [tail] : [])));
  return tails[0] === undefined ? {} : { tail: tails[0] };
}

function summaryOf(reports: readonly TestReport[], counts: TestCounts): string {
  if (reports.length === 0) return "No tests were run.";
  const words: [number, string][] = [
    [counts.passed, "passed"],
    [counts.failed, "failed"],
    [counts.flaky, "flaky (passed at a later attempt)"],
    [counts.skipped, "skipped"],
    [counts.notRun, `not run${missingOf(reports)}`],
  ];
  const told = words.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`);
  const parts = [told.length === 0 ? `No test ran${missingOf(reports)}` : told.join(", ")];
  const [{ unavailable } = {}] = reports.filter((report) => report.unavailable !== undefined);
  // What each browser lacks stands with its results; where nothing else was run it is the news.
  if (unavailable !== undefined && told.length < 2) parts.push(firstLine(unavailable.reason));
  for (const report of reports)
    for (const error of report.errors) parts.push(`${report.browser}: ${firstLine(error.message)}`);
  return `${parts.join("; ")}.`.replace(/\.\.$/, ".");
}

/** The browsers that this machine has not. */
function missingOf(reports: readonly TestReport[]): string {
  const names = reports.flatMap(({ browser, unavailable }) => (unavailable === undefined ? [] : [browser]));
  return names.length === 0 ? "" : ` (${names.join(", ")})`;
}

const firstLine = (text: string): string => (text.split("\n", 1)[0] ?? text).slice(0, 200);
