import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { jobId, startOrJoin } from "../../src/remote/index.ts";
import { listProcesses, processesWith } from "./support/sshd.ts";
import { MACHINES } from "./support/transports.ts";
import { until } from "./support/wait.ts";

/** Files below a folder that hold the text. */
const filesWith = (folder: string, text: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => {
    try {
      return readFileSync(join(folder, name)).includes(text);
    } catch {
      return false;
    }
  });

describe.each(MACHINES)("values of a job on %s", (_, machine) => {
  it("are on no command line and in no file, while it runs and after", async () => {
    const { transport, jobs } = await machine();
    const secret = `planted-${Math.random().toString(36).slice(2)}-value`;
    const ready = join(jobs, "ready");
    const job = await startOrJoin(transport, {
      id: jobId("secret", "step", Date.now()),
      script: `[ -n "$TOKEN" ] && touch ${ready}; sleep 0.7; echo end`,
      env: { TOKEN: secret },
      timeoutMs: 20_000,
    });
    await until("it runs", () => existsSync(ready));
    expect(processesWith(secret, "environ").length).toBeGreaterThan(0);
    expect(processesWith(secret, "cmdline")).toEqual([]);
    expect(listProcesses()).not.toContain(secret);
    expect(filesWith(jobs, secret)).toEqual([]);
    await job.follow();
    expect(filesWith(jobs, secret)).toEqual([]);
    await until("no process keeps it", () => processesWith(secret, "environ").length === 0);
  });

  it("the bot's own environment is not in it", async () => {
    const { transport } = await machine();
    process.env.SLIPWAY_TEST_BOT_TOKEN = "bot-credential";
    try {
      const job = await startOrJoin(transport, {
        id: jobId("environment", "step", Date.now()),
        script: "env",
        env: { GIVEN: "yes" },
        timeoutMs: 20_000,
      });
      const { tail } = await job.follow({ tailLines: 100 });
      expect(tail).toContain("GIVEN=yes");
      expect(tail.join("\n")).not.toMatch(/bot-credential|_sw_|VITEST/);
      expect(tail.some((line) => line.startsWith("PATH="))).toBe(true);
    } finally {
      delete process.env.SLIPWAY_TEST_BOT_TOKEN;
    }
  });
});

it("would see a value on a command line", async () => {
  const secret = `planted-${Math.random().toString(36).slice(2)}-value`;
  const seen = execFileSync("/bin/sh", ["-c", `ps -eww -o args; true ${secret}`], { encoding: "utf8" });
  expect(seen).toContain(secret);
});
