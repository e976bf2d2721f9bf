import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "..", "..");
const LIVED = 7;

/** Logs until its standard input ends, and tells by its exit code that it has lived so long. */
const TALKER = `
  import { createLog } from "./src/bot/log.ts";
  import { Redactor } from "./src/util/redact.ts";
  const log = createLog("info", new Redactor());
  setInterval(() => log.info("a line"), 5);
  process.stderr.write("begun");
  process.stdin.on("end", () => process.exit(${LIVED})).resume();
`;
/** The control: the same lines without the log's care. */
const CARELESS = TALKER.replace('log.info("a line")', 'process.stdout.write("a line")').replace(
  /const log = .*/,
  "",
);

/** How a process ends that has gone on for a while after its standard output had become of no use. */
async function talkTo(stdout: number | "pipe", program: string): Promise<number | null> {
  const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", program], {
    cwd: ROOT,
    stdio: ["pipe", stdout, "pipe"],
  });
  const exit = once(child, "exit");
  if (child.stderr) await once(child.stderr, "data");
  child.stdout?.destroy();
  await Promise.race([exit, new Promise((resolve) => setTimeout(resolve, 300))]);
  child.stdin?.on("error", () => {}).end();
  return (await exit)[0];
}

/** A full disk, where the system has one to lend, and a reader that goes away. */
const USELESS = ["pipe", ...["/dev/full"].filter((file) => existsSync(file))];

it.each(USELESS)(
  "a log that can no longer be written (%s) loses its lines, and nothing else",
  async (sink) => {
    const stdout = sink === "pipe" ? "pipe" : openSync(sink, "w");
    expect(await talkTo(stdout, TALKER)).toBe(LIVED);
    expect(await talkTo(stdout, CARELESS)).not.toBe(LIVED);
    if (typeof stdout === "number") closeSync(stdout);
  },
);
