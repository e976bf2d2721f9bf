import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stg } from "../../src/cli/stg.ts";
import { MASTER_SECRET, TestSurface } from "../support/surface.ts";

let surface: TestSurface;
beforeEach(async () => {
  surface = await TestSurface.open({ dashboardToken: "whatever-token" });
});
afterEach(async () => {
  await surface.close();
});

async function run(args: string[], env: Record<string, string> = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await stg(args, {
    env: { PORT: new URL(surface.url).port, HOST: "0.0.0.0", SLIPWAY_SECRET: MASTER_SECRET, ...env },
    out: (line) => out.push(line),
    err: (line) => err.push(line),
    user: "ops",
    everyMs: 5,
  });
  return { code, out: out.join("\n"), err: err.join("\n") };
}

describe("slipway stg", () => {
  it("prints the answer and ends with 0", async () => {
    const { code, out } = await run(["whoami"]);
    expect(code).toBe(0);
    expect(out).toMatch(
      /You are ops \(terminal:ops\)\.[\s\S]*Roles: viewer, developer, maintainer, release\./,
    );
  });

  it("keeps a shell's words as they are", async () => {
    await run(["lock", "stg1", "--reason", 'two "quoted" words']);
    expect((await surface.bot.parts.engine.leases(["stg1"]))[0]?.reason).toBe('two "quoted" words');
  });

  it("ends with 1 and the reason when refused", async () => {
    const { code, err } = await run(["lunch", "stg1"]);
    expect(code).toBe(1);
    expect(err).toMatch(/Did you mean launch\?[\s\S]*reason: unknown_command/);
  });

  it("follows a run to its end with --wait", async () => {
    const { code, out } = await run(["launch", "stg1", "--wait"]);
    expect(code).toBe(0);
    expect(out).toMatch(/succeeded +Work[\s\S]*run #1 succeeded/);
  });

  it("ends with 1 when the run does not succeed", async () => {
    surface.bot.pipelines.hold = true;
    const following = run(["launch", "stg1", "--wait"]);
    while ((await surface.bot.runCount()) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await surface.bot.parts.engine.cancel(1, { id: "slack:U0DEV", name: "Dev" });
    const { code, err } = await following;
    expect(code).toBe(1);
    expect(err).toContain("run #1 cancelled");
  });

  it("ends with 2 when no bot answers, or it has another secret", async () => {
    expect(await run(["status"], { PORT: "1" })).toMatchObject({
      code: 2,
      err: expect.stringContaining("npm start"),
    });
    expect(await run(["status"], { SLIPWAY_SECRET: "another" })).toMatchObject({
      code: 2,
      err: expect.stringContaining("another master secret"),
    });
    expect(await run(["status"], { SLIPWAY_SECRET: "", DATABASE_URL: "sqlite:/nowhere/x.db" })).toMatchObject(
      {
        code: 2,
        err: expect.stringContaining("/nowhere/x.db.secret"),
      },
    );
  });

  it("finds the secret beside the database, as a program of its own", async () => {
    const folder = mkdtempSync(join(tmpdir(), "slipway-stg-"));
    try {
      writeFileSync(join(folder, "slipway.db.secret"), `${MASTER_SECRET}\n`, { mode: 0o600 });
      const { SLIPWAY_SECRET: _, ...inherited } = process.env;
      const { stdout } = await promisify(execFile)(
        process.execPath,
        [join(process.cwd(), "src/cli/slipway.mjs"), "stg", "status"],
        { cwd: folder, env: { ...inherited, PORT: new URL(surface.url).port } },
      );
      expect(stdout).toContain("stg1 free");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
