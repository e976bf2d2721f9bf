import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestProgress } from "../../src/testing/index.ts";
import { finished, requestIn, runnerIn, sampleSuite, settingsFor, temporaryFolder } from "./helpers.ts";
import { type SampleServer, startSampleServer } from "./sample-server.ts";

let server: SampleServer;
beforeAll(async () => {
  server = await startSampleServer();
});
afterAll(() => server.close());

test("the sample suite passes in Chromium; browsers that are not installed are not run", async () => {
  const folder = temporaryFolder();
  const settings = settingsFor(sampleSuite, {
    browsers: ["chrome", "firefox", "safari", "edge"],
    env: { BASE_URL: server.url },
    users: { chrome: { name: "userchrome", password: "a password" } },
  });
  const seen: TestProgress[] = [];
  const run = finished(
    await runnerIn(folder).run(requestIn(folder, settings), {
      onProgress: (progress) => seen.push(progress),
    }),
  );
  const [chrome, ...others] = run.reports;
  expect(chrome).toMatchObject({ browser: "chrome", errors: [], failures: [], notRun: [] });
  const total = chrome?.counts.passed ?? 0;
  expect(total).toBeGreaterThan(4);
  for (const report of others) {
    expect(report.counts).toEqual({ passed: 0, failed: 0, flaky: 0, skipped: 0, notRun: total });
    expect(report.unavailable?.reason).toMatch(/Executable doesn't exist|distribution 'msedge' is not found/);
    expect(report.failures).toEqual([]);
  }
  expect(run.verdict).toMatchObject({ ok: true, code: "tests_passed" });
  expect(run.verdict.summary).toContain("not run (firefox, safari, edge)");
  const ofChrome = seen.filter((progress) => progress.browser === "chrome");
  expect(ofChrome[0]).toMatchObject({ total });
  expect(ofChrome.at(-1)).toEqual({
    browser: "chrome",
    passed: total,
    failed: 0,
    skipped: 0,
    notRun: 0,
    total,
    running: 0,
  });
  const ofEdge = seen.filter((progress) => progress.browser === "edge");
  expect(ofEdge.at(-1)?.notRun).toBeGreaterThan(0);
  expect(ofEdge.every(({ failed }) => failed === 0)).toBe(true);
  expect(ofChrome.some(({ passed, running }) => passed < total && running > 0)).toBe(true);
}, 120_000);

test("a misbehaving application: the failing test, its error, screenshot; --failed runs it alone", async () => {
  const folder = temporaryFolder();
  const runner = runnerIn(folder);
  const settings = settingsFor(sampleSuite, { env: { BASE_URL: server.url } });
  server.breakReport(true);
  const first = finished(await runner.run(requestIn(folder, settings)));
  server.breakReport(false);
  expect(first.verdict).toMatchObject({ ok: false, code: "tests_failed" });
  const [report] = first.reports;
  const [failure] = report?.failures ?? [];
  expect(report?.failures).toHaveLength(1);
  expect(failure).toMatchObject({ title: "the monthly report adds up", file: "report.spec.ts", retries: 0 });
  expect(failure?.message).toContain('Expected: "42"\nReceived: "41"');
  expect(failure?.snippet).toContain("toHaveText");
  const picture = readFileSync(failure?.screenshot?.path ?? "");
  expect(picture.subarray(1, 4).toString()).toBe("PNG");
  expect(picture.length).toBe(failure?.screenshot?.bytes);
  expect(failure?.screenshot?.path).toBe(`${folder}/artifacts/chrome-001-the-monthly-report-adds-up.png`);

  const again = finished(
    await runner.run(requestIn(folder, settings, { attempt: 2, failedOnly: first.reports })),
  );
  expect(again.reports).toHaveLength(1);
  expect(again.reports[0]?.counts).toEqual({ passed: 1, failed: 0, flaky: 0, skipped: 0, notRun: 0 });
  expect(again.verdict).toMatchObject({ ok: true, code: "tests_passed" });

  const none = await runner.run(requestIn(folder, settings, { attempt: 3, failedOnly: again.reports }));
  expect(none).toMatchObject({ ok: false, reasonCode: "tests_nothing_failed" });
}, 120_000);
