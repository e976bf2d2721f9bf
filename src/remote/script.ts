import { randomBytes } from "node:crypto";
import type { Readable, Writable } from "node:stream";
import { sleep } from "../util/clock.ts";
import { RemoteError } from "./errors.ts";
import { exportLines, quote } from "./quote.ts";

/** How a process ended: by itself with a code, or by a signal (`KILL`, without `SIG`). */
export interface ProcessEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** A shell that {@link readerCommand} started, local or at the far end of a connection. */
export interface ScriptChannel {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves when the process has ended and its output is read; rejects when the connection is lost. */
  readonly ended: Promise<ProcessEnd>;
  /** Ends the process and everything in its session. @param leader the session's id, once it is known. */
  kill(leader: number | undefined): Promise<void>;
}

export interface ScriptOptions {
  readonly stdin?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
  readonly directory?: string;
  /** After so many milliseconds the process is killed and `remote_timeout` thrown. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly onStdout?: (chunk: Buffer) => void;
  /** Standard output goes to `onStdout` alone, and the result's is empty: for output without end. */
  readonly forwardOnly?: boolean;
  readonly onStderr?: (chunk: Buffer) => void;
}

export interface ScriptResult extends ProcessEnd {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** What is kept of one output stream; of more than this only the end. */
const KEPT_OUTPUT = 1024 * 1024;
/** How long a shell on a busy machine may take to say its process number, without which it cannot be killed. */
const LEADER_WAIT_MS = 10_000;

/**
 * The shell text that a channel starts: in a session of its own it reads a script from its standard input up
 * to an end line, evaluates it, and leaves the rest of the input to the script. So no script and no value is
 * ever part of a command line. It begins both outputs with a line, so that whatever a login shell prints
 * before is told apart, and so that we learn the session's id. Works in any login shell: no single quote, no
 * line break. A script that was cut off on its way is not evaluated.
 */
const READER = [
  "IFS= read -r _sw_end || exit 125",
  'printf "slipway-begin %s %s\\n" "$_sw_end" "$$"',
  'printf "slipway-begin %s %s\\n" "$_sw_end" "$$" >&2',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's own expansion.
  '_sw_text=; _sw_whole=; _sw_nl=$(printf "\\nx"); _sw_nl=${_sw_nl%x}',
  "while IFS= read -r _sw_line",
  'do if [ "$_sw_line" = "$_sw_end" ]; then _sw_whole=1; break; fi; _sw_text="$_sw_text$_sw_line$_sw_nl"; done',
  '[ -n "$_sw_whole" ] || exit 125',
  'eval "$_sw_text"',
].join("; ");

/** The command line that starts the reader in a session of its own. Constant: it carries no value. */
export const READER_COMMAND = `exec setsid -w /bin/sh -c '${READER}'`;
/** The reader as an argument of `/bin/sh -c`, for a process that has its own session already. */
export const READER_TEXT = READER;

/**
 * Shell text that ends a session's group: asked to end, and killed after two seconds. Written `-s NAME --`,
 * since dash understands no `--` after `-NAME`.
 */
export function killGroupScript(leader: number): string {
  const group = String(leader);
  return [
    `kill -s TERM -- -${group} 2>/dev/null`,
    "n=0",
    `while kill -s 0 -- -${group} 2>/dev/null && [ $n -lt 20 ]; do sleep 0.1; n=$((n+1)); done`,
    `kill -s KILL -- -${group} 2>/dev/null`,
    "true",
  ].join("; ");
}

/**
 * Runs a script over a channel. An abort or a time-out kills the process, and is thrown once it is gone.
 * @throws RemoteError `remote_timeout`, `remote_shell_failed`, and whatever the channel's `ended` rejects with.
 */
export async function runScript(
  channel: ScriptChannel,
  script: string,
  options: ScriptOptions,
): Promise<ScriptResult> {
  const mark = randomBytes(12).toString("hex");
  const stdout = new MarkedOutput(mark, options.onStdout, options.forwardOnly ? 0 : KEPT_OUTPUT);
  const stderr = new MarkedOutput(mark, options.onStderr, KEPT_OUTPUT);
  channel.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  channel.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  // A process that ends without reading all of its input is no fault of ours: its exit code tells.
  channel.stdin.on("error", () => {});
  channel.stdin.write(`${mark}\n${preamble(options)}${script}\n${mark}\n`);
  channel.stdin.end(options.stdin ?? "");

  const stop = new StopOnce(channel, () => stderr.leader ?? stdout.leader);
  const onAbort = () => stop.because(options.signal?.reason ?? new Error("aborted"));
  const timer = options.timeoutMs === undefined ? undefined : setTimeout(onTimeout, options.timeoutMs);
  function onTimeout(): void {
    stop.because(timedOut(options.timeoutMs ?? 0));
  }
  options.signal?.addEventListener("abort", onAbort, { once: true });
  if (options.signal?.aborted) onAbort();
  try {
    const end = await Promise.race([channel.ended, stop.finished]);
    // Killed: that it ended is no result.
    if (stop.begun) await stop.finished;
    if (stdout.leader === undefined) throw shellFailed(end, stderr.text() || stdout.text());
    return { ...end, stdout: stdout.bytes(), stderr: stderr.bytes() };
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", onAbort);
  }
}

function preamble(options: ScriptOptions): string {
  const directory = options.directory === undefined ? "" : `cd -- ${quote(options.directory)} || exit 1\n`;
  return exportLines(options.env ?? {}) + directory;
}

function timedOut(ms: number): RemoteError {
  return new RemoteError("remote_timeout", `The command did not end within ${ms / 1000} s and was stopped.`, {
    remedy: "Give the step a longer timeout, or see in its output what it waits for.",
    fields: { timeoutMs: ms },
  });
}

function shellFailed(end: ProcessEnd, printed: string): RemoteError {
  return new RemoteError(
    "remote_shell_failed",
    `No shell could be started there: ${printed.slice(-300).trim()}`,
    {
      remedy: "The machine needs /bin/sh and setsid (util-linux), and a user who may log in.",
      fields: { exitCode: end.exitCode, signal: end.signal },
    },
  );
}

/** Kills the process once, for the first reason given, and rejects with that reason when it is gone. */
class StopOnce {
  readonly finished: Promise<never>;
  begun = false;
  readonly #channel: ScriptChannel;
  readonly #leader: () => number | undefined;
  #reject: (reason: unknown) => void = () => {};

  constructor(channel: ScriptChannel, leader: () => number | undefined) {
    this.#channel = channel;
    this.#leader = leader;
    this.finished = new Promise((_, reject) => {
      this.#reject = reject;
    });
    this.finished.catch(() => {});
  }

  because(reason: unknown): void {
    if (this.begun) return;
    this.begun = true;
    void this.#kill().finally(() => this.#reject(reason));
  }

  async #kill(): Promise<void> {
    const ended = this.#channel.ended.then(
      () => true,
      () => true,
    );
    for (let waited = 0; this.#leader() === undefined && waited < LEADER_WAIT_MS; waited += 20) {
      if (await Promise.race([ended, sleep(20).then(() => false)])) return;
    }
    await this.#channel.kill(this.#leader());
  }
}

/** Output after the reader's first line; what a login shell printed before it is kept apart. */
class MarkedOutput {
  leader: number | undefined;
  readonly #mark: Buffer;
  readonly #forward: ((chunk: Buffer) => void) | undefined;
  readonly #kept: number;
  #before: Buffer = Buffer.alloc(0);
  #chunks: Buffer[] = [];
  #size = 0;

  constructor(mark: string, forward: ((chunk: Buffer) => void) | undefined, kept: number) {
    this.#kept = kept;
    this.#mark = Buffer.from(`slipway-begin ${mark} `);
    this.#forward = forward;
  }

  push(chunk: Buffer): void {
    if (this.leader !== undefined) {
      this.#keep(chunk);
      return;
    }
    this.#before = Buffer.concat([this.#before, chunk]);
    const at = this.#before.indexOf(this.#mark);
    const end = at < 0 ? -1 : this.#before.indexOf("\n", at);
    if (end < 0) return;
    this.leader = Number(this.#before.subarray(at + this.#mark.length, end).toString("latin1"));
    const rest = this.#before.subarray(end + 1);
    if (rest.length > 0) this.#keep(rest);
  }

  #keep(chunk: Buffer): void {
    this.#forward?.(chunk);
    if (this.#kept === 0) return;
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    while (this.#size - (this.#chunks[0]?.length ?? 0) >= this.#kept) {
      this.#size -= this.#chunks.shift()?.length ?? 0;
    }
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  text(): string {
    return (this.leader === undefined ? this.#before : this.bytes()).toString("utf8");
  }
}
