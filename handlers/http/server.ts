import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { CommandServices } from "../../commands/services.ts";
import { codeOf, messageOf } from "../../src/util/errors.ts";
import type { Redactor } from "../../src/util/redact.ts";
import type { Dispatch } from "../dispatch.ts";
import { createGate } from "./auth.ts";
import type { Metrics } from "./metrics.ts";
import { sendError } from "./respond.ts";
import type { Route } from "./route.ts";
import { createRoutes } from "./routes.ts";

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

export interface HttpOptions {
  readonly services: CommandServices;
  readonly dispatch: Dispatch;
  readonly redact: Redactor;
  readonly log: Logger;
  /** Null while not set up, and for Slack in Socket Mode. */
  readonly slack: Listener | null;
  readonly github: Listener | null;
  readonly dashboardToken: string | undefined;
  /** Derived from the master secret: opens `/api/terminal` and `/api`. */
  readonly terminalToken: string;
  /** Whether the process is sound. */
  healthy(): boolean;
  /** Why the bot is not ready; empty when it is. Never asks a third party. */
  ready(): Promise<readonly string[]> | readonly string[];
  readonly metrics: Metrics;
  /** Further numbers to show at `/metrics`, e.g. of AWS calls. */
  readonly registries?: readonly Registry[];
}

export interface HttpServer {
  readonly server: Server;
  /** Listens; port 0 lets the system choose. */
  listen(port: number, host: string): Promise<{ port: number }>;
  /** Takes no new connection, ends open streams, and waits for answers that are under way. */
  close(): Promise<void>;
}

/** The bot's one HTTP server: routes by path first; each side then reads its own raw body. */
export function createHttpServer(options: HttpOptions): HttpServer {
  const gate = createGate({ ...options, clock: options.services.clock });
  const routes = createRoutes(options, gate);
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 30_000 }, (request, response) => {
    const began = performance.now();
    const url = urlOf(request);
    const route = url && routes.find(({ path }) => path.test(url.pathname));
    response.on("finish", () => {
      const seconds = (performance.now() - began) / 1000;
      options.metrics.observeRequest(route?.name ?? "unknown", response.statusCode, seconds);
    });
    answer(options, route || null, url, request, response).catch((error: unknown) => {
      fail(options.log, error, response);
    });
  });
  server.keepAliveTimeout = 65_000;
  server.on("clientError", (_, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
  });
  return { server, listen: (port, host) => listen(server, port, host), close: () => close(server) };
}

async function answer(
  options: HttpOptions,
  route: Route | null,
  url: URL | null,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (!url) return sendError(response, 400, "bad_request", "The address cannot be read.");
  if (!route) return sendError(response, 404, "not_found", "There is nothing at this path.");
  const method = request.method === "HEAD" && route.name !== "log" ? "GET" : (request.method ?? "");
  const act = Object.hasOwn(route.methods, method) ? route.methods[method] : undefined;
  if (!act) {
    const allow = Object.keys(route.methods).join(", ");
    return sendError(response, 405, "method_not_allowed", `Allowed: ${allow}.`, { allow });
  }
  options.log.trace({ method, path: url.pathname }, "request");
  await act({ request, response, url, parts: route.path.exec(url.pathname)?.slice(1) ?? [] });
}

const STATUS_OF_FAULT: Readonly<Record<string, number>> = {
  body_too_large: 413,
  body_too_slow: 408,
  body_incomplete: 400,
};

function fail(log: Logger, error: unknown, response: ServerResponse): void {
  const code = codeOf(error);
  const status = STATUS_OF_FAULT[code];
  if (status === undefined) log.error({ err: error }, "a request failed");
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const message =
    status === undefined ? "Something failed inside the bot; its log says what." : messageOf(error);
  sendError(response, status ?? 500, status === undefined ? "internal_error" : code, message, {
    connection: "close",
  });
}

function urlOf(request: IncomingMessage): URL | null {
  const target = request.url ?? "/";
  // Two slashes would name another host, and the path after it.
  return /^\/(?!\/)/.test(target) ? URL.parse(target, "http://slipway.invalid") : null;
}

function listen(server: Server, port: number, host: string): Promise<{ port: number }> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve({ port: (server.address() as AddressInfo).port });
    });
  });
}

const CLOSE_WITHIN_MS = 1_000;

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), CLOSE_WITHIN_MS);
  await closed;
  clearTimeout(timer);
}
