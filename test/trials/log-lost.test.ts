import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { api } from "../../sandbox/client.ts";
import { bareEnvironment } from "../../sandbox/supervisor/environment.ts";
import { openYard, type Yard } from "../crash/support/yard.ts";
import { eventually } from "./support/scene.ts";

const ROOT = join(import.meta.dirname, "..", "..");
let yard: Yard;

beforeAll(async () => {
  yard = await openYard();
}, 120_000);
afterAll(() => yard.close(), 60_000);

async function isReady(child: ChildProcess): Promise<boolean> {
  if (child.exitCode !== null) throw new Error(`The bot ended with ${child.exitCode}.`);
  return (await fetch(`${yard.json.bot}/readyz`).catch(() => undefined))?.ok ?? false;
}

/** A full disk, where the system has one to lend, and a reader that goes away. */
const USELESS = ["pipe", ...["/dev/full"].filter((file) => existsSync(file))];

it.each(USELESS)(
  "a bot whose log cannot be written (%s) stays at work",
  async (sink) => {
    const stdout = sink === "pipe" ? "pipe" : openSync(sink, "w");
    const child = spawn(process.execPath, ["src/cli/slipway.mjs", "start"], {
      cwd: ROOT,
      stdio: ["ignore", stdout, "ignore"],
      env: {
        ...bareEnvironment(process.env),
        ...yard.environment,
        DATABASE_URL: `sqlite:${join(yard.folder, `${USELESS.indexOf(sink)}.db`)}`,
        LOG_LEVEL: "trace",
      },
    });
    const exit = once(child, "exit");
    try {
      await eventually("ready", () => isReady(child), Boolean);
      child.stdout?.destroy();
      // It says that it has read its configuration, and there is nobody to hear it.
      for (let n = 0; n < 3; n++) {
        child.kill("SIGHUP");
        expect(await api(yard.json, "/api/slots")).toHaveProperty("slots");
      }
      expect(await isReady(child)).toBe(true);
    } finally {
      child.kill("SIGKILL");
      await exit;
      if (typeof stdout === "number") closeSync(stdout);
    }
  },
  60_000,
);
