import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";

const root = mkdtempSync(join(tmpdir(), "slipway-saga-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

interface Ended {
  readonly killed: boolean;
  readonly answer: { state: string; lease: string } | undefined;
  readonly errors: string;
}

/** One process over the saga's database; it may be killed at a journal write. */
function play(folder: string, mode: string, env: Record<string, string> = {}): Promise<Ended> {
  const args = [
    "--import",
    "./test/crash/kill-at-write.ts",
    "test/engine/saga.ts",
    join(folder, "slipway.db"),
    folder,
    mode,
  ];
  const child = spawn(process.execPath, args, { env: { ...process.env, ...env }, detached: true });
  let out = "";
  let errors = "";
  child.stdout.on("data", (chunk) => {
    out += chunk;
  });
  child.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  return new Promise((resolve) => {
    child.on("close", (_, signal) =>
      resolve({ killed: signal === "SIGKILL", answer: out ? JSON.parse(out) : undefined, errors }),
    );
  });
}

function folder(): string {
  return mkdtempSync(join(root, "run-"));
}

function left(cloud: string): string[] {
  return readdirSync(cloud).filter((entry) => /^(instance|rule|target)\./.test(entry));
}

function instancesMade(cloud: string): number {
  return readdirSync(cloud).filter((entry) => /^made-.*\.instance$/.test(entry)).length;
}

async function killPoints(): Promise<string[]> {
  const cloud = folder();
  const trace = join(cloud, "trace");
  const whole = await play(cloud, "right", { KILL_TRACE: trace });
  expect(whole).toMatchObject({ answer: { state: "succeeded", lease: "free" } });
  return readFileSync(trace, "utf8").trim().split("\n");
}

describe("a process killed at any journal write", { timeout: 300_000 }, () => {
  it("leaves nothing behind and never creates twice", async () => {
    const points = await killPoints();
    expect(points.length).toBeGreaterThan(25);
    const cases = points.flatMap((point) => [`before ${point}`, `after ${point}`]);
    const queue = [...cases];
    const faults: string[] = [];
    const worker = async () => {
      for (let point = queue.shift(); point !== undefined; point = queue.shift()) {
        const cloud = folder();
        const first = await play(cloud, "right", { KILL_AT: point });
        const second = first.killed ? await play(cloud, "right") : first;
        if (!first.killed) faults.push(`${point}: was not killed: ${first.errors}`);
        if (second.answer?.state !== "succeeded" || second.answer.lease !== "free")
          faults.push(`${point}: ${JSON.stringify(second)}`);
        if (left(cloud).length > 0) faults.push(`${point}: left ${left(cloud)}`);
        if (instancesMade(cloud) > 1) faults.push(`${point}: launched ${instancesMade(cloud)} times`);
      }
    };
    await Promise.all([worker(), worker()]);
    expect(faults).toEqual([]);
    console.log(`killed at ${cases.length} points`);
  });

  it("is also right when the second process is killed during its recovery", async () => {
    const points = (await killPoints()).filter((point) => /cleanup|obligation|outcome/.test(point));
    for (const point of points.filter((_, index) => index % 4 === 0)) {
      const cloud = folder();
      expect((await play(cloud, "right", { KILL_AT: "after 1 step host/Launch running" })).killed).toBe(true);
      await play(cloud, "right", { KILL_AT: `before ${point}` });
      const last = await play(cloud, "right");
      expect({ point, state: last.answer?.state, left: left(cloud) }).toEqual({
        point,
        state: "succeeded",
        left: [],
      });
    }
  });

  it("is seen to leak without obligations, and to launch twice without tokens", async () => {
    const leaky = folder();
    await play(leaky, "no-obligations");
    expect(left(leaky).length).toBeGreaterThan(0);
    const twice = folder();
    expect((await play(twice, "no-tokens", { KILL_AT: "before 1 obligation instance created" })).killed).toBe(
      true,
    );
    await play(twice, "no-tokens");
    expect(instancesMade(twice)).toBe(2);
  });
});
