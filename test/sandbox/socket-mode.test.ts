import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { cloudState, controlUrl, inSlack, messages, runs, slash, waitForRun } from "../../sandbox/client.ts";
import { type Sandbox, startSandbox } from "../../sandbox/supervisor/start.ts";

/** The whole sandbox with the bot in Socket Mode: nothing of Slack reaches it by HTTP. */
vi.setConfig({ testTimeout: 240_000 });
const PATIENT = { timeout: 60_000, interval: 50 };
const folder = mkdtempSync(join(tmpdir(), "slipway-socket-mode-"));
let sandbox: Sandbox;

beforeAll(async () => {
  sandbox = await startSandbox({ dir: folder, port: 0, socketMode: true });
}, 180_000);
afterAll(async () => {
  await sandbox?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

interface Connections {
  readonly connections: number;
  readonly opened: number;
}
const connections = async (): Promise<Connections> =>
  (await (await fetch(controlUrl(sandbox.json, "slack", "connections"))).json()) as Connections;

/** How many web sockets the bot holds open. */
const HELD = 3;

async function cut(reason: string): Promise<void> {
  const { opened } = await connections();
  await inSlack(sandbox.json, "disconnect", { reason });
  await expect.poll(connections, PATIENT).toEqual({ connections: HELD, opened: opened + HELD });
}

test("a run goes through, and is told to its end, with every connection cut twice", async () => {
  const { json } = sandbox;
  expect(parseEnv(readFileSync(join(folder, "sandbox.env"), "utf8")).SLACK_APP_TOKEN).toMatch(/^xapp-/);
  await expect.poll(async () => (await connections()).connections, PATIENT).toBe(HELD);
  expect(await slash(json, "developer", "launch stg1 --tests none")).toMatchObject({
    status: 200,
    via: "socket",
  });
  await expect.poll(async () => (await runs(json)).length, PATIENT).toBe(1);
  await cut("refresh_requested");
  await cut("cut");
  expect(await waitForRun(json, 1, ["succeeded", "failed"], 120_000)).toMatchObject({ state: "succeeded" });
  const told = async () => (await messages(json)).filter((one) => one.onlyFor === null);
  await expect.poll(async () => JSON.stringify(await told()), PATIENT).toContain("Run #1 succeeded");
  expect(await told()).toHaveLength(1);
  expect(await cloudState(json)).toMatchObject({ instances: [], rules: [], targets: [] });
  expect(await slash(json, "viewer", "status")).toMatchObject({ status: 200, via: "socket" });
  await expect
    .poll(
      async () => (await messages(json)).filter((one) => one.onlyFor === json.slack.users.viewer).length,
      PATIENT,
    )
    .toBe(2);
});
