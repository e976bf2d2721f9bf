import type { Socket } from "node:net";

/** Reads on and answers nothing, as when a firewall drops the packets. Ends when the other side gives up. */
export function ignore(socket: Socket): void {
  socket.on("error", () => {});
  socket.on("end", () => socket.destroy());
  socket.resume();
}

const READ_TIME_MS = 50;

/**
 * One accepted TCP connection, with the two ways a network fails it: silence without a close (freeze), and a
 * reset after a number of bytes.
 */
export class Wire {
  readonly socket: Socket;
  #budget: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    // ssh2 sends through socket.write; counting there sees every byte that leaves the machine.
    const write = socket.write.bind(socket) as (chunk: Uint8Array) => boolean;
    socket.write = (chunk: Uint8Array | string) => {
      // What comes after the break never leaves the machine.
      if (this.#budget !== undefined && this.#budget <= 0) return true;
      const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
      const sent = write(bytes);
      this.#count(bytes.length);
      return sent;
    };
    socket.on("close", () => clearTimeout(this.#timer));
  }

  #count(bytes: number): void {
    if (this.#budget === undefined) return;
    this.#budget -= bytes;
    // A reset throws away what the other side has not read yet: it gets the time to read.
    if (this.#budget <= 0) this.#timer = setTimeout(() => this.reset(), READ_TIME_MS);
  }

  /** From now on: reset after so many sent bytes, or so many milliseconds. */
  breakAfter(limit: { readonly bytes?: number | undefined; readonly ms?: number | undefined }): void {
    this.#budget = limit.bytes;
    if (limit.ms !== undefined) this.#timer = setTimeout(() => this.reset(), limit.ms);
  }

  freeze(): void {
    this.socket.pause();
    this.socket.cork();
  }

  thaw(): void {
    this.socket.uncork();
    this.socket.resume();
  }

  reset(): void {
    clearTimeout(this.#timer);
    this.socket.resetAndDestroy();
  }
}
