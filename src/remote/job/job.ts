import { sleep } from "../../util/clock.ts";
import { RemoteError } from "../errors.ts";
import { mayTryAgain } from "../host.ts";
import { exportLines } from "../quote.ts";
import type { JobTransport } from "../transport.ts";
import { ask, cleanJob, isJobGone, jobState, jobVariables, stopJob } from "./control.ts";
import type { JobId } from "./id.ts";
import { LineSplitter, type OnLine } from "./lines.ts";
import { FOLLOW, START, SUPERVISE_FILE } from "./shell.ts";
import { type JobExit, JobLostError, type JobState, JobStoppedError, parseState } from "./state.ts";

const TAIL_LINES = 20;
const FOLLOW_PAUSE_MS = 250;
/** Of each job's output so many bytes are passed on as they come: more than is ever kept of a step. */
const FIRST_PART = 4 * 1024 * 1024;
/** What follows them is fetched in pieces of this size. */
const PIECE = 512 * 1024;
/** Whoever is further behind goes on with the last piece of what is there by then. */
const FAR_BEHIND = 2 * PIECE;
const PIECE_PAUSE_MS = 1_000;

export interface JobSpec {
  readonly id: JobId;
  /** Shell text, run with `/bin/sh -e`: the first command that fails ends it. */
  readonly script: string;
  /** Given as environment variables and written to no file and no command line. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where the script runs; the home directory (local: the transport's folder) if left out. */
  readonly directory?: string;
  /** After so long the machine itself ends the job, whether the bot lives or not. */
  readonly timeoutMs: number;
}

export interface JobResult extends JobExit {
  /** The last lines of the output. */
  readonly tail: readonly string[];
}

export interface FollowOptions {
  /** Byte offset to begin at, as `onLine` gave it; 0 if left out. */
  readonly from?: number;
  readonly onLine?: OnLine;
  /** A job said more than anybody reads: the bytes between two offsets were passed over. */
  readonly onSkip?: (bytes: number, nextOffset: number) => void;
  readonly signal?: AbortSignal;
  /** How many last lines the result carries; default 20. They count from `from` on. */
  readonly tailLines?: number;
}

/** A job that runs or ran on some machine. */
export interface JobHandle {
  readonly id: JobId;
  /** Whether this call started it, or found it started before. */
  readonly begun: "started" | "joined";
  /**
   * Passes on every line, each once and in order, until the job has ended; over a lost connection it goes on
   * from the byte where it stopped. Of a job that says much faster than its lines can be of use, parts are passed
   * over (`onSkip`), never the first megabytes and never the end. An abort ends the following, not the job.
   * @throws JobLostError, JobStoppedError; RemoteError when the host is given up
   */
  follow(options?: FollowOptions): Promise<JobResult>;
  state(signal?: AbortSignal): Promise<JobState>;
  stop(signal?: AbortSignal): Promise<JobState>;
  isGone(signal?: AbortSignal): Promise<boolean>;
  clean(signal?: AbortSignal): Promise<boolean>;
}

/**
 * Starts a job that outlives the connection and the bot, or joins it when its folder is already there.
 * @throws JobLostError when it was started and is lost; JobStoppedError when it was stopped before it began;
 *   RemoteError `remote_disk_full` when there is no space for its folder (nothing was started then)
 */
export async function startOrJoin(
  transport: JobTransport,
  spec: JobSpec,
  signal?: AbortSignal,
): Promise<JobHandle> {
  const line = await ask(transport, START, spec.id, signal, {
    _sw_script: `${spec.script}\n`,
    _sw_supervise: SUPERVISE_FILE,
    _sw_env: exportLines(spec.env ?? {}),
    _sw_cwd: spec.directory ?? "",
    _sw_timeout: String(Math.max(spec.timeoutMs, 1) / 1000),
  });
  refuseUnlessThere(parseState(line, transport.where), spec.id, transport.where);
  return jobHandle(transport, spec.id, line === "started" ? "started" : "joined");
}

/** A handle on a job that is known to have been started before. */
export function jobHandle(
  transport: JobTransport,
  id: JobId,
  begun: JobHandle["begun"] = "joined",
): JobHandle {
  return {
    id,
    begun,
    follow: (options = {}) => follow(transport, id, options),
    state: (signal) => jobState(transport, id, signal),
    stop: (signal) => stopJob(transport, id, signal),
    isGone: (signal) => isJobGone(transport, id, signal),
    clean: (signal) => cleanJob(transport, id, signal),
  };
}

function refuseUnlessThere(state: JobState, id: JobId, where: string): JobExit | undefined {
  if (state.state === "exited") return state.exit;
  if (state.state === "running") return undefined;
  if (state.state === "stopped") throw new JobStoppedError(id, where);
  throw new JobLostError(id, where, state.state === "lost" ? state.why : "absent");
}

async function follow(transport: JobTransport, id: JobId, options: FollowOptions): Promise<JobResult> {
  const tail: string[] = [];
  const lines = new LineSplitter(options.from ?? 0, (line, nextOffset) => {
    tail.push(line);
    if (tail.length > (options.tailLines ?? TAIL_LINES)) tail.shift();
    options.onLine?.(line, nextOffset);
  });
  const firstEnd = (options.from ?? 0) + FIRST_PART;
  for (;;) {
    const inPieces = lines.received >= firstEnd;
    const last = inPieces
      ? await followOnce(transport, id, lines, options.signal, PIECE)
      : await followUpTo(firstEnd, transport, id, lines, options.signal);
    const exit = last === undefined ? undefined : refuseUnlessThere(last.state, id, transport.where);
    const behind = last === undefined ? 0 : last.size - lines.received;
    if (exit !== undefined && behind <= 0) {
      lines.end();
      return { ...exit, tail };
    }
    if (inPieces && behind > FAR_BEHIND) {
      const skipped = lines.skipTo(lines.received + behind - PIECE);
      // What was said last until now is no longer what is said just before the end.
      tail.length = 0;
      options.onSkip?.(skipped, lines.received);
      // A job that has ended does not run ahead any more.
      if (exit !== undefined) continue;
    }
    await sleep(inPieces && exit === undefined ? PIECE_PAUSE_MS : FOLLOW_PAUSE_MS, options.signal);
  }
}

/** Follows until the output's first part is through; undefined then, and when the connection was lost. */
async function followUpTo(
  end: number,
  transport: JobTransport,
  id: JobId,
  lines: LineSplitter,
  signal: AbortSignal | undefined,
): Promise<{ size: number; state: JobState } | undefined> {
  const enough = new AbortController();
  const both = signal === undefined ? enough.signal : AbortSignal.any([signal, enough.signal]);
  try {
    return await followOnce(transport, id, lines, both, undefined, () => {
      if (lines.received >= end) enough.abort();
    });
  } catch (error) {
    signal?.throwIfAborted();
    if (enough.signal.aborted) return undefined;
    throw error;
  }
}

/** Follows over one connection, or fetches one `piece` of what is there; undefined when it was lost, and then another one goes on. */
async function followOnce(
  transport: JobTransport,
  id: JobId,
  lines: LineSplitter,
  signal: AbortSignal | undefined,
  piece?: number,
  onRead: () => void = () => {},
): Promise<{ size: number; state: JobState } | undefined> {
  signal?.throwIfAborted();
  try {
    const result = await transport.run(FOLLOW, {
      env: {
        ...jobVariables(transport, id),
        _sw_offset: String(lines.received),
        _sw_piece: String(piece ?? ""),
      },
      onStdout: (chunk) => {
        lines.push(chunk);
        onRead();
      },
      forwardOnly: true,
      ...(signal === undefined ? {} : { signal }),
    });
    const said = /^slipway-job (\d+) (.*)$/m.exec(result.stderr.toString("utf8"));
    if (said === null) {
      // The follower itself was killed (the machine is going down, or short of memory): ask again.
      if (result.exitCode !== 0) return undefined;
      throw new RemoteError("remote_shell_failed", `${transport.where} does not say how job ${id} ended.`, {
        remedy: "See that tail, wc and /proc on that machine are what a Linux system has.",
      });
    }
    return { size: Number(said[1]), state: parseState(said[2] ?? "", transport.where) };
  } catch (error) {
    signal?.throwIfAborted();
    if (!mayTryAgain(error)) throw error;
    return undefined;
  }
}
