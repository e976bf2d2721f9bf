import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { SshTarget } from "../../../src/remote/index.ts";
import { folder } from "./folder.ts";
import { HOST_KEY, USER_KEY } from "./keys.ts";

export interface Sshd {
  readonly target: SshTarget;
  /** The home directory of whoever logs in. */
  readonly home: string;
  /** The processes that serve connections now. */
  connections(): number[];
  stop(): void;
}

/** Debian's own sshd on a port of its own, as this user. Ends with the test. */
export async function startSshd(
  options: { port?: number; hostKey?: typeof HOST_KEY; config?: string[] } = {},
): Promise<Sshd> {
  const base = folder();
  const home = join(base, "home");
  mkdirSync(home);
  const port = options.port ?? (await freePort());
  writeFileSync(join(base, "host_key"), (options.hostKey ?? HOST_KEY).privateKeyOpenSsh, { mode: 0o600 });
  writeFileSync(join(base, "authorized_keys"), `${USER_KEY.publicKeyLine}\n`, { mode: 0o600 });
  writeFileSync(join(base, "sshd_config"), configuration(base, home, port, options.config ?? []));
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true });
  const child = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", join(base, "sshd_config")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const stop = () => stopAll(child);
  onTestFinished(stop);
  await listening(child, port);
  const user = userInfo().username;
  const target: SshTarget = {
    host: "127.0.0.1",
    port,
    user,
    privateKey: USER_KEY.privateKeyOpenSsh,
    hostKey: (options.hostKey ?? HOST_KEY).publicKeyLine,
  };
  return { target, home, connections: () => childrenOf(child.pid ?? 0), stop };
}

function configuration(base: string, home: string, port: number, more: string[]): string {
  return [
    ...more,
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    `HostKey ${base}/host_key`,
    `AuthorizedKeysFile ${base}/authorized_keys`,
    "PidFile none",
    "StrictModes no",
    "UsePAM no",
    "PasswordAuthentication no",
    "PermitRootLogin prohibit-password",
    "MaxStartups 100",
    `SetEnv HOME=${home}`,
    "Subsystem sftp internal-sftp",
    "",
  ].join("\n");
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function listening(child: ChildProcess, port: number): Promise<void> {
  let log = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    log += chunk;
  });
  for (let tries = 0; tries < 200; tries++) {
    if (child.exitCode !== null) throw new Error(`sshd ended: ${log}`);
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => resolve(socket.destroy() && true));
      socket.once("error", () => resolve(false));
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`sshd does not listen: ${log}`);
}

/** The children of a process, read from /proc. */
export function childrenOf(parent: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, "utf8");
        return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === parent;
      } catch {
        return false;
      }
    })
    .map(Number);
}

function stopAll(child: ChildProcess): void {
  for (const pid of childrenOf(child.pid ?? 0)) {
    for (const below of childrenOf(pid)) kill(below);
    kill(pid);
  }
  kill(child.pid ?? 0);
}

function kill(pid: number): void {
  try {
    if (pid > 1) process.kill(pid, "SIGKILL");
  } catch {
    // Gone already.
  }
}

/** What processes on this machine have `text` in their command line or, with `environ`, in their environment. */
export function processesWith(text: string, where: "cmdline" | "environ" = "cmdline"): number[] {
  const own = new Set([process.pid]);
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && !own.has(Number(name)))
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/${where}`).includes(text);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** All command lines of this machine, as `ps` shows them. */
export const listProcesses = (): string => execFileSync("ps", ["-eww", "-o", "args"], { encoding: "utf8" });
