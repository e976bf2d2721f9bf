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
/** How many followers in a row may end without a word of the job and without another byte of its output. */
const SILENT_FOLLOWERS = 5;
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
  for (let silent = 0; ; ) {
    const before = lines.received;
    const inPieces = before >= firstEnd;
    const last = inPieces
      ? await followOnce(transport, id, lines, options.signal, PIECE)
      : await followUpTo(firstEnd, transport, id, lines, options.signal);
    if (last === "silent") silent = lines.received > before ? 1 : silent + 1;
    if (silent >= SILENT_FOLLOWERS) throw saysNothing(transport, id);
    const told = typeof last === "object" ? last : undefined;
    const exit = told && refuseUnlessThere(told.state, id, transport.where);
    const behind = told === undefined ? 0 : told.size - lines.received;
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

function saysNothing({ where }: JobTransport, id: JobId): RemoteError {
  return new RemoteError("remote_shell_failed", `${where} does not say how job ${id} ended.`, {
    remedy: "See that tail, wc and /proc on that machine are what a Linux system has.",
  });
}

/**
 * What came of one connection. `lost`: it was, or the follower was killed. `silent`: the follower ended well, but
 * what it had to say of the job did not arrive; the job's own files still know it, so another one is sent to read
 * them. `enough`: it was ended by us.
 */
type Followed = { readonly size: number; readonly state: JobState } | "lost" | "silent" | "enough";

/** Follows until the output's first part is through. */
async function followUpTo(
  end: number,
  transport: JobTransport,
  id: JobId,
  lines: LineSplitter,
  signal: AbortSignal | undefined,
): Promise<Followed> {
  const enough = new AbortController();
  const both = signal === undefined ? enough.signal : AbortSignal.any([signal, enough.signal]);
  try {
    return await followOnce(transport, id, lines, both, undefined, () => {
      if (lines.received >= end) enough.abort();
    });
  } catch (error) {
    signal?.throwIfAborted();
    if (enough.signal.aborted) return "enough";
    throw error;
  }
}

/** Follows over one connection, from the byte where the one before it stopped, or fetches one `piece` of what is there. */
async function followOnce(
  transport: JobTransport,
  id: JobId,
  lines: LineSplitter,
  signal: AbortSignal | undefined,
  piece?: number,
  onRead: () => void = () => {},
): Promise<Followed> {
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
    // With its line break: half a line may be the beginning of another word.
    const said = /^slipway-job (\d+) (.*)\n/m.exec(result.stderr.toString("utf8"));
    // The follower itself was killed when the machine is going down, or is short of memory.
    if (said === null) return result.exitCode === 0 ? "silent" : "lost";
    return { size: Number(said[1]), state: parseState(said[2] ?? "", transport.where) };
  } catch (error) {
    signal?.throwIfAborted();
    if (!mayTryAgain(error)) throw error;
    return "lost";
  }
}
