import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { RUNNERS } from "../../src/config/schema/tests.ts";
import {
  LISTING,
  type LocalRunnerOptions,
  runnerNames,
  type TestSettings,
  testRunners,
} from "../../src/testing/index.ts";
import { processesWith } from "../remote/support/sshd.ts";
import { until } from "../remote/support/wait.ts";
import {
  finished,
  listingIn,
  repository,
  requestIn,
  runnerIn,
  sampleSuite,
  settingsFor,
  temporaryFolder,
  writeSuite,
} from "./helpers.ts";

const prepare = (folder: string, settings: TestSettings, more: Partial<LocalRunnerOptions> = {}) =>
  runnerIn(folder, process.env, 20_000, more).prepare(listingIn(folder, settings));
const one = 'import { test } from "@playwright/test"; test("one", () => {});';

test("the sample suite is ready, with its tests counted per browser", async () => {
  const browsers = ["chrome", "firefox", "safari", "edge"];
  const prepared = await prepare(temporaryFolder(), settingsFor(sampleSuite, { browsers }));
  expect(prepared).toEqual({ ok: true, tests: { chrome: 7, firefox: 7, safari: 7, edge: 7 } });
}, 60_000);

test("what keeps a suite from running is said before anything is started", async () => {
  const folder = temporaryFolder();
  const runner = runnerIn(folder);
  const suite = (name: string, files: Record<string, string>, config?: string) =>
    writeSuite(join(folder, name), files, config);
  const old = join(folder, "old");
  mkdirSync(join(old, "node_modules/.bin"), { recursive: true });
  writeFileSync(join(old, "node_modules/.bin/playwright"), "");
  writeFileSync(join(old, "node_modules/.bin/package.json"), '{"version":"1.39.0"}');
  const bare = join(folder, "bare");
  mkdirSync(bare);
  const cases = [
    [join(folder, "nowhere"), "tests_directory_missing", /not a directory/],
    [bare, "tests_playwright_missing", /npm ci/],
    [old, "tests_playwright_too_old", /1\.39\.0; 1\.40 or newer/],
    [
      suite("config", { "tests/a.spec.ts": one }, "export default {"),
      "tests_configuration",
      /playwright\.config/,
    ],
    [suite("load", { "tests/a.spec.ts": "import './gone';" }), "tests_configuration", /gone/],
    [suite("none", { "tests/a.spec.ts": "export {};" }), "tests_none_collected", /"chrome"/],
    [
      suite("other", { "tests/a.spec.ts": one }, 'export default { projects: [{ name: "webkit" }] };'),
      "tests_project_unknown",
      /only: webkit/,
    ],
  ] as const;
  for (const [directory, reasonCode, message] of cases) {
    const refusal = await runner.prepare(listingIn(folder, settingsFor(directory)));
    expect(refusal).toMatchObject({ ok: false, reasonCode, message: expect.stringMatching(message) });
    expect(refusal).toMatchObject({ message: expect.stringContaining("Nothing was started.") });
  }
}, 120_000);

test("every runner that a configuration may name is there; those of later versions refuse as a value", async () => {
  const folder = temporaryFolder();
  const runners = testRunners(runnerIn(folder));
  expect([...runners.keys()].sort()).toEqual([...RUNNERS].sort());
  for (const name of runnerNames) {
    if (name === "local") continue;
    const settings = settingsFor(sampleSuite, { runner: name });
    const refusal = {
      ok: false,
      reasonCode: "tests_runner_unsupported",
      message: expect.stringMatching(
        new RegExp(`"${name}" is not supported in this version. Nothing was started`),
      ),
    };
    expect(await runners.get(name)?.prepare(listingIn(folder, settings))).toEqual(refusal);
    expect(await runners.get(name)?.run(requestIn(folder, settings))).toEqual(refusal);
  }
});

test("a browser that is no project of the suite: a clear failure even without preparing", async () => {
  const folder = temporaryFolder();
  const directory = writeSuite(folder, { "tests/a.spec.ts": one });
  const run = await runnerIn(folder).run(requestIn(folder, settingsFor(directory, { browsers: ["edge"] })));
  expect(run).toMatchObject({ verdict: { ok: false, code: "tests_not_started" } });
  expect(JSON.stringify(run)).toMatch(/Project\(s\) .{0,4}edge/);
  // What it said last goes to whoever judges the results, since there is nothing else to tell.
  expect(finished(run).verdict.tail?.join("\n")).toMatch(/Project\(s\) .{0,4}edge/);
}, 60_000);

/** A configuration that does something while it is loaded. */
const doing = (code: string) => `
import { execFileSync, spawn } from "node:child_process";
import { appendFileSync } from "node:fs";
${code}
export default { testDir: "./tests", projects: [{ name: "chrome" }] };`;
let sleepers = 90_000 + (process.pid % 5_000);

test("a daemon that the listing leaves behind, and that holds its output, holds nobody up and is ended", async () => {
  const folder = temporaryFolder();
  const sleeper = ++sleepers;
  const stays = `spawn("setsid", ["sleep", "${sleeper}"], { stdio: "inherit", detached: true }).unref();`;
  const directory = writeSuite(folder, { "tests/a.spec.ts": one }, doing(stays));
  expect(await prepare(folder, settingsFor(directory))).toEqual({ ok: true, tests: { chrome: 1 } });
  expect(processesWith(`sleep\0${sleeper}`)).toEqual([]);
}, 60_000);

test("a listing that never ends is ended with all that it started, and said so", async () => {
  const folder = temporaryFolder();
  const sleeper = ++sleepers;
  const hangs = `console.log("loading"); execFileSync("sleep", ["${sleeper}"], { stdio: "inherit" });`;
  const directory = writeSuite(folder, { "tests/a.spec.ts": one }, doing(hangs));
  const refusal = await prepare(folder, settingsFor(directory), { listTimeoutMs: 5_000 });
  expect(refusal).toMatchObject({
    ok: false,
    reasonCode: "tests_configuration",
    message: expect.stringMatching(/took longer than 5 s and was ended.*Nothing was started\.$/s),
  });
  expect(processesWith(`sleep\0${sleeper}`)).toEqual([]);
}, 60_000);

test("an abort ends the listing with all that it started", async () => {
  const folder = temporaryFolder();
  const sleeper = ++sleepers;
  const hangs = `execFileSync("sleep", ["${sleeper}"], { stdio: "inherit" });`;
  const directory = writeSuite(folder, { "tests/a.spec.ts": one }, doing(hangs));
  const cancel = new AbortController();
  const prepared = runnerIn(folder).prepare(listingIn(folder, settingsFor(directory)), cancel.signal);
  prepared.catch(() => {});
  await until("it runs", () => processesWith(`sleep\0${sleeper}`).length > 0);
  cancel.abort(new Error("cancelled"));
  await expect(prepared).rejects.toThrow("cancelled");
  expect(processesWith(`sleep\0${sleeper}`)).toEqual([]);
}, 60_000);

test("a bot that is killed while it lists joins the listing when it is back, and leaves nothing", async () => {
  const folder = temporaryFolder();
  const mark = join(folder, "mark");
  const gate = join(folder, "gate");
  const waits = `appendFileSync(${JSON.stringify(mark)}, "loaded\\n");
    execFileSync("sh", ["-c", ${JSON.stringify(`until [ -e ${gate} ]; do sleep 0.05; done`)}]);`;
  const directory = writeSuite(folder, { "tests/a.spec.ts": one }, doing(waits));
  const request = listingIn(folder, settingsFor(directory));
  const file = join(folder, "request.json");
  writeFileSync(file, JSON.stringify(request));
  const script = join(repository, "test/testing/bot-process.ts");
  const bot = spawn(process.execPath, [script, join(folder, "local"), file, "prepare"], { stdio: "inherit" });
  await until("the suite is loading", () => existsSync(mark));
  bot.kill("SIGKILL");
  const runner = runnerIn(folder);
  const again = runner.prepare(request);
  // The kill comes before the gate opens: without a job of its own the listing would have gone with the bot.
  writeFileSync(gate, "");
  expect(await again).toEqual({ ok: true, tests: { chrome: 1 } });
  const loadedOnce = readFileSync(mark, "utf8").split("\n").length;
  // Control: under another id it is listed anew.
  await runner.prepare({ ...request, attempt: 2 });
  expect(readFileSync(mark, "utf8").split("\n").length).toBe(2 * loadedOnce - 1);

  for (const attempt of [1, 2]) await runner.tidy({ ...request, attempt }, [LISTING], request.folder);
  expect(existsSync(request.folder)).toBe(false);
  const jobs = join(folder, "local/jobs");
  for (const job of readdirSync(jobs))
    expect(readdirSync(join(jobs, job)).sort()).toEqual(["ended", "exit", "status"]);
}, 60_000);
