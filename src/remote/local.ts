import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { sleep } from "../util/clock.ts";
import { messageOf } from "../util/errors.ts";
import { RemoteError } from "./errors.ts";
import { type ProcessEnd, READER_TEXT, runScript, type ScriptChannel } from "./script.ts";
import type { JobTransport } from "./transport.ts";

const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const TERM_GRACE_MS = 2_000;

export interface LocalOptions {
  /** Where programs are looked for; the system's own folders if left out. */
  readonly path?: string;
  /** The home directory of what runs; `FOLDER/home` if left out, so that nothing finds the bot's own files. */
  readonly home?: string;
  readonly lang?: string;
}

/**
 * Runs scripts with `/bin/sh` on the bot's own machine. They see PATH, HOME and LANG and nothing else of the
 * bot's environment, and belong to a session of their own, so that a kill of the bot's group spares a job.
 * @param folder kept beside the database; it is made, and holds the job folders and the home directory
 */
export function localExec(folder: string, options: LocalOptions = {}): JobTransport {
  const home = options.home ?? join(folder, "home");
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const env = { PATH: options.path ?? SYSTEM_PATH, HOME: home, LANG: options.lang ?? "C.UTF-8" };
  return {
    where: "the bot's machine",
    root: join(folder, "jobs"),
    run: (script, io) => {
      io.signal?.throwIfAborted();
      return runScript(startShell(folder, env), script, io);
    },
  };
}

function startShell(cwd: string, env: Record<string, string>): ScriptChannel {
  const child = spawn("/bin/sh", ["-c", READER_TEXT], { cwd, env, detached: true, stdio: "pipe" });
  const ended = new Promise<ProcessEnd>((resolve, reject) => {
    child.once("error", (cause) => {
      reject(
        new RemoteError("remote_shell_failed", `No shell could be started: ${messageOf(cause)}`, {
          remedy: "See whether the machine has memory and processes left, and whether the folder exists.",
          cause,
        }),
      );
    });
    child.once("close", (exitCode, signal) =>
      resolve({ exitCode, signal: signal === null ? null : signal.replace(/^SIG/, "") }),
    );
  });
  ended.catch(() => {});
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    ended,
    kill: () => kill(child.pid),
  };
}

async function kill(leader: number | undefined): Promise<void> {
  if (leader === undefined) return;
  signalGroup(leader, "SIGTERM");
  for (let waited = 0; waited < TERM_GRACE_MS && signalGroup(leader, 0); waited += 50) await sleep(50);
  signalGroup(leader, "SIGKILL");
}

/** Whether the group had anybody who could be signalled. */
function signalGroup(leader: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-leader, signal);
  } catch {
    return false;
  }
}
