import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ReportError } from "../report/error.ts";
import { listReport } from "../report/list.ts";
import { plainText } from "../report/text.ts";
import type { Prepared, TestRefusal, TestSettings } from "../runner.ts";
import { type HostEnvironment, suiteEnvironment } from "./environment.ts";
import { readIfThere } from "./files.ts";
import { type FoundPlaywright, findPlaywright, refusal } from "./playwright.ts";

const LIST_TIMEOUT_MS = 120_000;

/** Has Playwright load the suite and list its tests, so that a broken suite is known before the machine is up. */
export async function prepareLocal(
  settings: TestSettings,
  host: HostEnvironment,
  hide: (text: string) => string,
  signal?: AbortSignal,
): Promise<Prepared | TestRefusal> {
  const found = findPlaywright(settings.directory);
  if (!found.ok) return found;
  const folder = await mkdtemp(join(tmpdir(), "slipway-list-"));
  try {
    const output = hide(await list(found, settings, host, join(folder, "list.json"), signal));
    signal?.throwIfAborted();
    const listed = await readIfThere(join(folder, "list.json"));
    return judge(settings, listed === undefined ? undefined : hide(listed), output);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function judge(settings: TestSettings, text: string | undefined, output: string): Prepared | TestRefusal {
  let listed: ReturnType<typeof listReport>;
  try {
    listed = listReport(text);
  } catch (error) {
    if (!(error instanceof ReportError)) throw error;
    const said = plainText(output, 1000) || error.message;
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

/** Resolves with what Playwright printed, when it has ended. */
function list(
  found: FoundPlaywright,
  settings: TestSettings,
  host: HostEnvironment,
  file: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  return new Promise((resolve) => {
    const env = {
      ...suiteEnvironment(host, settings, settings.browsers[0] ?? ""),
      PLAYWRIGHT_JSON_OUTPUT_FILE: file,
      PLAYWRIGHT_JSON_OUTPUT_NAME: file,
    };
    const child = spawn(found.program, ["test", "--list", "--reporter=json"], {
      cwd: found.directory,
      env,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    const take = (bytes: Buffer) => {
      if (output.length < 20_000) output += bytes.toString("utf8");
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    const end = () => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, "SIGKILL");
      } catch {
        // The group has ended by itself.
      }
    };
    const timer = setTimeout(end, LIST_TIMEOUT_MS);
    signal?.addEventListener("abort", end, { once: true });
    const done = (text: string) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve(text);
    };
    child.once("error", (error) => done(error.message));
    child.once("close", () => done(output));
    if (signal?.aborted) end();
  });
}
