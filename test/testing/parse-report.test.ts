import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { ReportError } from "../../src/testing/index.ts";
import { parseReport } from "../../src/testing/report/parse.ts";
import { verdictOf } from "../../src/testing/verdict.ts";
import { runPlaywright } from "./real-report.ts";

const tests = `
import { expect, test } from "@playwright/test";
test("passes", () => {});
test.describe("a group (with brackets) [x] $1.*", () => {
  test("fails | with + regex ? chars", () => { expect("\\u001b[31mred\\u001b[39m").toBe("blue"); });
  test("is flaky", ({}, info) => { expect(info.retry).toBe(1); });
  test.skip("is skipped", () => {});
  test.fail("is expected to fail", () => { expect(1).toBe(2); });
});
test.describe.serial("in order", () => {
  test("first fails", () => { throw new Error("Error: it quotes: Executable doesn't exist at /x"); });
  test("second is never begun", () => {});
});
`;

let good: string;
let failing: string;
let missingBrowser: string;
beforeAll(async () => {
  const pass = `import { test } from "@playwright/test"; test("one", () => {}); test("two", () => {});`;
  const page = `import { test } from "@playwright/test";
    test("with a page", ({ page }) => page.goto("about:blank")); test("without one", () => {});`;
  good = (await runPlaywright({ "tests/a.spec.ts": pass })).report ?? "";
  failing = (await runPlaywright({ "tests/a.spec.ts": tests }, ["--retries=1"])).report ?? "";
  missingBrowser = (await runPlaywright({ "tests/a.spec.ts": page }, [], "firefox")).report ?? "";
}, 120_000);

const codeFor = (text: string | undefined, expected = { browser: "chrome" }): string => {
  try {
    const report = parseReport(text, expected);
    return verdictOf([report]).code;
  } catch (error) {
    if (error instanceof ReportError) return error.code;
    throw error;
  }
};

describe("a real report", () => {
  test("that passes is a pass: the control for every refusal below", () => {
    expect(parseReport(good, { browser: "chrome" }).counts).toEqual({
      passed: 2,
      failed: 0,
      flaky: 0,
      skipped: 0,
      notRun: 0,
    });
    expect(codeFor(good)).toBe("tests_passed");
  });

  test("tells every outcome, and the failures with place and message", () => {
    const report = parseReport(failing, { browser: "chrome" });
    expect(report.counts).toEqual({ passed: 2, failed: 2, flaky: 1, skipped: 1, notRun: 1 });
    expect(report.notRun.map((item) => item.title)).toEqual(["in order › second is never begun"]);
    expect(report.flaky.map((item) => item.title)).toEqual(["a group (with brackets) [x] $1.* › is flaky"]);
    const [failure, serial] = report.failures;
    expect(failure).toMatchObject({
      title: "a group (with brackets) [x] $1.* › fails | with + regex ? chars",
      file: "a.spec.ts",
      line: 5,
      column: 3,
      retries: 1,
    });
    expect(failure?.message).toContain('Expected: "blue"');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal colours are what must be gone
    expect(`${failure?.message}${failure?.snippet}`).not.toMatch(/\u001b/);
    expect(serial?.message).toContain("Executable doesn't exist");
    expect(report.unavailable).toBeUndefined();
  });

  test("of a browser that is not installed: nothing passed, nothing failed, all not run with the reason", () => {
    const report = parseReport(missingBrowser, { browser: "firefox" });
    expect(report.counts).toEqual({ passed: 0, failed: 0, flaky: 0, skipped: 0, notRun: 2 });
    expect(report.unavailable?.reason).toContain("Executable doesn't exist");
    expect(verdictOf([report])).toMatchObject({ ok: false, code: "tests_not_run" });
  });

  test("with a field that we do not know is read all the same; without one that we use it is foreign", () => {
    const json = JSON.parse(good);
    expect(codeFor(JSON.stringify({ ...json, newField: { deep: [1] } }))).toBe("tests_passed");
    const { stats: _, ...less } = json;
    expect(codeFor(JSON.stringify(less))).toBe("report_foreign");
  });
});

describe("never a pass", () => {
  test("a report cut anywhere", () => {
    const complete = good.trimEnd().length;
    const cuts = [
      0,
      1,
      complete - 1,
      ...Array.from({ length: 50 }, () => Math.floor(Math.random() * complete)),
    ];
    for (const cut of cuts) expect([cut, codeFor(good.slice(0, cut))]).toEqual([cut, "report_truncated"]);
  });

  test.each([
    ["missing", undefined, "report_missing"],
    ["empty", "", "report_truncated"],
    ["only white", " \n", "report_truncated"],
    ["no JSON", "<html>404</html>", "report_foreign"],
    ["NUL bytes, as a crashed file system leaves", "\0".repeat(4096), "report_foreign"],
    ["an array", "[]", "report_foreign"],
    ["another tool's", '{"numFailedTests":0,"success":true,"testResults":[]}', "report_foreign"],
  ])("%s", (_, text, code) => {
    expect(codeFor(text)).toBe(code);
  });

  test("an older run's", () => {
    const later = Date.now() + 60_000;
    expect(() => parseReport(good, { browser: "chrome", notBefore: later })).toThrow(/before this run/);
    const earlier = Date.parse(JSON.parse(good).stats.startTime);
    expect(parseReport(good, { browser: "chrome", notBefore: earlier }).counts.passed).toBe(2);
  });

  test("another browser's, and another suite's", () => {
    expect(codeFor(good, { browser: "firefox" })).toBe("report_empty");
    expect(codeFor(good, { browser: "opera" })).toBe("report_foreign");
  });

  test("one without tests", () => {
    const json = JSON.parse(good);
    const stats = { ...json.stats, expected: 0 };
    expect(codeFor(JSON.stringify({ ...json, suites: [], stats }))).toBe("report_empty");
  });

  test("one that contradicts itself: tests dropped, or a failure called a pass", () => {
    const dropped = JSON.parse(failing);
    dropped.suites[0].suites.length = 0;
    expect(codeFor(JSON.stringify(dropped))).toBe("report_inconsistent");
    const turned = JSON.parse(failing.replaceAll('"unexpected"', '"expected"'));
    turned.stats.expected += JSON.parse(failing).stats.unexpected;
    turned.stats.unexpected = 0;
    expect(codeFor(JSON.stringify(turned))).toBe("report_inconsistent");
  });

  test("one with an error beside its tests", () => {
    const json = JSON.parse(good);
    json.errors = [{ message: "Error: worker process exited unexpectedly" }];
    expect(codeFor(JSON.stringify(json))).toBe("tests_suite_error");
  });
});

test("zero tests and a broken suite, as Playwright itself reports them", async () => {
  const none = await runPlaywright({ "tests/a.spec.ts": "export {};" });
  expect(codeFor(none.report)).toBe("report_empty");
  const broken = await runPlaywright({ "tests/a.spec.ts": "import './not-there';" });
  expect(codeFor(broken.report)).toBe("tests_suite_error");
}, 60_000);

test("the schema fits Playwright's published type of its report", () => {
  const file = join(import.meta.dirname, "../../node_modules/playwright/types/testReporter.d.ts");
  const types = readFileSync(file, "utf8");
  const stats = /interface JSONReport \{[\s\S]*?stats: \{([\s\S]*?)\}/.exec(types)?.[1] ?? "";
  for (const field of ["startTime", "duration", "expected", "unexpected", "flaky", "skipped"]) {
    expect(stats).toContain(`${field}:`);
  }
});
