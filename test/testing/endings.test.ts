import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import type { TestProgress, TestRequest } from "../../src/testing/index.ts";
import { finished, requestIn, runnerIn, settingsFor, temporaryFolder, writeSuite } from "./helpers.ts";

/** Five tests, one after the other, each of which notes that it ran; the third waits for the file `go`. */
const waiting = (folder: string) => `
import { appendFileSync, existsSync } from "node:fs";
import { test } from "@playwright/test";
for (const name of ["one", "two", "three", "four", "five"]) {
  test(name, async () => {
    appendFileSync(${JSON.stringify(join(folder, "ran"))}, name + " " + process.pid + "\\n");
    while (name === "three" && !existsSync(${JSON.stringify(join(folder, "go"))})) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
}
`;

const ranIn = (folder: string): string[] => {
  const file = join(folder, "ran");
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
};
const namesIn = (folder: string): string[] => ranIn(folder).map((line) => line.split(" ")[0] ?? "");
const pidsIn = (folder: string): number[] => ranIn(folder).map((line) => Number(line.split(" ")[1]));

function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}

function waitingRequest(folder: string, changes = {}): TestRequest {
  return requestIn(
    folder,
    settingsFor(writeSuite(folder, { "tests/a.spec.ts": waiting(folder) }), { workers: 1, ...changes }),
  );
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

test("a bot that is killed in the middle: the next one joins, no test runs twice, the counts go on", async () => {
  const folder = temporaryFolder();
  const request = waitingRequest(folder);
  writeFileSync(join(folder, "request.json"), JSON.stringify(request));
  const script = join(import.meta.dirname, "bot-process.ts");
  const bot = spawn(process.execPath, [script, join(folder, "local"), join(folder, "request.json")], {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: bot.stdout })) {
    if ((JSON.parse(line) as TestProgress).passed === 2) break;
  }
  process.kill(-(bot.pid ?? 0), "SIGKILL");
  await until(() => !isAlive(bot.pid ?? 0) && namesIn(folder).includes("three"));
  expect(isAlive(pidsIn(folder)[2] ?? 0)).toBe(true);

  const seen: TestProgress[] = [];
  const joined = runnerIn(folder).run(request, { onProgress: (progress) => seen.push(progress) });
  await until(() => seen.length > 0);
  expect(seen[0]).toEqual({
    browser: "chrome",
    passed: 2,
    failed: 0,
    skipped: 0,
    notRun: 0,
    total: 5,
    running: 1,
  });
  writeFileSync(join(folder, "go"), "");
  const run = finished(await joined);
  expect(run.verdict).toMatchObject({ ok: true, code: "tests_passed" });
  expect(run.reports[0]?.counts.passed).toBe(5);
  expect(namesIn(folder)).toEqual(["one", "two", "three", "four", "five"]);

  // Asked once more, after all has ended, it answers the same and still runs nothing.
  const later = finished(await runnerIn(folder).run(request));
  expect(later.reports).toEqual(run.reports);
  expect(namesIn(folder)).toHaveLength(5);

  // The control: another attempt is another run, and the same check sees it.
  const other = finished(
    await runnerIn(folder).run({ ...request, attempt: 2, folder: join(folder, "second") }),
  );
  expect(other.verdict.ok).toBe(true);
  expect(namesIn(folder)).toHaveLength(10);
}, 90_000);

test("a suite that takes too long: ended, what was not run is not run, the verdict is its time-out", async () => {
  const folder = temporaryFolder();
  const request = waitingRequest(folder, { timeoutMs: 12_000 });
  const run = finished(await runnerIn(folder).run(request));
  expect(run.verdict).toMatchObject({ ok: false, code: "tests_timed_out" });
  expect(run.reports[0]?.counts).toEqual({ passed: 2, failed: 0, flaky: 0, skipped: 0, notRun: 3 });
  expect(pidsIn(folder).filter(isAlive)).toEqual([]);
}, 60_000);

test("Playwright itself hangs and misses its time-out: the whole process group is ended", async () => {
  const folder = temporaryFolder();
  const pidFile = join(folder, "pid");
  const config = `export default { testDir: "./tests", projects: [{ name: "chrome" }], globalSetup: "./up.ts" };`;
  const up = `import { spawn } from "node:child_process"; import { writeFileSync } from "node:fs";
    export default () => {
      const child = spawn("sleep", ["300"], { detached: true, stdio: "ignore" });
      writeFileSync(${JSON.stringify(pidFile)}, process.pid + " " + child.pid);
      for (;;);
    };`;
  const directory = writeSuite(folder, { "tests/a.spec.ts": waiting(folder), "up.ts": up }, config);
  const request = requestIn(folder, settingsFor(directory, { timeoutMs: 10_000 }));
  const run = finished(await runnerIn(folder, process.env, 1000).run(request));
  expect(run.verdict).toMatchObject({ ok: false, code: "tests_timed_out" });
  const pids = readFileSync(pidFile, "utf8").split(" ").map(Number);
  expect(pids).toHaveLength(2);
  expect(pids.filter(isAlive)).toEqual([]);
}, 90_000);

test("a test that blocks its worker: ended all the same, what ended counts", async () => {
  const folder = temporaryFolder();
  const request = waitingRequest(folder, { timeoutMs: 1500 });
  const stuck = `${waiting(folder)}
    process.on("SIGTERM", () => {}); process.on("SIGINT", () => {});`;
  writeFileSync(
    join(request.settings.directory, "tests/a.spec.ts"),
    stuck.replace("await new Promise((resolve) => setTimeout(resolve, 20));", ""),
  );
  const run = finished(await runnerIn(folder).run(request));
  expect(run.verdict).toMatchObject({ ok: false, code: "tests_timed_out" });
  expect(run.reports[0]?.counts).toMatchObject({ failed: 0, flaky: 0, skipped: 0 });
  expect(run.reports[0]?.counts.notRun).toBeGreaterThan(2);
  expect(pidsIn(folder).filter(isAlive)).toEqual([]);
}, 90_000);

test("a cancel ends the tests with all their processes", async () => {
  const folder = temporaryFolder();
  const request = waitingRequest(folder);
  const runner = runnerIn(folder);
  const cancel = new AbortController();
  const run = runner.run(request, { signal: cancel.signal });
  run.catch(() => {});
  await until(() => namesIn(folder).includes("three"));
  expect(await runner.isGone(request, ["chrome"])).toBe(false);
  cancel.abort(new Error("cancelled by a person"));
  await expect(run).rejects.toThrow("cancelled by a person");
  expect(await runner.isGone(request, ["chrome"])).toBe(true);
  expect(pidsIn(folder).filter(isAlive)).toEqual([]);
  await runner.stop(request, ["chrome"]);
}, 60_000);

test("Playwright killed in the middle: no report, what ended is told, never a pass", async () => {
  const folder = temporaryFolder();
  const request = waitingRequest(folder);
  const run = runnerIn(folder).run(request);
  await until(() => namesIn(folder).includes("three"));
  const worker = pidsIn(folder)[2] ?? 0;
  const stat = readFileSync(`/proc/${worker}/stat`, "utf8");
  const playwright = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  process.kill(playwright, "SIGKILL");
  const { verdict, reports } = finished(await run);
  expect(verdict).toMatchObject({ ok: false, code: "report_missing" });
  expect(reports[0]?.counts).toEqual({ passed: 2, failed: 0, flaky: 0, skipped: 0, notRun: 3 });
  expect(verdict.summary).toContain("2 passed, 3 not run");
  expect(isAlive(worker)).toBe(false);
}, 60_000);

test("a report that is cut or swapped behind the runner's back is noticed", async () => {
  const folder = temporaryFolder();
  const request = waitingRequest(folder);
  writeFileSync(join(folder, "go"), "");
  const runner = runnerIn(folder);
  expect(finished(await runner.run(request)).verdict.code).toBe("tests_passed");
  const file = join(request.folder, "chrome/report.json");
  const text = readFileSync(file, "utf8");
  writeFileSync(file, text.slice(0, text.length / 2));
  expect(finished(await runner.run(request)).verdict.code).toBe("report_truncated");
  const old = JSON.parse(text);
  old.stats.startTime = "2020-01-01T00:00:00.000Z";
  writeFileSync(file, JSON.stringify(old));
  expect(finished(await runner.run(request)).verdict.code).toBe("report_stale");
  rmSync(file);
  expect(finished(await runner.run(request)).verdict.code).toBe("report_missing");
}, 60_000);

test("an exit code that no test explains is not a pass", async () => {
  const folder = temporaryFolder();
  const text = 'import { test } from "@playwright/test"; test("fine", () => {});';
  const config = `export default { testDir: "./tests", projects: [{ name: "chrome" }], globalTeardown: "./down.ts" };`;
  const down = "export default () => { process.on('exit', () => { process.exitCode = 3; }); };";
  const directory = writeSuite(folder, { "tests/a.spec.ts": text, "down.ts": down }, config);
  const run = finished(await runnerIn(folder).run(requestIn(folder, settingsFor(directory))));
  expect(run.reports[0]?.counts.passed).toBe(1);
  expect(run.verdict).toMatchObject({ ok: false, code: "tests_exit_code" });
}, 60_000);
