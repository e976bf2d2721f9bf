import { rm } from "node:fs/promises";
import {
  cleanJob,
  isJobGone,
  type JobId,
  JobLostError,
  type JobTransport,
  jobState,
  startOrJoin,
  stopJob,
} from "../../remote/index.ts";
import { type Clock, sleep } from "../../util/clock.ts";
import { collectArtifacts, type RefusedArtifact } from "../artifacts.ts";
import { ProgressFollower } from "../progress.ts";
import type { TestRefusal, TestRequest, TestRun, TestRunner, TestWatch } from "../runner.ts";
import { verdictOf } from "../verdict.ts";
import type { TestReport } from "../words.ts";
import { suiteCommand } from "./command.ts";
import { conclude, type Ending } from "./conclude.ts";
import type { HostEnvironment } from "./environment.ts";
import { type BrowserFolder, begunAt, browserFolder, freshFolder, LineReader, readIfThere } from "./files.ts";
import { jobOf } from "./jobs.ts";
import { type FoundPlaywright, findPlaywright, refusal } from "./playwright.ts";
import { prepareLocal } from "./prepare.ts";
import { rerunOf, type Selection } from "./rerun.ts";

/** How often the progress file is read. */
const PROGRESS_EVERY_MS = 250;

export interface LocalRunnerOptions {
  /** The bot's own machine: `localExec(…)`. */
  readonly transport: JobTransport;
  /** What a suite sees of the bot's environment: `hostEnvironment(process.env)`. */
  readonly environment: HostEnvironment;
  readonly clock: Clock;
  /** Hides secrets in what the suite says, before anything is cut short or kept; nothing is hidden without it. */
  readonly redact?: (text: string) => string;
  /** How long Playwright may take to end by itself after its time is over; default 20 s. */
  readonly graceMs?: number;
  /** How long Playwright may take to list the suite's tests; default 120 s. */
  readonly listTimeoutMs?: number;
}

/**
 * Runs the team's own suite on the bot's machine, each browser as a detached job: a kill of the bot leaves the
 * tests running, and the next bot joins them under the same id.
 */
export function localRunner(options: LocalRunnerOptions): TestRunner {
  const { transport } = options;
  return {
    name: "local",
    prepare: (request, signal) => prepareLocal(options, request, signal),
    run: (request, watch = {}) => run(options, request, watch),
    stop: async (id, browsers, signal) => {
      await Promise.all(browsers.map((browser) => stopJob(transport, jobOf(id, browser), signal)));
    },
    tidy: async (id, browsers, folder, signal) => {
      await Promise.all(browsers.map((browser) => cleanJob(transport, jobOf(id, browser), signal)));
      await rm(folder, { recursive: true, force: true });
    },
    isGone: async (id, browsers, signal) => {
      const gone = browsers.map((browser) => isJobGone(transport, jobOf(id, browser), signal));
      return (await Promise.all(gone)).every(Boolean);
    },
  };
}

async function run(
  options: LocalRunnerOptions,
  request: TestRequest,
  watch: TestWatch,
): Promise<TestRun | TestRefusal> {
  const found = findPlaywright(request.settings.directory);
  if (!found.ok) return found;
  const selections = selectionsOf(request);
  if (selections.size === 0) {
    return refusal("tests_nothing_failed", "No test failed or was left out in the run before.");
  }
  const reports: TestReport[] = [];
  const refused: RefusedArtifact[] = [];
  const one = async ([browser, selection]: readonly [string, Selection]): Promise<void> => {
    const report = await runBrowser({ options, request, watch, found, browser, selection });
    const { output } = browserFolder(request.folder, browser);
    const collected = await collectArtifacts(report, { output, artifacts: request.artifacts });
    reports.push(collected.report);
    refused.push(...collected.refused);
  };
  await atMost(request.settings.parallel, [...selections], one);
  const order = [...selections.keys()];
  reports.sort((a, b) => order.indexOf(a.browser) - order.indexOf(b.browser));
  return { reports, verdict: verdictOf(reports), refusedArtifacts: refused };
}

function selectionsOf({ settings, failedOnly }: TestRequest): Map<string, Selection> {
  if (failedOnly === undefined) return new Map(settings.browsers.map((browser) => [browser, "all"]));
  const wanted = rerunOf(failedOnly);
  return new Map([...wanted].filter(([browser]) => settings.browsers.includes(browser)));
}

/** Works through the items, so many at a time; after a fault none is begun, all are awaited, the first is thrown. */
async function atMost<T>(
  limit: number,
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      try {
        await work(item);
      } catch (error) {
        queue.length = 0;
        throw error;
      }
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: Math.max(1, limit) }, worker));
  const failed = workers.find((item) => item.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

interface BrowserRun {
  readonly options: LocalRunnerOptions;
  readonly request: TestRequest;
  readonly watch: TestWatch;
  readonly found: FoundPlaywright;
  readonly browser: string;
  readonly selection: Selection;
}

async function runBrowser(run: BrowserRun): Promise<TestReport> {
  const { options, request, watch, browser } = run;
  const { transport, clock } = options;
  const { signal } = watch;
  signal?.throwIfAborted();
  const id = jobOf(request, browser);
  const folder = browserFolder(request.folder, browser);
  // Only a job that nobody ever began may lose its files: a joined one is writing them.
  if ((await jobState(transport, id, signal)).state === "absent") await freshFolder(folder, clock.now());

  const hide = hider(options.redact);
  const follower = new ProgressFollower(browser);
  const ended = new AbortController();
  const progress = followProgress(folder, follower, watch, hide, ended.signal);
  // Awaited below in any case; until then its fault must not count as unhandled.
  progress.catch(() => {});
  let ending: Ending;
  try {
    ending = await followJob(run, id, folder);
  } finally {
    ended.abort();
    await progress;
    // An abort ends the tests too: nothing may run on against a slot that is being cleared.
    if (signal?.aborted) await stopJob(transport, id);
  }
  signal?.throwIfAborted();
  const report = await readIfThere(folder.report);
  return conclude({
    browser,
    ending,
    report: report === undefined ? undefined : hide(report),
    progress: follower,
    begunAt: (await begunAt(folder)) ?? clock.now(),
    timeoutMs: request.settings.timeoutMs,
  });
}

async function followJob(run: BrowserRun, id: JobId, folder: BrowserFolder): Promise<Ending> {
  const { options, request, watch, found, browser, selection } = run;
  const { environment, graceMs } = options;
  const command = suiteCommand(found, request.settings, browser, folder, environment, selection, graceMs);
  const withSignal = watch.signal === undefined ? {} : { signal: watch.signal };
  try {
    const job = await startOrJoin(
      options.transport,
      { id, ...command, directory: found.directory },
      watch.signal,
    );
    const onLine = (line: string) => watch.onLine?.(browser, line);
    const onSkip = (bytes: number) => watch.onSkip?.(browser, bytes);
    return { kind: "exited", ...(await job.follow({ onLine, onSkip, ...withSignal })) };
  } catch (error) {
    if (error instanceof JobLostError) return { kind: "lost", message: error.message };
    throw error;
  }
}

/** Colours as JSON writes them: they may stand in the middle of a secret that a comparison shows. */
const COLOUR_IN_JSON = /(?<!\\)((?:\\\\)*)\\u001b\[[0-9;]*m/gi;

/** Hides secrets in JSON text. */
function hider(redact: LocalRunnerOptions["redact"]): (json: string) => string {
  return redact === undefined ? (json) => json : (json) => redact(json.replace(COLOUR_IN_JSON, "$1"));
}

/** Reads the progress file until the run has ended, and once more then. */
async function followProgress(
  folder: BrowserFolder,
  follower: ProgressFollower,
  watch: TestWatch,
  hide: (text: string) => string,
  ended: AbortSignal,
): Promise<void> {
  const reader = new LineReader(folder.progress);
  let told = "";
  for (let last = false; ; last = ended.aborted) {
    for (const line of await reader.read()) follower.line(hide(line));
    const { progress } = follower;
    const text = JSON.stringify(progress);
    if (text !== told && follower.begun) {
      told = text;
      watch.onProgress?.(progress);
    }
    if (last) return;
    await sleep(PROGRESS_EVERY_MS, ended);
  }
}
