import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { cloudState, messages, slash } from "../../sandbox/client.ts";
import { sandboxJsonSchema } from "../../sandbox/supervisor/description.ts";
import { processes, processStart } from "../../sandbox/supervisor/processes.ts";
import { startSandbox } from "../../sandbox/supervisor/start.ts";
import { sleep } from "../../src/util/clock.ts";

// Generous: a whole sandbox starts in two seconds, but other suites may run beside it.
vi.setConfig({ testTimeout: 120_000 });

const ROOT = join(import.meta.dirname, "..", "..");
const LAUNCHER = join(ROOT, "src", "cli", "slipway.mjs");

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-sandbox-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const readJson = () =>
  sandboxJsonSchema.parse(JSON.parse(readFileSync(join(folder, "sandbox.json"), "utf8")));

async function until(holds: () => boolean, withinMs: number): Promise<boolean> {
  const end = Date.now() + withinMs;
  while (!holds() && Date.now() < end) await sleep(25);
  return holds();
}

/** Every process that is one of the sandbox's, or in the group of one. */
function leftOf(pids: readonly number[]): readonly number[] {
  return processes()
    .filter((one) => one.state !== "Z" && (pids.includes(one.pid) || pids.includes(one.group)))
    .map((one) => one.pid);
}

describe("without the bot", () => {
  test("everything else answers, is described whole, and ends without a trace", async () => {
    const sandbox = await startSandbox({ dir: folder, bot: false, port: 0 });
    const json = readJson();
    expect(json).toEqual(sandbox.json);
    expect(json.slack.user).toBe(json.slack.users.developer);
    expect(Object.keys(json.slack.users)).toEqual([
      "viewer",
      "developer",
      "developer2",
      "maintainer",
      "release",
      "outsider",
    ]);
    expect(Object.keys(json.github.users)).toEqual(["reader", "writer", "admin", "outsider"]);
    expect(Object.keys(json.slots)).toEqual(["stg1", "stg2", "stg3", "stg4"]);
    expect(json.slots.stg1?.securityGroup).toBe(json.slots.stg2?.securityGroup);
    expect(json.slots.stg1?.url).toContain("127.0.0.1");
    expect(json.pids).not.toHaveProperty("bot");
    expect(statSync(join(folder, "sandbox.json")).mode & 0o077).toBe(0);

    expect((await fetch(json.console)).status).toBe(200);
    expect((await fetch(`${json.github.api}/repos/${json.github.repository}/pulls/1`)).status).toBe(200);
    expect(await cloudState(json)).toBeTypeOf("object");
    expect((await slash(json, "developer", "status")).error).toBe("dispatch_failed");
    expect((await messages(json)).map((one) => one.text)).toContain("/stg status");

    const env = parseEnv(readFileSync(join(folder, "sandbox.env"), "utf8"));
    expect(env).toMatchObject({
      SLACK_BOT_TOKEN: json.slack.botToken,
      AWS_ENDPOINT_URL: json.aws.endpoint,
      SLACK_API_URL: json.slack.api,
      PORT: new URL(json.bot).port,
    });

    const pids = Object.entries(json.pids).flatMap(([name, pid]) => (name === "supervisor" ? [] : [pid]));
    expect(leftOf(pids)).toHaveLength(pids.length);
    await sandbox.stop();
    expect(leftOf(pids)).toEqual([]);
    await expect(fetch(json.console)).rejects.toThrow();
  });

  test("two run at once, each with addresses of its own; a second in the same folder is refused", async () => {
    const other = mkdtempSync(join(tmpdir(), "slipway-sandbox-"));
    const [first, second] = await Promise.all([
      startSandbox({ dir: folder, bot: false, port: 0 }),
      startSandbox({ dir: other, bot: false, port: 0 }),
    ]);
    try {
      const addresses = [first, second].flatMap(({ json }) => [
        json.bot,
        json.slack.api,
        json.github.api,
        json.aws.endpoint,
        ...Object.values(json.slots).map((slot) => slot.url),
      ]);
      expect(new Set(addresses).size).toBe(addresses.length);
      await expect(startSandbox({ dir: folder, bot: false })).rejects.toMatchObject({
        code: "sandbox_running",
        fields: { pid: process.pid },
      });
      expect((await fetch(first.json.console)).status).toBe(200);
    } finally {
      await Promise.all([first.stop(), second.stop()]);
      rmSync(other, { recursive: true, force: true });
    }
  });

  test("a configuration that a caller changed is what the bot and the cloud get", async () => {
    const sandbox = await startSandbox({
      dir: folder,
      bot: false,
      port: 0,
      config: (config) => ({ ...config, installation: "changed" }),
      env: { LOG_LEVEL: "debug" },
    });
    await sandbox.stop();
    expect(readFileSync(join(folder, "slipway.yml"), "utf8")).toContain("installation: changed");
    expect(parseEnv(readFileSync(join(folder, "sandbox.env"), "utf8")).LOG_LEVEL).toBe("debug");
  });

  test("a child that cannot start is named with its last lines, and nothing stays behind", async () => {
    const broken = startSandbox({
      dir: folder,
      bot: false,
      port: 0,
      cloud: (config) => ({ ...config, regions: [] }),
    });
    await expect(broken).rejects.toMatchObject({ code: "sandbox_child_ended", fields: { child: "cloud" } });
    await expect(broken).rejects.toThrow("regions");
    expect(existsSync(join(folder, "sandbox.json"))).toBe(false);
    const again = await startSandbox({ dir: folder, bot: false, port: 0 });
    await again.stop();
  });
});

describe("npm run sandbox", () => {
  async function start(): Promise<{ pid: number; output: () => string; ended: Promise<unknown[]> }> {
    const child = spawn(process.execPath, [LAUNCHER, "sandbox", "--no-bot", "--port", "0", "--dir", folder], {
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (part) => {
        output += part;
      });
    }
    const ended = once(child, "exit");
    expect(await until(() => existsSync(join(folder, "sandbox.json")), 60_000), output).toBe(true);
    return { pid: child.pid ?? 0, output: () => output, ended };
  }

  test("prints a line per address, says which child died, and ctrl-C ends all of it", async () => {
    const run = await start();
    const json = readJson();
    expect(await until(() => run.output().includes("ctrl-C"), 20_000)).toBe(true);
    for (const address of [json.console, json.bot, json.slack.api, json.github.api, json.aws.endpoint]) {
      expect(run.output()).toContain(address);
    }
    process.kill(json.pids.slack ?? 0, "SIGKILL");
    expect(await until(() => run.output().includes("The slack (process"), 20_000)).toBe(true);
    process.kill(-run.pid, "SIGINT");
    expect(await run.ended).toEqual([0, null]);
    expect(leftOf(Object.values(json.pids))).toEqual([]);
  });

  test("killed, it takes its children along, and the jobs that were detached from them", async () => {
    const run = await start();
    const job = spawn("sleep", ["60"], { cwd: folder, detached: true, stdio: "ignore" });
    const jobEnded = once(job, "exit");
    const json = readJson();
    const { supervisor: _, ...children } = json.pids;
    expect(leftOf(Object.values(children)).length).toBeGreaterThanOrEqual(3);
    process.kill(run.pid, "SIGKILL");
    await run.ended;
    expect(await until(() => leftOf(Object.values(children)).length === 0, 30_000)).toBe(true);
    expect(processStart(run.pid)).toBeUndefined();
    expect(await jobEnded).toEqual([null, "SIGKILL"]);
  });
});
