import { appendLog, changeLogTail, type NewLogLine, readLogTails } from "../../db/logs.ts";
import type { Guard } from "./guard.ts";
import { type RunShare, StepLog } from "./log-cap.ts";

const FLUSH_AFTER_MS = 250;
const FLUSH_AT_LINES = 2_000;
const LONGEST_LINE = 16_384;

/**
 * Gathers log lines and writes them together: output of remote work comes in bursts, and each durable write
 * costs a disk flush. A crash may lose the last quarter of a second of lines, which are read again from the
 * remote job's file when it is joined. Of a step that says too much only the first part and the last lines are
 * kept (`StepLog`), so that neither the memory nor the disk fills.
 */
export class LogBuffer {
  readonly #guard: Guard;
  readonly #onFlushed: (runIds: ReadonlySet<number>) => void;
  readonly #onError: (error: unknown) => void;
  readonly #runs = new Map<number, RunLog>();
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

  /** Learns what an earlier process has written of a run, so that a restart begins no new allowance. */
  async resume(runId: number): Promise<void> {
    const run = this.#run(runId);
    for (const before of await readLogTails(this.#guard.db, runId)) {
      if (!run.steps.has(before.path))
        run.steps.set(before.path, new StepLog(runId, before.path, run.share, before));
    }
  }

  /** A run that has ended says no more; what a later cleanup says of it counts by itself. */
  async end(runId: number): Promise<void> {
    await this.flush();
    this.#runs.delete(runId);
  }

  add(line: NewLogLine): void {
    const short =
      line.line.length > LONGEST_LINE ? { ...line, line: `${line.line.slice(0, LONGEST_LINE)} …` } : line;
    if (this.#step(line.runId, line.path).add(short)) this.#lines.push(short);
    this.#soon();
  }

  /** Output that was passed over unread, before whatever comes next. */
  leaveOut({ runId, path, at, bytes }: Omit<NewLogLine, "line"> & { readonly bytes: number }): void {
    this.#step(runId, path).leaveOut(bytes, at);
    this.#soon();
  }

  #soon(): void {
    if (this.#lines.length >= FLUSH_AT_LINES) void this.flush();
    else this.#timer ??= setTimeout(() => void this.flush(), FLUSH_AFTER_MS);
  }

  #run(runId: number): RunLog {
    const run = this.#runs.get(runId) ?? { share: { used: 0 }, steps: new Map() };
    this.#runs.set(runId, run);
    return run;
  }

  #step(runId: number, path: string): StepLog {
    const run = this.#run(runId);
    const step = run.steps.get(path) ?? new StepLog(runId, path, run.share);
    run.steps.set(path, step);
    return step;
  }

  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    await this.#writing;
  }

  async #write(): Promise<void> {
    // Taken together: of one step the first part comes before the last lines.
    const lines = this.#lines;
    this.#lines = [];
    const steps = [...this.#runs.values()].flatMap((run) => [...run.steps.values()]);
    const tails = steps.flatMap((step) => step.take() ?? []);
    if (lines.length + tails.length === 0) return;
    try {
      const written = await this.#guard.write(null, async (trx) => {
        await appendLog(trx, lines);
        const results = [];
        for (const { change } of tails) results.push(await changeLogTail(trx, change));
        return results;
      });
      for (const [index, tail] of tails.entries()) tail.done(written[index] ?? NOTHING);
      this.#onFlushed(new Set([...lines, ...tails.map(({ change }) => change)].map(({ runId }) => runId)));
    } catch (error) {
      for (const tail of tails) tail.failed();
      // A log line is never worth a failed run: a full disk shows itself at the next journal write.
      this.#onError(error);
    }
  }
}

const NOTHING = { gapSeq: null, seqs: [] };

interface RunLog {
  readonly share: RunShare;
  readonly steps: Map<string, StepLog>;
}
