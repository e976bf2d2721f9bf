import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { bareEnvironment } from "../../../sandbox/supervisor/environment.ts";
import { sleep } from "../../../src/util/clock.ts";
import type { Yard } from "./yard.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");
const ALWAYS_LOADED = ["./test/crash/kill-at-write.ts", "./test/crash/end-with-parent.ts"];
/** Promised to whoever operates it. */
export const READY_WITHIN_MS = 10_000;
const HOPELESS_MS = 60_000;
const LAST_LINES = 40;

export interface BotOptions {
  /** Where its database is; the same folder again is the same bot again. */
  readonly folder: string;
  /** Modules that are loaded before it, besides the one that kills: they change it without its knowledge. */
  readonly preload?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** As in kill-at-write.ts. */
  readonly killAt?: string;
  readonly trace?: string;
  /** Do not wait until it is ready: it is to be killed before. */
  readonly wait?: boolean;
}

/** A bot in a process group of its own. */
export class BotProcess {
  readonly #child: ChildProcess;
  readonly #logFile: string;
  readonly folder: string;
  readonly ended: Promise<NodeJS.Signals | null>;
  #readyMs = 0;
  #heldUpMs = 0;

  private constructor(child: ChildProcess, folder: string, logFile: string) {
    this.#child = child;
    this.folder = folder;
    this.#logFile = logFile;
    this.ended = once(child, "exit").then(([, signal]) => signal);
  }

  /** Starts it as `npm start` does. @throws Error with its last lines when it is not ready in time. */
  static async start(yard: Yard, options: BotOptions): Promise<BotProcess> {
    const { folder } = options;
    mkdirSync(folder, { recursive: true });
    const logFile = join(folder, "log");
    const log = openSync(logFile, "a");
    const preloads = [...ALWAYS_LOADED, ...(options.preload ?? [])];
    const args = [...preloads.flatMap((file) => ["--import", file]), "src/cli/slipway.mjs", "start"];
    const child = spawn(process.execPath, args, {
      cwd: ROOT,
      detached: true,
      stdio: ["ignore", log, log],
      env: {
        ...bareEnvironment(process.env),
        ...yard.environment,
        DATABASE_URL: `sqlite:${databaseOf(folder)}`,
        KILL_FILE: join(folder, "kill"),
        NODE_COMPILE_CACHE: join(yard.folder, "compiled"),
        ...(options.killAt !== undefined && { KILL_AT: options.killAt }),
        ...(options.trace !== undefined && { KILL_TRACE: options.trace }),
        ...options.env,
      },
    });
    closeSync(log);
    const bot = new BotProcess(child, folder, logFile);
    if (options.wait ?? true) await bot.#untilReady(yard.json.bot, options.killAt !== undefined);
    return bot;
  }

  /** Of the process, and of its group. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** From its start until `/readyz` said yes, in ms; without the time in which it waited for a processor. */
  get readyMs(): number {
    return this.#readyMs - this.#heldUpMs;
  }

  /** Of its process group: a test's own jobs that it has detached are not in it. */
  async kill(): Promise<void> {
    if (this.running) process.kill(-(this.#child.pid ?? 0), "SIGKILL");
    await this.ended;
  }

  lastLines(): string {
    return readFileSync(this.#logFile, "utf8").trimEnd().split("\n").slice(-LAST_LINES).join("\n");
  }

  /** A bot that is to be killed while it recovers may never be ready. */
  async #untilReady(url: string, mayEnd: boolean): Promise<void> {
    const began = performance.now();
    for (;;) {
      if (!this.running) {
        if (mayEnd) return;
        throw new Error(`The bot ended before it was ready:\n${this.lastLines()}`);
      }
      const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) }).catch(() => null);
      await answer?.arrayBuffer();
      this.#readyMs = performance.now() - began;
      this.#heldUpMs = waitedForProcessor(this.#child.pid ?? 0);
      if (answer?.ok) return;
      if (this.#readyMs > HOPELESS_MS) throw new Error(`The bot is not ready:\n${this.lastLines()}`);
      await sleep(20);
    }
  }
}

/**
 * How long a process's main thread was ready to run while other processes had all processors, in ms; 0 where the
 * kernel does not tell (https://docs.kernel.org/scheduler/sched-stats.html). What a busy machine adds to a start
 * says nothing about the bot.
 */
function waitedForProcessor(pid: number): number {
  try {
    const [, nanoseconds] = readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ");
    return Number(nanoseconds) / 1e6;
  } catch {
    return 0;
  }
}

export function databaseOf(folder: string): string {
  return join(folder, "slipway.db");
}
