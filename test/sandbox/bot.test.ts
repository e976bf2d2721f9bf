import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { api, cloudState, messages, runs, slash, waitForRun } from "../../sandbox/client.ts";
import type { Child } from "../../sandbox/supervisor/children.ts";
import { bareEnvironment } from "../../sandbox/supervisor/environment.ts";
import { processes, signalGroup } from "../../sandbox/supervisor/processes.ts";
import { type Sandbox, startSandbox } from "../../sandbox/supervisor/start.ts";

// Generous: other suites may run beside this one.
vi.setConfig({ testTimeout: 180_000 });
const PATIENT = { timeout: 60_000 };

const ROOT = join(import.meta.dirname, "..", "..");
const folder = mkdtempSync(join(tmpdir(), "slipway-sandbox-bot-"));
const ended: { child: Child; signal: string | null }[] = [];
let sandbox: Sandbox;

beforeAll(async () => {
  sandbox = await startSandbox({
    dir: folder,
    port: 0,
    onEnd: (child, { signal }) => ended.push({ child, signal }),
  });
}, 120_000);

afterAll(async () => {
  await sandbox.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const ready = async () => (await fetch(`${sandbox.json.bot}/readyz`).catch(() => undefined))?.ok ?? false;
const groupOf = (leader: number) => processes().filter((one) => one.group === leader && one.state !== "Z");

test("a signed /stg launch runs the pipeline, and nothing of it is left in the cloud", async () => {
  const { json } = sandbox;
  const sent = await slash(json, json.slack.user, "launch stg1 --tests none");
  expect(sent).toMatchObject({ status: 200 });
  await expect.poll(async () => (await runs(json)).length, PATIENT).toBe(1);
  expect(await waitForRun(json, 1, ["succeeded", "failed", "cancelled"], 120_000)).toMatchObject({
    state: "succeeded",
    target: "stg1",
  });
  expect(await cloudState(json)).toMatchObject({ instances: [], rules: [], targets: [], jobs: [] });
  const slots = z
    .object({ slots: z.array(z.object({ name: z.string(), state: z.string() })) })
    .parse(await api(json, "/api/slots"));
  expect(slots.slots.map((slot) => slot.state)).toEqual(["free", "free", "free", "free"]);
  const said = (await messages(json)).filter((one) => one.onlyFor === null);
  expect(said.map((one) => one.text).join("\n")).toContain("stg1");
});

test("the number in sandbox.json is the bot's own: a signal to it arrives", async () => {
  const { json, dir } = sandbox;
  expect(Number(readFileSync(join(dir, "slipway.db.pid"), "utf8"))).toBe(json.pids.bot);
  process.kill(json.pids.bot ?? 0, "SIGHUP");
  const log = () => readFileSync(join(dir, "logs", "bot.log"), "utf8");
  await expect.poll(log, PATIENT).toContain("configuration read again");
  expect(await ready()).toBe(true);
});

test("an outsider starts nothing, and is told so alone", async () => {
  const { json } = sandbox;
  const before = (await runs(json)).length;
  await slash(json, "outsider", "launch stg2");
  await expect
    .poll(
      async () => (await messages(json)).filter((one) => one.onlyFor === json.slack.users.outsider).length,
      PATIENT,
    )
    .toBeGreaterThan(1);
  expect((await runs(json)).length).toBe(before);
});

test("the bot's process group may be killed and started again, also by hand as in production", async () => {
  const { json, dir } = sandbox;
  const first = json.pids.bot ?? 0;
  expect(groupOf(first).length).toBeGreaterThan(0);
  signalGroup(first, "SIGKILL");
  await expect
    .poll(() => ended.map((one) => [one.child.name, one.signal]), PATIENT)
    .toEqual([["bot", "SIGKILL"]]);
  await expect.poll(() => groupOf(first), PATIENT).toEqual([]);
  expect(await ready()).toBe(false);

  const again = await sandbox.startBot();
  expect(await ready()).toBe(true);
  expect(JSON.parse(readFileSync(join(dir, "sandbox.json"), "utf8")).pids.bot).toBe(again.pid);
  signalGroup(again.pid, "SIGKILL");
  await again.ended;
  await expect.poll(() => groupOf(again.pid), PATIENT).toEqual([]);

  const environment = parseEnv(readFileSync(join(dir, "sandbox.env"), "utf8")) as Record<string, string>;
  const hand = spawn("npm", ["start", "--silent"], {
    cwd: ROOT,
    env: { ...bareEnvironment(process.env), ...environment },
    detached: true,
    stdio: "ignore",
  });
  const gone = once(hand, "exit");
  await expect.poll(ready, PATIENT).toBe(true);
  expect((await runs(json)).map((run) => run.state)).toEqual(["succeeded"]);
  signalGroup(hand.pid ?? 0, "SIGTERM");
  await gone;
});
