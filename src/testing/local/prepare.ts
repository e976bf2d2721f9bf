import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { startOrJoin, stopJob } from "../../remote/index.ts";
import { ReportError } from "../report/error.ts";
import { listReport } from "../report/list.ts";
import { plainText } from "../report/text.ts";
import {
  LISTING,
  type Prepared,
  type PrepareRequest,
  type TestRefusal,
  type TestSettings,
} from "../runner.ts";
import { LIST_TIMEOUT_MS, listCommand } from "./command.ts";
import { readIfThere } from "./files.ts";
import { jobOf } from "./jobs.ts";
import type { LocalRunnerOptions } from "./local-runner.ts";
import { type FoundPlaywright, findPlaywright, refusal } from "./playwright.ts";

/** Of what Playwright prints as much as is needed to tell what is wrong. */
const LONGEST_OUTPUT = 20_000;

/**
 * Has Playwright load the suite and list its tests, so that a broken suite is known before the machine is up. It
 * runs as the suite itself does, as a job with a limit of its own: what it leaves running holds nobody up and is
 * ended, and a bot that is killed meanwhile joins it.
 */
export async function prepareLocal(
  options: LocalRunnerOptions,
  request: PrepareRequest,
  signal?: AbortSignal,
): Promise<Prepared | TestRefusal> {
  const { settings, folder } = request;
  const hide = options.redact ?? ((text: string) => text);
  const found = findPlaywright(settings.directory);
  if (!found.ok) return found;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, "list.json");
  const ended = await list(options, request, found, file, signal);
  signal?.throwIfAborted();
  const listed = await readIfThere(file);
  return judge(settings, listed === undefined ? undefined : hide(listed), {
    ...ended,
    output: hide(ended.output),
  });
}

function judge(settings: TestSettings, text: string | undefined, ended: Listed): Prepared | TestRefusal {
  if (ended.timedOut) {
    const said = plainText(ended.output, 1000);
    const limit = `Listing the suite's tests took longer than ${ended.limitMs / 1000} s and was ended.`;
    return refusal("tests_configuration", `${limit}${said === "" ? "" : ` Playwright said: ${said}\n`}`);
  }
  let listed: ReturnType<typeof listReport>;
  try {
    listed = listReport(text);
  } catch (error) {
    if (!(error instanceof ReportError)) throw error;
    const said = plainText(ended.output, 1000) || error.message;
    return refusal("tests_configuration", `Playwright cannot list the suite's tests: ${said}\n`);
  }
  const [problem] = listed.errors;
  if (problem !== undefined) {
    return refusal("tests_configuration", `The suite in ${settings.directory} does not load: ${problem}\n`);
  }
  const tests: Record<string, number> = {};
  for (const browser of settings.browsers) {
    const count = listed.tests.get(browser);
    if (count === undefined) {
      const known = [...listed.tests.keys()].join(", ");
      const what = `The suite has no Playwright project "${browser}", only: ${known}.`;
      return refusal("tests_project_unknown", what);
    }
    if (count === 0) return refusal("tests_none_collected", `The suite has no test for "${browser}".`);
    tests[browser] = count;
  }
  return { ok: true, tests };
}

interface Listed {
  readonly timedOut: boolean;
  readonly limitMs: number;
  /** The beginning of what Playwright printed. */
  readonly output: string;
}

/** Returns when Playwright has ended, whatever it has left behind. */
async function list(
  { transport, environment, listTimeoutMs = LIST_TIMEOUT_MS }: LocalRunnerOptions,
  request: PrepareRequest,
  found: FoundPlaywright,
  file: string,
  signal: AbortSignal | undefined,
): Promise<Listed> {
  const id = jobOf(request, LISTING);
  const command = listCommand(found, request.settings, file, environment, listTimeoutMs);
  let output = "";
  const onLine = (line: string) => {
    if (output.length < LONGEST_OUTPUT) output += `${line}\n`;
  };
  try {
    const job = await startOrJoin(transport, { id, ...command, directory: found.directory }, signal);
    const { timedOut } = await job.follow({ onLine, ...(signal === undefined ? {} : { signal }) });
    return { timedOut, limitMs: listTimeoutMs, output };
  } finally {
    if (signal?.aborted) await stopJob(transport, id);
  }
}
