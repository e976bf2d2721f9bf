import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../src/util/errors.ts";
import type { Gate } from "./gate.ts";

export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;

export interface ContainerImage {
  readonly name: string;
  readonly address: string;
  /** Absent for a container that serves nothing over HTTP (a database, a worker). */
  readonly port?: number;
  readonly handler?: Handler;
  /** The entry point's work before the server listens; aborted when the container stops. */
  prepare?(signal: AbortSignal): Promise<void>;
  /** What the container is created from; a change makes `compose up` create it anew. */
  configuration?(): string;
  created?(): void;
  /** Called instead of `created` when the container is restarted. */
  restarted?(): void;
}

/** One container of the platform: it is created, runs its entry point, listens, and is removed. */
export class Container {
  readonly image: ContainerImage;
  readonly #gate: Gate;
  #server: Server | undefined;
  #life: AbortController | undefined;
  #begun: Promise<void> = Promise.resolve();
  #fault: unknown;
  #configuration = "";
  startedAt: number | undefined;

  constructor(image: ContainerImage, gate: Gate) {
    this.image = image;
    this.#gate = gate;
  }

  /** Docker's view: the container's process runs, whether or not its server answers yet. */
  get running(): boolean {
    return this.#life !== undefined;
  }

  get listening(): boolean {
    return this.#server?.listening === true;
  }

  /** The configuration it was created with. */
  get configuration(): string {
    return this.#configuration;
  }

  /**
   * Starts it unless it runs. With a changed configuration a running one is created anew, as compose does.
   */
  async up(options: { readonly recreate?: boolean } = {}): Promise<"created" | "unchanged"> {
    const wanted = this.image.configuration?.() ?? "";
    if (this.running && !options.recreate && wanted === this.#configuration) return "unchanged";
    await this.down();
    this.#configuration = wanted;
    this.image.created?.();
    this.#begin();
    return "created";
  }

  async restart(): Promise<void> {
    await this.down();
    this.#configuration ||= this.image.configuration?.() ?? "";
    this.image.restarted?.();
    this.#begin();
  }

  /** Resolves when its server listens or it was stopped; rejects when it could not start. */
  async ready(): Promise<void> {
    await this.#begun;
    if (this.#fault !== undefined) throw this.#fault;
  }

  #begin(): void {
    const life = new AbortController();
    this.#life = life;
    this.startedAt = Date.now();
    this.#fault = undefined;
    this.#begun = this.#run(life.signal).catch((error: unknown) => {
      if (life.signal.aborted) return;
      // As a container whose process ended: it no longer runs, and whoever waits for it is told.
      this.#fault = error;
      this.#life = undefined;
    });
  }

  async #run(signal: AbortSignal): Promise<void> {
    await this.image.prepare?.(signal);
    signal.throwIfAborted();
    const { port, address, handler } = this.image;
    if (port === undefined || handler === undefined) return;
    const server = createServer((request, response) => {
      response.on("error", () => {});
      this.#gate
        .pass()
        .then(() => handler(request, response))
        .catch((error: unknown) => fail(response, error));
    });
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, address, () => {
        server.on("error", () => {});
        resolve();
      });
    });
    if (signal.aborted) await closeServer(server);
  }

  async down(): Promise<void> {
    this.#life?.abort();
    this.#life = undefined;
    this.startedAt = undefined;
    await this.#begun;
    const server = this.#server;
    this.#server = undefined;
    if (server?.listening) await closeServer(server);
  }
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function fail(response: ServerResponse, error: unknown): void {
  if (!response.headersSent) response.writeHead(500, { "content-type": "text/plain" });
  response.end(`Internal error: ${messageOf(error)}\n`);
}

/** Waits, unless the container is stopped meanwhile. */
export async function wait(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) await sleep(ms, undefined, { signal });
}
