import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bareEnvironment, environmentFile, inBase64 } from "../../sandbox/supervisor/environment.ts";
import { takeFolder } from "../../sandbox/supervisor/folder.ts";
import { claimPorts } from "../../sandbox/supervisor/ports.ts";
import { endGroups, endJobs, jobsIn, processStart } from "../../sandbox/supervisor/processes.ts";
import { makeSecrets } from "../../sandbox/supervisor/secrets.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "slipway-sandbox-parts-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("the environment file", () => {
  test("means the same to a shell and to Node, a key included", async () => {
    const { sshPrivateKey } = await makeSecrets();
    const values = {
      ADDRESS: "http://127.0.0.1:3000/api/",
      EMPTY: "",
      SPECIAL: 'a "b" $HOME `id` #c & \\n',
      KEY: inBase64(sshPrivateKey),
    };
    const file = join(folder, "sandbox.env");
    writeFileSync(file, environmentFile(values));
    expect(parseEnv(readFileSync(file, "utf8"))).toEqual(values);
    const script = 'set -a; . "$1"; exec "$2" -e "process.stdout.write(JSON.stringify(process.env))"';
    const seen = execFileSync("sh", ["-c", script, "sh", file, process.execPath], { env: { PATH: "/bin" } });
    expect(JSON.parse(seen.toString())).toMatchObject(values);
    expect(readFileSync(file, "utf8")).toMatch(/^KEY=[A-Za-z0-9+/]+=*$/m);
  });

  test("refuses what neither could read", () => {
    expect(() => environmentFile({ BAD: "it's" })).toThrow("BAD");
    expect(() => environmentFile({ BAD: "two\nlines" })).toThrow("BAD");
  });

  test("none of the developer's credentials come along", () => {
    const env = bareEnvironment({ PATH: "/bin", AWS_PROFILE: "production", SLACK_BOT_TOKEN: "xoxb-real" });
    expect(env).toEqual({ PATH: "/bin" });
  });
});

describe("the folder", () => {
  test("is one supervisor's at a time, and free again afterwards", () => {
    const first = takeFolder(folder, false);
    expect(() => takeFolder(folder, false)).toThrow(`process ${process.pid}`);
    first.unlock();
    takeFolder(folder, false).unlock();
  });

  test("a lock left behind by a process that is gone does not count, nor one whose number is used again", () => {
    takeFolder(folder, false).unlock();
    for (const holder of ["999999999 123", `${process.pid} 1`]) {
      writeFileSync(join(folder, "supervisor.pid"), holder);
      takeFolder(folder, false).unlock();
    }
  });

  test("is emptied, unless it is to be kept", () => {
    takeFolder(folder, false).unlock();
    writeFileSync(join(folder, "slipway.db"), "old");
    takeFolder(folder, true).unlock();
    expect(existsSync(join(folder, "slipway.db"))).toBe(true);
    takeFolder(folder, false).unlock();
    expect(existsSync(join(folder, "slipway.db"))).toBe(false);
  });

  test("with somebody's files is refused, and they stay", () => {
    writeFileSync(join(folder, "thesis.txt"), "years of work");
    expect(() => takeFolder(folder, false)).toThrow("no sandbox made");
    expect(readdirSync(folder)).toEqual(["thesis.txt"]);
  });
});

describe("ports", () => {
  test("two sandboxes never get the same block, and a taken port is passed over", async () => {
    const first = await claimPorts(7);
    const second = await claimPorts(7);
    const port = await first.next();
    const taken = createServer().listen(port + 1, "127.0.0.1");
    await once(taken, "listening");
    const others = [await first.next(), await second.next(), await second.next()];
    expect(others[0]).toBe(port + 2);
    expect(new Set([port, ...others]).size).toBe(4);
    taken.close();
    await first.release();
    await second.release();
    const again = await claimPorts(7);
    expect(await again.next()).toBe(port);
    await again.release();
  });
});

describe("processes", () => {
  /** Ignores SIGTERM, and has a child; resolves once that is so. */
  async function sleeper(cwd: string): Promise<ChildProcess> {
    const script = "trap '' TERM; echo ready; sleep 60 & wait; sleep 60";
    const child = spawn("sh", ["-c", script], { detached: true, cwd, stdio: ["ignore", "pipe", "ignore"] });
    await once(child.stdout, "data");
    return child;
  }

  test("a group that ignores SIGTERM is killed with its children", async () => {
    const child = await sleeper(tmpdir());
    const ended = once(child, "exit");
    await endGroups([child.pid ?? 0], 200);
    expect((await ended)[1]).toBe("SIGKILL");
    expect(processStart(child.pid ?? 0)).toBeUndefined();
  });

  test("a detached job that works in the folder is found and ended; one elsewhere is left", async () => {
    const inside = await sleeper(folder);
    const outside = await sleeper(tmpdir());
    const since = processStart(process.pid);
    const found = jobsIn(folder, since).map((job) => job.pid);
    expect(found).toContain(inside.pid);
    expect(found).not.toContain(outside.pid);
    const ended = once(inside, "exit");
    await endJobs(folder, since);
    await ended;
    expect(jobsIn(folder, since)).toEqual([]);
    expect(processStart(outside.pid ?? 0)).toBeDefined();
    await endGroups([outside.pid ?? 0], 50);
  });
});
