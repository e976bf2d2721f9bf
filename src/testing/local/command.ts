import { fileURLToPath } from "node:url";
import { quote } from "../../remote/index.ts";
import type { TestSettings } from "../runner.ts";
import { type HostEnvironment, suiteEnvironment } from "./environment.ts";
import type { BrowserFolder } from "./files.ts";
import type { FoundPlaywright } from "./playwright.ts";
import { type Selection, selectionArguments } from "./rerun.ts";

const REPORTER = fileURLToPath(new URL("../reporter/progress.mjs", import.meta.url));

/** How long Playwright may take to end by itself and write its report, after its time is over. */
export const GRACE_MS = 20_000;

/**
 * A worker that a test blocks, or a browser, may outlive Playwright, and would go on against a slot that is being
 * cleared. A job of ours leaves such processes alone, since service updates start daemons; a suite's are ended,
 * known by the mark that every process of a job inherits.
 */
const END_LEFTOVERS = `
rounds=0
left=some
while [ -n "$left" ] && [ $rounds -lt 50 ]; do
  left=
  for file in $(grep -lF "SLIPWAY_JOB=$SLIPWAY_JOB" /proc/[0-9]*/environ 2>/dev/null); do
    pid=\${file#/proc/}; pid=\${pid%/environ}
    if [ "$pid" != "$$" ] && kill -KILL "$pid" 2>/dev/null; then left=$pid; fi
  done
  rounds=$((rounds + 1))
  [ -z "$left" ] || sleep 0.1
done
`;

export interface SuiteCommand {
  /** Shell text: Playwright with quoted arguments, then the end of what it left running. */
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  /** Then the job's whole process group is ended: Playwright's own time-out comes first. */
  readonly timeoutMs: number;
}

/** How one browser's suite is run. */
export function suiteCommand(
  playwright: FoundPlaywright,
  settings: TestSettings,
  browser: string,
  folder: BrowserFolder,
  host: HostEnvironment,
  selection: Selection,
  graceMs: number = GRACE_MS,
): SuiteCommand {
  const words = [
    playwright.program,
    "test",
    `--project=${browser}`,
    `--workers=${settings.workers}`,
    `--retries=${settings.retries}`,
    `--global-timeout=${settings.timeoutMs}`,
    `--output=${folder.output}`,
    `--reporter=json,${REPORTER}`,
    ...selectionArguments(selection),
  ];
  return {
    script: scriptOf(words),
    env: {
      ...suiteEnvironment(host, settings, browser),
      ...reportTo(folder.report),
      SLIPWAY_PROGRESS_FILE: folder.progress,
    },
    timeoutMs: settings.timeoutMs + graceMs,
  };
}

/** Loading a suite and listing its tests takes seconds; what takes so long hangs. */
export const LIST_TIMEOUT_MS = 120_000;

/** How Playwright is asked which tests there are; the list goes to `file`. */
export function listCommand(
  playwright: FoundPlaywright,
  settings: TestSettings,
  file: string,
  host: HostEnvironment,
  timeoutMs: number = LIST_TIMEOUT_MS,
): SuiteCommand {
  return {
    script: scriptOf([playwright.program, "test", "--list", "--reporter=json"]),
    env: { ...suiteEnvironment(host, settings, settings.browsers[0] ?? ""), ...reportTo(file) },
    timeoutMs,
  };
}

function scriptOf(words: readonly string[]): string {
  return `code=0\n${words.map(quote).join(" ")} || code=$?\n${END_LEFTOVERS}exit "$code"`;
}

/** Older versions know the second name alone; an absolute path means the same in both. */
function reportTo(file: string): Record<string, string> {
  return { PLAYWRIGHT_JSON_OUTPUT_FILE: file, PLAYWRIGHT_JSON_OUTPUT_NAME: file };
}
