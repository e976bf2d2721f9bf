import { appendLog, type NewLogLine } from "../../db/logs.ts";
import type { Guard } from "./guard.ts";

const FLUSH_AFTER_MS = 250;
const FLUSH_AT_LINES = 2_000;
const LONGEST_LINE = 16_384;

/**
 * Gathers log lines and writes them together: output of remote work comes in bursts, and each durable write
 * costs a disk flush. A crash may lose the last quarter of a second of lines, which are read again from the
 * remote job's file when it is joined.
 */
export class LogBuffer {
  readonly #guard: Guard;
  readonly #onFlushed: (runIds: ReadonlySet<number>) => void;
  readonly #onError: (error: unknown) => void;
  #lines: NewLogLine[] = [];
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(
    guard: Guard,
    hooks: { onFlushed(runIds: ReadonlySet<number>): void; onError(error: unknown): void },
  ) {
    this.#guard = guard;
    this.#onFlushed = hooks.onFlushed;
    this.#onError = hooks.onError;
  }

  add(line: NewLogLine): void {
    this.#lines.push(
      line.line.length > LONGEST_LINE ? { ...line, line: `${line.line.slice(0, LONGEST_LINE)} …` } : line,
    );
    if (this.#lines.length >= FLUSH_AT_LINES) void this.flush();
    else this.#timer ??= setTimeout(() => void this.flush(), FLUSH_AFTER_MS);
  }

  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const lines = this.#lines;
    this.#lines = [];
    if (lines.length > 0) this.#writing = this.#writing.then(() => this.#write(lines));
    await this.#writing;
  }

  async #write(lines: readonly NewLogLine[]): Promise<void> {
    try {
      await this.#guard.write(null, (trx) => appendLog(trx, lines));
      this.#onFlushed(new Set(lines.map((line) => line.runId)));
    } catch (error) {
      // A log line is never worth a failed run: a full disk shows itself at the next journal write.
      this.#onError(error);
    }
  }
}
