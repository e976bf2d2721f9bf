import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { onTestFinished } from "vitest";
import { localExec } from "../../src/remote/index.ts";
import {
  hostEnvironment,
  type LocalRunnerOptions,
  localRunner,
  type PrepareRequest,
  type TestRefusal,
  type TestRequest,
  type TestRun,
  type TestRunner,
  type TestSettings,
} from "../../src/testing/index.ts";
import { systemClock } from "../../src/util/clock.ts";

export const repository = resolve(import.meta.dirname, "../..");
export const sampleSuite = join(repository, "sandbox/sample/e2e");

export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "slipway-testing-")));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

/** A runner as the bot has it, whose jobs live in `folder`. */
export function runnerIn(
  folder: string,
  env: Record<string, string | undefined> = process.env,
  graceMs = 20_000,
  more: Partial<LocalRunnerOptions> = {},
): TestRunner {
  return localRunner({
    ...more,
    transport: localExec(join(folder, "local")),
    environment: hostEnvironment(env),
    clock: systemClock,
    graceMs,
  });
}

export function settingsFor(directory: string, changes: Partial<TestSettings> = {}): TestSettings {
  return {
    runner: "local",
    directory,
    browsers: ["chrome"],
    parallel: 2,
    workers: 2,
    retries: 0,
    timeoutMs: 60_000,
    env: {},
    users: {},
    ...changes,
  };
}

export function listingIn(
  folder: string,
  settings: TestSettings,
  changes: Partial<PrepareRequest> = {},
): PrepareRequest {
  // As with a run of the suite; and what is asked for twice under one id is done once.
  const runUuid = `${folder} ${settings.directory}`;
  return { runUuid, path: "Prepare", attempt: 1, settings, folder: join(folder, "listing"), ...changes };
}

export function requestIn(
  folder: string,
  settings: TestSettings,
  changes: Partial<TestRequest> = {},
): TestRequest {
  // A job is known on the whole machine by its id: each test needs a run of its own.
  const id = { runUuid: folder, path: "Tests", attempt: 1 };
  const attempt = changes.attempt ?? 1;
  return {
    ...id,
    settings,
    folder: join(folder, `run-${attempt}`),
    artifacts: join(folder, "artifacts"),
    ...changes,
  };
}

export function finished(outcome: TestRun | TestRefusal): TestRun {
  if ("ok" in outcome) throw new Error(outcome.message);
  return outcome;
}

/**
 * A suite in a folder of its own that finds the repository's Playwright. Its tests need no browser unless they ask
 * for a page.
 */
export function writeSuite(folder: string, files: Record<string, string>, config?: string): string {
  const suite = join(folder, "suite");
  mkdirSync(suite, { recursive: true });
  symlinkSync(join(repository, "node_modules"), join(suite, "node_modules"));
  const all = { "playwright.config.ts": config ?? plainConfig, ...files };
  for (const [name, text] of Object.entries(all)) {
    mkdirSync(dirname(join(suite, name)), { recursive: true });
    writeFileSync(join(suite, name), text);
  }
  return suite;
}

const plainConfig = `
import { defineConfig } from "@playwright/test";
export default defineConfig({
  testDir: "./tests",
  projects: [{ name: "chrome" }, { name: "firefox", use: { browserName: "firefox" } }],
});
`;
