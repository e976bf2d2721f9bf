import type { Readable, Writable } from "node:stream";
import type { ServerChannel } from "ssh2";

/**
 * A command's outputs on their way through one channel. One piece is under way at a time, whichever output it is
 * of: the two share the channel's window, and ssh2 loses one of two that wait for it.
 */
export class Outputs {
  readonly #channel: ServerChannel;
  readonly #passing: Promise<void>[] = [];
  #last: Promise<void> = Promise.resolve();

  constructor(channel: ServerChannel) {
    this.#channel = channel;
  }

  /** Passes everything on that `source` says, as fast as the client takes it. */
  pass(source: Readable, to: Writable, change: (chunk: Buffer) => Buffer = (chunk) => chunk): void {
    this.#passing.push(this.#pass(source, to, change).catch(() => {}));
  }

  /** Resolves when the outputs have ended and the client has let all of them in; never when it has gone. */
  async passed(): Promise<void> {
    await Promise.all(this.#passing);
  }

  async #pass(source: Readable, to: Writable, change: (chunk: Buffer) => Buffer): Promise<void> {
    for await (const chunk of source) await this.#write(to, change(chunk));
  }

  #write(to: Writable, chunk: Buffer): Promise<void> {
    this.#last = this.#last.then(async () => {
      await new Promise<void>((resolve) => to.write(chunk, () => resolve()));
      forgetWaiting(this.#channel);
    });
    return this.#last;
  }
}

/**
 * What ssh2 kept while a piece waited for the window it does not forget once the piece is sent: the next piece of
 * the other output that waits would be passed over, and the old one sent a second time.
 */
function forgetWaiting(channel: ServerChannel): void {
  Object.assign(channel, {
    _chunk: undefined,
    _chunkcb: undefined,
    _chunkErr: undefined,
    _chunkcbErr: undefined,
  });
}
