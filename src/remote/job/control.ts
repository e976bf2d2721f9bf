import { sleep } from "../../util/clock.ts";
import { diskFull, RemoteError, saysDiskFull } from "../errors.ts";
import { mayTryAgain } from "../host.ts";
import type { ScriptOptions, ScriptResult } from "../script.ts";
import type { JobTransport } from "../transport.ts";
import type { JobId } from "./id.ts";
import { CLEAN, STOP, TELL } from "./shell.ts";
import { type JobState, parseState } from "./state.ts";

const RETRY_PAUSE_MS = 250;
/** Longer than any of the short scripts takes, the stop with its grace included. */
const SHORT_SCRIPT_MS = 60_000;

/**
 * Runs a script that may be run again, over as many connections as it takes.
 * @throws RemoteError when the host is given up, and for everything that is not the connection's fault
 */
export async function runAgain(
  transport: JobTransport,
  script: string,
  io: ScriptOptions,
): Promise<ScriptResult> {
  for (;;) {
    try {
      return await transport.run(script, io);
    } catch (error) {
      io.signal?.throwIfAborted();
      if (!mayTryAgain(error)) throw error;
      await sleep(RETRY_PAUSE_MS, io.signal);
    }
  }
}

/** The variables that every job script reads. */
export function jobVariables(transport: JobTransport, id: JobId): Record<string, string> {
  return { _sw_root: transport.root, _sw_id: id };
}

/** Runs one of the short scripts and gives the line that it says. */
export async function ask(
  transport: JobTransport,
  script: string,
  id: JobId,
  signal: AbortSignal | undefined,
  more: Record<string, string> = {},
): Promise<string> {
  const env = { ...jobVariables(transport, id), ...more };
  const io = { env, timeoutMs: SHORT_SCRIPT_MS, ...(signal === undefined ? {} : { signal }) };
  const result = await runAgain(transport, script, io);
  const line = result.stdout.toString("utf8").trim();
  if (line.startsWith("failed ") || line === "") {
    const evidence = `${line.slice(7)} ${result.stderr.toString("utf8").trim()}`.trim();
    if (saysDiskFull(evidence)) throw diskFull(transport.where, evidence);
    throw new RemoteError("remote_shell_failed", `A job's folder on ${transport.where}: ${evidence}`, {
      remedy: "See that the user's home directory there is writable.",
      fields: { where: transport.where, job: id, exitCode: result.exitCode },
    });
  }
  return line;
}

/** What is known of the job now. */
export async function jobState(transport: JobTransport, id: JobId, signal?: AbortSignal): Promise<JobState> {
  return parseState(await ask(transport, TELL, id, signal), transport.where);
}

/**
 * Ends a job with all that it started: TERM, five seconds later KILL, and confirms that nothing of it lives.
 * Doing so twice, or for a job that has ended, changes nothing. A job that never began is kept from beginning:
 * a later start is refused with `JobStoppedError`.
 * @throws RemoteError `remote_timeout` when something of it survives KILL (a process in uninterruptible sleep,
 *   or one of another user)
 */
export async function stopJob(transport: JobTransport, id: JobId, signal?: AbortSignal): Promise<JobState> {
  const line = await ask(transport, STOP, id, signal);
  const [word = "", ...rest] = line.split(" ");
  if (word === "gone") return parseState(rest.join(" "), transport.where);
  throw new RemoteError(
    "remote_timeout",
    `Processes of job ${id} on ${transport.where} survive KILL: ${line}`,
    {
      remedy: "End them on the machine, or terminate it.",
      fields: { job: id, where: transport.where, processes: rest },
    },
  );
}

/** Whether nothing of the job runs: for confirming that an obligation is met. */
export async function isJobGone(transport: JobTransport, id: JobId, signal?: AbortSignal): Promise<boolean> {
  return (await jobState(transport, id, signal)).state !== "running";
}

/**
 * Removes the output of a job that has ended, once its result is written down elsewhere. How it ended is
 * kept, so that asking for it again answers and never begins it again.
 * @returns false when it still runs
 */
export async function cleanJob(transport: JobTransport, id: JobId, signal?: AbortSignal): Promise<boolean> {
  return (await ask(transport, CLEAN, id, signal)) === "clean";
}
