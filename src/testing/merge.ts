import { noCounts, type TestCounts, type TestFailure, type TestReport, testOutcomes } from "./words.ts";

/** All browsers' runs together, as the run's `tests` field and its report show them. */
export interface TestTotals {
  readonly counts: TestCounts;
  readonly failures: readonly (TestFailure & { readonly browser: string })[];
  readonly browsers: readonly string[];
  /** ISO-8601 UTC of the first, or null when there is no report. */
  readonly startedAt: string | null;
}

/** Adds the browsers up. A later report of the same browser is a re-run of some of its tests: see `afterRerun`. */
export function mergeReports(reports: readonly TestReport[]): TestTotals {
  const byBrowser = new Map<string, TestReport>();
  for (const report of reports) {
    const earlier = byBrowser.get(report.browser);
    byBrowser.set(report.browser, earlier === undefined ? report : afterRerun(earlier, report));
  }
  const merged = [...byBrowser.values()];
  const counts = { ...noCounts };
  for (const report of merged) for (const outcome of testOutcomes) counts[outcome] += report.counts[outcome];
  return {
    counts,
    failures: merged.flatMap((report) =>
      report.failures.map((failure) => ({ ...failure, browser: report.browser })),
    ),
    browsers: merged.map((report) => report.browser),
    startedAt: merged.map((report) => report.startedAt).sort()[0] ?? null,
  };
}

/**
 * What holds of a browser after its failed and not-run tests were run again: those that passed at first stay
 * passed, the others are as the re-run says. Tests that the re-run did not meet (renamed or removed since) are
 * not run, and the report says so.
 */
export function afterRerun(earlier: TestReport, rerun: TestReport): TestReport {
  if (rerun.unavailable !== undefined) return rerun;
  const wanted = earlier.failures.length + earlier.notRun.length;
  const met = testOutcomes.reduce((all, outcome) => all + rerun.counts[outcome], 0);
  const missing = Math.max(0, wanted - met);
  const message = `${missing} of the ${wanted} tests to run again were not found in the suite.`;
  return {
    ...rerun,
    counts: {
      passed: earlier.counts.passed + rerun.counts.passed,
      flaky: earlier.counts.flaky + rerun.counts.flaky,
      skipped: earlier.counts.skipped + rerun.counts.skipped,
      failed: rerun.counts.failed,
      notRun: rerun.counts.notRun + missing,
    },
    flaky: [...earlier.flaky, ...rerun.flaky],
    errors: missing === 0 ? rerun.errors : [...rerun.errors, { code: "report_inconsistent", message }],
  };
}
