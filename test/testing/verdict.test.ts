import { expect, test } from "vitest";
import { mergeReports, type TestCounts, type TestReport, verdictOf } from "../../src/testing/index.ts";

const none: TestCounts = { passed: 0, failed: 0, flaky: 0, skipped: 0, notRun: 0 };

const report = (
  browser: string,
  counts: Partial<TestCounts>,
  more: Partial<TestReport> = {},
): TestReport => ({
  browser,
  counts: { ...none, ...counts },
  failures: [],
  notRun: [],
  flaky: [],
  startedAt: "2026-11-21T04:00:00.000Z",
  durationMs: 1000,
  errors: [],
  ...more,
});

const missing = (browser: string) =>
  report(browser, { notRun: 3 }, { unavailable: { reason: `${browser} is not installed` } });
const fault = (code: "report_truncated" | "tests_timed_out" | "tests_suite_error") => ({
  errors: [{ code, message: `because of ${code}` }],
});

test.each<[string, TestReport[], boolean, string, RegExp]>([
  ["all passed", [report("chrome", { passed: 3 })], true, "tests_passed", /^3 passed\.$/],
  ["no browser at all", [], false, "tests_not_run", /No tests were run/],
  ["no test", [report("chrome", {})], false, "tests_not_run", /No test ran/],
  ["only skipped ones", [report("chrome", { skipped: 2 })], false, "tests_not_run", /2 skipped/],
  [
    "every browser missing",
    [missing("edge"), missing("safari")],
    false,
    "tests_not_run",
    /^6 not run \(edge, safari\); edge is not installed\.$/,
  ],
  [
    "one missing",
    [report("chrome", { passed: 3 }), missing("edge")],
    true,
    "tests_passed",
    /^3 passed, 3 not run \(edge\)\.$/,
  ],
  ["flaky", [report("chrome", { passed: 1, flaky: 1 })], true, "tests_passed", /1 passed, 1 flaky/],
  ["one failed", [report("chrome", { passed: 9, failed: 1 })], false, "tests_failed", /9 passed, 1 failed/],
  [
    "some left out of a browser that is there",
    [report("chrome", { passed: 1, notRun: 1 })],
    false,
    "tests_not_run",
    /1 not run/,
  ],
  [
    "a report cut",
    [report("chrome", { passed: 3 }), report("edge", {}, fault("report_truncated"))],
    false,
    "report_truncated",
    /edge: because of/,
  ],
  [
    "a time-out beside failures",
    [report("chrome", { failed: 1 }, fault("tests_timed_out"))],
    false,
    "tests_timed_out",
    /1 failed/,
  ],
  [
    "failures beside another error",
    [report("chrome", { failed: 1 }, fault("tests_suite_error"))],
    false,
    "tests_failed",
    /1 failed/,
  ],
])("%s", (_, reports, ok, code, summary) => {
  const verdict = verdictOf(reports);
  expect([verdict.ok, verdict.code]).toEqual([ok, code]);
  expect(verdict.summary).toMatch(summary);
});

test("any fault keeps any report from passing", () => {
  const good = report("chrome", { passed: 3 });
  expect(verdictOf([good]).ok).toBe(true);
  for (const code of ["report_truncated", "tests_timed_out", "tests_suite_error"] as const) {
    expect(verdictOf([good, report("edge", { passed: 1 }, fault(code))]).ok).toBe(false);
  }
});

test("browsers are added up; failures name theirs", () => {
  const failure = {
    id: "x",
    title: "x",
    titles: ["x"],
    file: "a",
    line: 1,
    column: 1,
    message: "m",
    retries: 0,
    durationMs: 1,
  };
  const totals = mergeReports([
    report("chrome", { passed: 2, failed: 1 }, { failures: [failure] }),
    report("edge", { passed: 1, skipped: 1 }, { startedAt: "2026-11-21T03:59:00.000Z" }),
  ]);
  expect(totals.counts).toEqual({ passed: 3, failed: 1, flaky: 0, skipped: 1, notRun: 0 });
  expect(totals.failures).toEqual([{ ...failure, browser: "chrome" }]);
  expect(totals.startedAt).toBe("2026-11-21T03:59:00.000Z");
});
