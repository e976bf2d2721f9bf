import { appendFileSync, existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { afterRerun, rerunOf, type TestReport, verdictOf } from "../../src/testing/index.ts";
import { selectionArguments } from "../../src/testing/local/rerun.ts";
import { finished, requestIn, runnerIn, settingsFor, temporaryFolder, writeSuite } from "./helpers.ts";

const nasty = [
  "plain",
  "plain and longer",
  "a.b*c+d?",
  "(group) [set] {1,2} ^start end$",
  "back\\slash / slash | pipe",
  "grüße 🚀 中文",
  "with @tag inside",
  "quotes ' \" $(touch x) `tick`",
];

/** Each test notes that it ran; those named in the file `broken` fail. */
const suite = (log: string, broken: string) => `
import { appendFileSync, readFileSync } from "node:fs";
import { expect, test } from "@playwright/test";
const broken = () => JSON.parse(readFileSync(${JSON.stringify(broken)}, "utf8"));
for (const title of ${JSON.stringify(nasty)}) {
  test.describe("loop", () => {
    test(title, { tag: ["@fast", "@x.y"] }, () => {
      appendFileSync(${JSON.stringify(log)}, title + "\\n");
      expect(broken()).not.toContain(title);
    });
  });
}
`;

test("only the failed tests run again, whatever their titles", async () => {
  const folder = temporaryFolder();
  const [log, broken] = [join(folder, "log"), join(folder, "broken")];
  const directory = writeSuite(folder, {
    "tests/deep/a b (c).spec.ts": suite(log, broken),
    "tests/other.spec.ts": suite(log, broken)
      .replace("loop", "loop elsewhere")
      .replaceAll("not.toContain", "toBeTruthy; void"),
  });
  const settings = settingsFor(directory);
  const runner = runnerIn(folder);
  appendFileSync(broken, "[]");
  const titles = async (names: readonly string[], attempt: number) => {
    rmSync(broken);
    appendFileSync(broken, JSON.stringify(names));
    const first = finished(await runner.run(requestIn(folder, settings, { attempt })));
    const failed = first.reports[0]?.failures.map((failure) => failure.titles.at(-1)) ?? [];
    rmSync(log);
    rmSync(broken);
    appendFileSync(broken, "[]");
    const again = finished(
      await runner.run(requestIn(folder, settings, { attempt: attempt + 1, failedOnly: first.reports })),
    );
    expect(again.verdict.code).toBe("tests_passed");
    const [before, after] = [first.reports[0], again.reports[0]];
    expect(afterRerun(before as TestReport, after as TestReport).counts).toMatchObject({
      passed: nasty.length * 2,
      failed: 0,
      notRun: 0,
    });
    return { failed, ran: existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : [] };
  };
  const all = await titles(["plain", "a.b*c+d?", "grüße 🚀 中文", "(group) [set] {1,2} ^start end$"], 1);
  expect(all.failed).toHaveLength(4);
  expect(all.ran.sort()).toEqual(all.failed.sort());
  const rest = await titles(
    ["with @tag inside", "quotes ' \" $(touch x) `tick`", "back\\slash / slash | pipe"],
    3,
  );
  expect(rest.failed).toHaveLength(3);
  expect(rest.ran.sort()).toEqual(rest.failed.sort());
}, 120_000);

test("tests that are no longer in the suite: not a pass, and said", async () => {
  const folder = temporaryFolder();
  const text = `import { expect, test } from "@playwright/test";
    test("NAME", () => { expect(1).toBe(2); }); test("good", () => {});`;
  const directory = writeSuite(folder, { "tests/a.spec.ts": text.replace("NAME", "old name") });
  const settings = settingsFor(directory);
  const first = finished(await runnerIn(folder).run(requestIn(folder, settings)));
  expect(first.verdict.code).toBe("tests_failed");
  writeSuite(join(folder, "new"), {
    "tests/a.spec.ts": text.replace("NAME", "new name").replace("toBe(2)", "toBe(1)"),
  });
  const renamed = settingsFor(join(folder, "new/suite"));
  const again = finished(
    await runnerIn(folder).run(requestIn(folder, renamed, { attempt: 2, failedOnly: first.reports })),
  );
  expect(again.verdict).toMatchObject({ ok: false, code: "report_empty" });
}, 60_000);

const report = (changes: Partial<TestReport>): TestReport => ({
  browser: "chrome",
  counts: { passed: 1, failed: 0, flaky: 0, skipped: 0, notRun: 0 },
  failures: [],
  notRun: [],
  flaky: [],
  startedAt: "2026-11-21T00:00:00.000Z",
  durationMs: 1,
  errors: [],
  ...changes,
});
const named = (title: string, line = 1) => ({
  id: title,
  title,
  titles: [title],
  file: "a.spec.ts",
  line,
  column: 1,
});

test("what is run again, per browser", () => {
  const failure = { ...named("x"), message: "m", retries: 0, durationMs: 1 };
  const counts = { passed: 0, failed: 0, flaky: 0, skipped: 0, notRun: 0 };
  const plan = rerunOf([
    report({
      browser: "chrome",
      failures: [failure],
      notRun: [named("y")],
      counts: { ...counts, failed: 1, notRun: 1 },
    }),
    report({ browser: "firefox" }),
    report({
      browser: "safari",
      unavailable: { reason: "r" },
      notRun: [named("z")],
      counts: { ...counts, notRun: 1 },
    }),
    report({ browser: "edge", counts, errors: [{ code: "report_missing", message: "m" }] }),
  ]);
  expect(
    [...plan].map(([browser, tests]) => [browser, tests === "all" ? tests : tests.map((item) => item.id)]),
  ).toEqual([
    ["chrome", ["x", "y"]],
    ["edge", "all"],
  ]);
});

test("a re-run that met fewer tests than it was to run is not a pass", () => {
  const failures = ["x", "y"].map((title) => ({ ...named(title), message: "m", retries: 0, durationMs: 1 }));
  const counts = { passed: 3, failed: 2, flaky: 0, skipped: 0, notRun: 0 };
  const merged = afterRerun(report({ failures, counts }), report({}));
  expect(merged.counts).toEqual({ passed: 4, failed: 0, flaky: 0, skipped: 0, notRun: 1 });
  expect(verdictOf([merged])).toMatchObject({ ok: false, code: "report_inconsistent" });
});

test("more failures than an argument holds are named by their places", () => {
  const many = Array.from({ length: 2000 }, (_, index) =>
    named(`a rather long title of a test, number ${index}`.repeat(2), index + 1),
  );
  const words = selectionArguments(many);
  expect(words).toHaveLength(2000);
  expect(Math.max(...words.map((word) => word.length))).toBeLessThan(1000);
  expect(words[1]).toBe("a\\.spec\\.ts:2");
});
