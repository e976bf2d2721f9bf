import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import type { TestRefusal } from "../runner.ts";

/** The oldest version whose reporter, JSON report and options are as used here. */
const OLDEST = [1, 40] as const;

export interface FoundPlaywright {
  readonly ok: true;
  readonly directory: string;
  /** What `npx playwright` would run there. */
  readonly program: string;
  readonly version: string;
}

/**
 * Finds the team's own Playwright as `npx` does: `node_modules/.bin` of the suite's directory or of one above. It
 * is run directly, since npx costs a second and, where Playwright is missing, would fetch some version of it.
 */
export function findPlaywright(directoryName: string): FoundPlaywright | TestRefusal {
  const named = resolve(directoryName);
  if (!statSync(named, { throwIfNoEntry: false })?.isDirectory()) {
    return refusal("tests_directory_missing", `tests.directory ${named} is not a directory.`);
  }
  const directory = realpathSync(named);
  for (let folder = directory; ; folder = dirname(folder)) {
    const program = join(folder, "node_modules", ".bin", "playwright");
    if (existsSync(program)) return checked(directory, program);
    if (folder === dirname(folder)) break;
  }
  return refusal(
    "tests_playwright_missing",
    `No Playwright is installed in ${directory}: run \`npm ci\` there, with @playwright/test among its packages.`,
  );
}

const manifest = z.object({ version: z.string().regex(/^\d+\.\d+/) });

function checked(directory: string, program: string): FoundPlaywright | TestRefusal {
  const version = versionBeside(realpathSync(program));
  if (version === undefined) {
    return refusal(
      "tests_playwright_missing",
      `${program} is not Playwright: run \`npm ci\` in ${directory}.`,
    );
  }
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    const needed = `${OLDEST.join(".")} or newer`;
    return refusal("tests_playwright_too_old", `The suite has Playwright ${version}; ${needed} is needed.`);
  }
  return { ok: true, directory, program, version };
}

function versionBeside(program: string): string | undefined {
  try {
    return manifest.parse(JSON.parse(readFileSync(join(dirname(program), "package.json"), "utf8"))).version;
  } catch {
    return undefined;
  }
}

export function refusal(reasonCode: TestRefusal["reasonCode"], what: string): TestRefusal {
  return { ok: false, reasonCode, message: `${what} Nothing was started.` };
}
