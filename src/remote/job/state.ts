import { RemoteError } from "../errors.ts";
import type { JobId } from "./id.ts";

/** How a job ended. */
export interface JobExit {
  /** As the shell tells it: a program that a signal ended gives 128 and the signal's number. */
  readonly exitCode: number;
  /** The signal that the exit code stands for (`TERM`, `KILL`, …), or null. */
  readonly signal: string | null;
  /** Ended because its own time was over. */
  readonly timedOut: boolean;
  /** Ended because `stopJob` was called. */
  readonly stopped: boolean;
  /** No further 4 KiB could be written beside the job when it ended. */
  readonly diskFull: boolean;
}

/** What is known of a job. `stopped` is one that was stopped before it began; `absent` one never heard of. */
export type JobState =
  | { readonly state: "running" }
  | { readonly state: "exited"; readonly exit: JobExit }
  | { readonly state: "lost"; readonly why: LostReason }
  | { readonly state: "stopped" }
  | { readonly state: "absent" };

export const LOST_REASONS = ["boot", "gone", "nostatus", "absent"] as const;
export type LostReason = (typeof LOST_REASONS)[number];

const LOST: Readonly<Record<LostReason, string>> = {
  boot: "the machine was started again since",
  gone: "its processes are gone and it left no exit code",
  nostatus: "its folder is there and it never said that it runs",
  absent: "its folder is gone",
};

const SIGNALS: Readonly<Record<number, string>> = {
  1: "HUP",
  2: "INT",
  3: "QUIT",
  4: "ILL",
  6: "ABRT",
  7: "BUS",
  8: "FPE",
  9: "KILL",
  11: "SEGV",
  13: "PIPE",
  14: "ALRM",
  15: "TERM",
  24: "XCPU",
  25: "XFSZ",
};

/** A job that was started and of which nobody knows how it ended. It is never begun again silently. */
export class JobLostError extends RemoteError {
  constructor(id: JobId, where: string, why: LostReason) {
    super("job_lost", `The job ${id} on ${where} is lost: ${LOST[why]}.`, {
      remedy: "See on the machine what it has done, then start a new run.",
      fields: { job: id, where, why },
    });
  }
}

/** A job that was told to stop before it began, and therefore does not begin. */
export class JobStoppedError extends RemoteError {
  constructor(id: JobId, where: string) {
    super("job_stopped", `The job ${id} on ${where} was stopped before it began.`, {
      remedy: "Start a new run.",
      fields: { job: id, where },
    });
  }
}

/**
 * Reads what the shell side tells of a job, e.g. `exited 0 0 0 0`.
 * @throws RemoteError `remote_shell_failed` for anything else
 */
export function parseState(line: string, where: string): JobState {
  const [word, ...rest] = line.trim().split(/\s+/);
  if (word === "running" || word === "started") return { state: "running" };
  if (word === "stopped" || word === "absent") return { state: word };
  if (word === "lost") {
    const why = LOST_REASONS.find((reason) => reason === rest[0]);
    if (why !== undefined) return { state: "lost", why };
  }
  const [code, timedOut, stopped, full] = rest.map(Number);
  if (word === "exited" && code !== undefined && Number.isInteger(code)) {
    return {
      state: "exited",
      exit: {
        exitCode: code,
        signal: SIGNALS[code - 128] ?? null,
        timedOut: timedOut === 1,
        stopped: stopped === 1,
        diskFull: full === 1 || code === 128 + 25,
      },
    };
  }
  throw new RemoteError("remote_shell_failed", `${where} says of a job: "${line.slice(0, 200)}"`, {
    remedy: "See that /bin/sh and /proc on that machine are what a Linux system has.",
    fields: { where, line: line.slice(0, 200) },
  });
}
