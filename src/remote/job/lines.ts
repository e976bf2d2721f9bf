/** More of one line than this is cut, and said to be cut. */
export const LONGEST_LINE = 16 * 1024;

const NEWLINE = 10;
const RETURN = 13;

/** A line, and the byte offset in the output at which the next one begins. */
export type OnLine = (line: string, nextOffset: number) => void;

/**
 * Makes lines of a program's bytes, however they are cut into chunks. A carriage return begins the line anew,
 * as on a terminal, so that of a progress bar its last state remains; what is not UTF-8 becomes U+FFFD, and
 * control characters and terminal colours are dropped.
 */
export class LineSplitter {
  /** How many bytes have come in. */
  received: number;
  readonly #onLine: OnLine;
  #kept: Buffer[] = [];
  #keptSize = 0;
  #cut = 0;
  #pendingReturn = false;
  /** What is kept is the rest of a line whose beginning was passed over. */
  #isRest = false;

  /** @param offset where in the output the first byte lies; the beginning of a line */
  constructor(offset: number, onLine: OnLine) {
    this.received = offset;
    this.#onLine = onLine;
  }

  push(chunk: Buffer): void {
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      if (byte !== NEWLINE && byte !== RETURN) continue;
      this.#keep(chunk.subarray(from, at));
      from = at + 1;
      if (byte === RETURN) this.#pendingReturn = true;
      else if (this.#isRest) this.#forget();
      else this.#emit(this.received + from);
    }
    this.#keep(chunk.subarray(from));
    this.received += chunk.length;
  }

  /**
   * The next bytes are those at `offset`; what lies between is passed over. The line that was under way and the rest
   * of the one in which it goes on are left out: half a line may hold half a secret, which nobody would recognise.
   * @returns how many bytes are left out, that of the line that was under way included
   */
  skipTo(offset: number): number {
    const skipped = offset - this.received + this.#keptSize + this.#cut;
    this.#forget();
    this.#isRest = true;
    this.received = offset;
    return skipped;
  }

  /** The output has ended; a last line without a line break is one too. */
  end(): void {
    if (this.#keptSize > 0 && !this.#isRest) this.#emit(this.received);
  }

  #keep(bytes: Buffer): void {
    if (bytes.length === 0) return;
    if (this.#pendingReturn) this.#forget();
    const room = LONGEST_LINE - this.#keptSize;
    // A copy: a view would keep the whole chunk in memory.
    if (room > 0) this.#kept.push(Buffer.from(bytes.subarray(0, room)));
    this.#keptSize += Math.min(room, bytes.length);
    this.#cut += Math.max(0, bytes.length - room);
  }

  #emit(nextOffset: number): void {
    const text = decode(Buffer.concat(this.#kept), this.#cut > 0);
    const line = this.#cut > 0 ? `${text} … [${this.#cut} bytes cut]` : text;
    this.#forget();
    this.#onLine(line, nextOffset);
  }

  #forget(): void {
    this.#kept = [];
    this.#keptSize = 0;
    this.#cut = 0;
    this.#pendingReturn = false;
    this.#isRest = false;
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes.
const TERMINAL = /\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above.
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f]/g;

function decode(bytes: Buffer, cut: boolean): string {
  // A cut may fall within a character: `stream` leaves its first half out instead of replacing it.
  const text = new TextDecoder("utf-8").decode(bytes, { stream: cut });
  return text.replace(TERMINAL, "").replace(CONTROL, "");
}
