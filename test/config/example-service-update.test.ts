import { mkdtempSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { sampleApplication } from "../../sandbox/sample/index.ts";
import { fillAll, loadConfig, type ServiceStep } from "../../src/config/index.ts";
import { createHost, localExec } from "../../src/remote/index.ts";
import { runServiceStep, type StepContext } from "../../src/remote/service-update/index.ts";
import { boot, KEYS, later, login } from "../cloud-hosts/machine-kit.ts";
import { signIn, statusOf } from "../cloud-hosts/web-kit.ts";
import { newKey } from "./helpers.ts";

const TIMES = { lmsStartMs: 100, collectstaticMs: 300, migrateMs: 20, mentorEmptyMs: 60_000 };
const SHA = "0123456789abcdef0123456789abcdef01234567";

/** The example with the sandbox's times: the same steps, asked more often. */
function example(change: (text: string) => string = (text) => text) {
  const text = readFileSync(join(import.meta.dirname, "../../examples/ami-launch.yml"), "utf8");
  const quick = text.replaceAll("every: 15s", "every: 50ms").replace("every: 5s", "every: 50ms");
  const key = newKey();
  const env = {
    STG1_SSH_KEY: key,
    STG2_SSH_KEY: key,
    STG3_SSH_KEY: key,
    STG4_SSH_KEY: key,
    E2E_PASSWORD: "pw",
  };
  const result = loadConfig(change(quick), { ...env, GIT_TOKEN: "ghp_planted0token" });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.loaded.config.serviceUpdate;
}

/** A fresh machine of the local cloud, and what a step needs to run on it. */
async function machine() {
  const { spec } = await boot({ application: TIMES }, {}, sampleApplication);
  const { hostKey } = await login(spec);
  const abort = new AbortController();
  const target = {
    host: spec.address,
    port: spec.sshPort,
    user: "ubuntu",
    privateKey: KEYS.private,
    hostKey: `ssh-ed25519 ${hostKey}`,
  };
  const host = createHost(async () => target, { signal: abort.signal });
  later(() => host.close());
  const lines: string[] = [];
  const context = (env: Record<string, string>, path: string): StepContext => ({
    host,
    local: localExec(mkdtempSync(join(tmpdir(), "slipway-local-"))),
    folder: tmpdir(),
    env,
    fields: { sha: SHA },
    runUuid: "5b1d0a43-8f1a-4a3e-9d39-1d3a6c2f7b10",
    path,
    signal: abort.signal,
    log: (line) => lines.push(line),
  });
  const base = `http://${spec.address}:${spec.httpPort}`;
  return { spec, base, lines, context };
}

/** Runs the steps as the pipeline does: groups together, what is in the background joined at the end. */
async function update({ env, steps }: ReturnType<typeof example>, on: Awaited<ReturnType<typeof machine>>) {
  const values = { ...fillAll(env, { region: "us-east-1" }), SLIPWAY_SHA: SHA };
  const background: Promise<unknown>[] = [];
  const one = async (step: ServiceStep) => {
    const work = runServiceStep(step, on.context(values, step.name)).catch((error) => {
      if (!step.continueOnError) throw error;
    });
    if (!step.background) return await work;
    background.push(work);
  };
  for (const step of steps) {
    await Promise.all(step.kind === "parallel" ? step.parallel.map(one) : [one(step)]);
  }
  await Promise.all(background);
}

describe("the service update of the example, on a machine of the sandbox", () => {
  test("brings a fresh machine to the commit, signed in with the credentials of its own database", async () => {
    const on = await machine();
    expect(await statusOf(`${on.base}/health`)).toBe(503);
    await update(example(), on);
    expect(await (await fetch(`${on.base}/health`)).json()).toMatchObject({ status: "ok", version: SHA });
    expect((await signIn(on.base)).answer.status).toBe(303);
    const dm = await readFile(join(on.spec.folder, "var/log/dm.log"), "utf8");
    expect(dm.split("collectstatic started")).toHaveLength(2);
    expect(on.lines.join("\n")).not.toContain("ghp_planted0token");
  });

  test("without step 13 no one can sign in: the step is what makes it so", async () => {
    const on = await machine();
    await update(
      example((text) => text.replace(/ {4}- name: Sync single sign-on credentials\n(?: {6}.*\n|\n)+/, "")),
      on,
    );
    expect((await signIn(on.base)).answer.status).toBe(409);
  });
});
