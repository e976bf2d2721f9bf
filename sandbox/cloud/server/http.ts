import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { messageOf } from "../../../src/util/errors.ts";
import type { Cloud } from "../state/cloud.ts";
import type { Answer } from "../wire/answer.ts";
import type { Control } from "./control.ts";
import type { Dispatcher } from "./dispatch.ts";
import { readRequest } from "./request.ts";

const CONTROL_PREFIX = "/_sandbox/";

/** The one endpoint of all services. */
export class Endpoint {
  readonly #server: Server;
  readonly #cloud: Cloud;
  readonly #dispatcher: Dispatcher;
  readonly #control: Control;

  constructor(cloud: Cloud, dispatcher: Dispatcher, control: Control) {
    this.#cloud = cloud;
    this.#dispatcher = dispatcher;
    this.#control = control;
    this.#server = createServer((request, response) => void this.#serve(request, response));
    // Clients keep connections between polls; closing one under a request would look like a fault of the
    // cloud.
    this.#server.keepAliveTimeout = 65_000;
  }

  /** Resolves with its address, `http://127.0.0.1:PORT`. */
  async listen(host: string, port: number): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, () => resolve());
    });
    return `http://${host}:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const request = await readRequest(message);
      if (request.rawPath.startsWith(CONTROL_PREFIX)) {
        send(response, await this.#control.answer(request, request.rawPath.slice(CONTROL_PREFIX.length)));
        return;
      }
      const outcome = await this.#dispatcher.answer(request);
      const { latency } = this.#cloud.delays;
      if (latency > 0) await new Promise<void>((resolve) => this.#cloud.clock.after(latency, resolve));
      if (outcome !== "hang") send(response, outcome);
    } catch (error) {
      if (message.destroyed && !message.complete) return;
      console.error("The local cloud could not answer:", error);
      send(response, { status: 500, headers: {}, body: messageOf(error) });
    }
  }
}

function send(response: ServerResponse, answer: Answer): void {
  const body = typeof answer.body === "string" ? Buffer.from(answer.body, "utf8") : answer.body;
  const { "content-length": length = String(body.byteLength), ...headers } = answer.headers;
  response.writeHead(answer.status, {
    ...headers,
    ...(answer.status === 204 ? {} : { "content-length": length }),
  });
  response.end(body);
}
