import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A door before a provider's address: what a bot asks passes, waits until it is opened, or finds nobody listening. */
export class Door {
  readonly #to: URL;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #port = 0;
  #waiting = 0;
  #opened: Promise<void> = Promise.resolve();
  #letGo: () => void = () => {};

  private constructor(to: URL) {
    this.#to = to;
    this.#server = createServer((socket) => this.#pass(socket));
  }

  static async before(address: string): Promise<Door> {
    const door = new Door(new URL(address));
    await door.#listen();
    return door;
  }

  /** Leads through the door; the same after it was shut. */
  get url(): string {
    const url = new URL(this.#to);
    url.port = String(this.#port);
    return url.href;
  }

  /** How many requests, or parts of one, stand before it. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Takes what comes and answers nothing: it passes when the door is opened. */
  hold(): void {
    this.#opened = new Promise((resolve) => {
      this.#letGo = resolve;
    });
  }

  /** Nobody listens any more: connections are refused. */
  async shut(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async open(): Promise<void> {
    this.#letGo();
    if (!this.#server.listening) await this.#listen();
  }

  async remove(): Promise<void> {
    this.#letGo();
    if (this.#server.listening) await this.shut();
  }

  async #listen(): Promise<void> {
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  #pass(from: Socket): void {
    const to = connect(Number(this.#to.port), this.#to.hostname);
    const both = [from, to];
    for (const socket of both) {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#sockets.delete(socket);
        for (const one of both) one.destroy();
      });
    }
    to.pipe(from);
    from.on("data", async (part: Buffer) => {
      this.#waiting += 1;
      await this.#opened;
      this.#waiting -= 1;
      to.write(part);
    });
  }
}
