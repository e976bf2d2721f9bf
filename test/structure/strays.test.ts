import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const PATIENT = { timeout: 30_000, interval: 50 };
const strays: number[] = [];

afterEach(() => {
  for (const pid of strays.splice(0)) if (lives(pid)) process.kill(pid, "SIGKILL");
});

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Starts a process that starts another one, as a test does a bot; kills the first; resolves with the second's number. */
async function orphan(preload: readonly string[]): Promise<number> {
  const idle = ["-e", "console.log(process.pid); setInterval(() => {}, 1000)"];
  const words = JSON.stringify([...preload, ...idle]);
  const start = `require("node:child_process").spawn(process.execPath, ${words}, { detached: true, stdio: "inherit" })`;
  const parent = spawn(process.execPath, ["-e", start], { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(parent.stdout, "data")) as [Buffer];
  const child = Number(line.toString());
  strays.push(child);
  parent.kill("SIGKILL");
  await once(parent, "exit");
  return child;
}

it("a bot that a test has started ends with the test's process", async () => {
  const stray = await orphan([]);
  const bound = await orphan(["--import", "./test/crash/end-with-parent.ts"]);
  await expect.poll(() => lives(bound), PATIENT).toBe(false);
  // The control: without that module it lives on.
  expect(lives(stray)).toBe(true);
});
