import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeSuite } from "./helpers.ts";

/** Runs Playwright itself over a small suite and gives what it wrote, for tests of the parser alone. */
export async function runPlaywright(
  files: Record<string, string>,
  more: readonly string[] = [],
  project = "chrome",
): Promise<{ report: string | undefined; exitCode: number | null }> {
  const folder = mkdtempSync(join(tmpdir(), "slipway-report-"));
  try {
    const suite = writeSuite(folder, files);
    const file = join(folder, "report.json");
    const words = ["test", `--project=${project}`, "--reporter=json", "--workers=1", ...more];
    const env = {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      PLAYWRIGHT_JSON_OUTPUT_FILE: file,
      PLAYWRIGHT_JSON_OUTPUT_NAME: file,
    };
    const program = join(suite, "node_modules/.bin/playwright");
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      const child = spawn(program, words, { cwd: suite, env, stdio: "ignore" });
      child.once("error", reject);
      child.once("close", resolve);
    });
    return { report: readIfThere(file), exitCode };
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
