import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { RUNNERS } from "../../src/config/schema/tests.ts";
import { runnerNames, testRunners } from "../../src/testing/index.ts";
import {
  finished,
  requestIn,
  runnerIn,
  sampleSuite,
  settingsFor,
  temporaryFolder,
  writeSuite,
} from "./helpers.ts";

const one = 'import { test } from "@playwright/test"; test("one", () => {});';

test("the sample suite is ready, with its tests counted per browser", async () => {
  const browsers = ["chrome", "firefox", "safari", "edge"];
  const prepared = await runnerIn(temporaryFolder()).prepare(settingsFor(sampleSuite, { browsers }));
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
    const refusal = await runner.prepare(settingsFor(directory));
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
    expect(await runners.get(name)?.prepare(settings)).toEqual(refusal);
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
