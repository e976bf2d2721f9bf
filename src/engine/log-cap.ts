import type { LogGap, LogTail, LogTailChange, NewLogLine, WrittenTail } from "../../db/logs.ts";

/** What one step may say before lines are left out: far more than anybody reads, and 100 such steps fit any disk. */
export const MOST_OF_STEP = 2 * 1024 * 1024;
/** What the first parts of all steps of a run may come to: ten steps that say all they may. */
export const MOST_OF_RUN = 20 * 1024 * 1024;
/** How much of the end of a step that said too much is kept: what led to its end is told there. */
export const LAST_LINES = 200;
/** The same in bytes, for long lines. */
export const LAST_BYTES = 256 * 1024;

/** What all steps of one run have used of its share. */
export interface RunShare {
  used: number;
}

interface Taken {
  readonly change: LogTailChange;
  done(written: WrittenTail): void;
  failed(): void;
}

interface TailLine extends NewLogLine {
  readonly bytes: number;
  /** Its row, once it is written. */
  seq: number | null;
  /** Handed to a write that may not have ended. */
  sent: boolean;
  /** Has left the last lines. */
  out: boolean;
}

/**
 * What is written of one step's output: the first part as it comes, then one line that tells how much was left out,
 * then the last lines. The last lines are written as they come too, and taken out again as newer ones follow, so
 * that who follows a run, and who looks after a crash, sees the newest.
 */
export class StepLog {
  readonly #runId: number;
  readonly #path: string;
  readonly #share: RunShare;
  #used: number;
  #full: boolean;
  #tail: TailLine[] = [];
  #tailBytes = 0;
  #gap: LogGap | null;
  #removed: number[] = [];
  /** Lines were left out that no reader has seen: the note must come anew, before the lines that follow them. */
  #jumped = false;
  #changed = false;
  #gapAt = 0;

  /** @param before what an earlier process has written of it */
  constructor(runId: number, path: string, share: RunShare, before?: LogTail) {
    this.#runId = runId;
    this.#path = path;
    this.#share = share;
    this.#used = before?.bytes ?? 0;
    share.used += this.#used;
    this.#gap = before?.gap ?? null;
    this.#full = this.#gap !== null;
    for (const { seq, at, line } of before?.tail ?? []) {
      const bytes = sizeOf(line);
      this.#tail.push({ runId, path, at, line, bytes, seq, sent: true, out: false });
      this.#tailBytes += bytes;
    }
  }

  /** Whether the line belongs to the first part; if not it is kept here as one of the last. */
  add(line: NewLogLine): boolean {
    const bytes = sizeOf(line.line);
    if (this.#used + bytes > MOST_OF_STEP || this.#share.used + bytes > MOST_OF_RUN) this.#full = true;
    if (!this.#full) {
      this.#used += bytes;
      this.#share.used += bytes;
      return true;
    }
    this.#changed = true;
    this.#gapAt = line.at;
    this.#tail.push({ ...line, bytes, seq: null, sent: false, out: false });
    this.#tailBytes += bytes;
    while (this.#tail.length > LAST_LINES || this.#tailBytes > LAST_BYTES) this.#leaveOutFirst();
    return false;
  }

  /** So many bytes of output were passed over without being read; what came before them is not the end any more. */
  leaveOut(bytes: number, at: number): void {
    this.#full = true;
    this.#changed = true;
    this.#jumped = true;
    this.#gapAt = at;
    while (this.#tail.length > 0) this.#leaveOutFirst();
    const gap = this.#gap ?? { seq: null, lines: 0, bytes: 0 };
    this.#gap = { ...gap, lines: null, bytes: gap.bytes + bytes };
  }

  /** What is to be written now and what to call when it is; null when there is nothing new. */
  take(): Taken | null {
    if (!this.#changed) return null;
    this.#changed = false;
    const jumped = this.#jumped;
    this.#jumped = false;
    const remove = this.#removed;
    this.#removed = [];
    const gap = this.#gap;
    let seq = gap?.seq ?? null;
    if (jumped) {
      if (seq !== null) remove.push(seq);
      seq = null;
    } else if (gap !== null && seq === null) {
      // The row of the first line that was left out becomes the note: it stands before all that are kept.
      seq = remove.sort((a, b) => a - b).shift() ?? null;
    }
    const insert = this.#tail.filter((line) => jumped || !line.sent);
    remove.push(...insert.flatMap((line) => line.seq ?? []));
    for (const line of insert) line.sent = true;
    return {
      change: {
        runId: this.#runId,
        path: this.#path,
        remove,
        insert,
        gap: gap === null ? null : { ...gap, seq, at: this.#gapAt },
      },
      done: (written) => this.#done(insert, written),
      failed: () => this.#failed(insert, seq === null ? remove : [...remove, seq]),
    };
  }

  #done(insert: readonly TailLine[], { gapSeq, seqs }: WrittenTail): void {
    if (this.#gap !== null && gapSeq !== null) this.#gap = { ...this.#gap, seq: gapSeq };
    for (const [index, line] of insert.entries()) {
      line.seq = seqs[index] ?? null;
      if (line.out && line.seq !== null) this.#removed.push(line.seq);
    }
  }

  /** Nothing was written: the next time everything that is kept of the end is written anew. */
  #failed(insert: readonly TailLine[], remove: readonly number[]): void {
    this.#removed.push(...remove.filter((seq) => seq !== this.#gap?.seq));
    this.#jumped = true;
    this.#changed = true;
    for (const line of insert) line.sent = line.seq !== null;
  }

  #leaveOutFirst(): void {
    const line = this.#tail.shift();
    if (line === undefined) return;
    this.#tailBytes -= line.bytes;
    line.out = true;
    if (line.seq !== null) this.#removed.push(line.seq);
    else if (!line.sent) this.#jumped = true;
    const gap = this.#gap ?? { seq: null, lines: 0, bytes: 0 };
    this.#gap = { ...gap, lines: gap.lines === null ? null : gap.lines + 1, bytes: gap.bytes + line.bytes };
  }
}

function sizeOf(line: string): number {
  return Buffer.byteLength(line) + 1;
}
