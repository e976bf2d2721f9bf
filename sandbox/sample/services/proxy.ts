import { Agent, type IncomingMessage, type ServerResponse, request as send } from "node:http";
import type { Handler } from "../container.ts";
import { pathOf, sendHtml, sendJson } from "./http.ts";
import { faultPage } from "./pages.ts";
import { PORTS } from "./ports.ts";

const agent = new Agent({ keepAlive: false });

export interface ProxyOptions {
  readonly address: string;
  version(): string;
  /** Whether each service answers, by name. */
  services(): Readonly<Record<string, boolean>>;
}

/**
 * nginx: it fronts the services on the target port. One that is not there is 503, one that breaks off is 502.
 */
export function proxy(options: ProxyOptions): Handler {
  return (request, response) => {
    const path = pathOf(request);
    if (path === "/health") {
      const services = options.services();
      const healthy = Object.values(services).every(Boolean);
      const status = healthy ? "ok" : "starting";
      return sendJson(response, healthy ? 200 : 503, { status, version: options.version(), services });
    }
    return pass(options, portFor(path), request, response);
  };
}

function portFor(path: string): number {
  if (path === "/sign-in" || path === "/sign-out") return PORTS.auth;
  if (path === "/skills" || path.startsWith("/skills/")) return PORTS.skills;
  return PORTS.mentor;
}

function pass(
  options: ProxyOptions,
  port: number,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  return new Promise((resolve) => {
    const { method, url: path, headers } = request;
    const upstream = send({ host: options.address, port, method, path, headers, agent });
    upstream.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
      answer.on("close", resolve);
    });
    upstream.on("error", (error: NodeJS.ErrnoException) => {
      const status = error.code === "ECONNREFUSED" ? 503 : 502;
      if (response.headersSent) response.destroy();
      else
        sendHtml(
          response,
          status,
          faultPage(options.version(), `${status}: the service behind does not answer.`),
        );
      resolve();
    });
    response.on("close", () => upstream.destroy());
    request.pipe(upstream);
  });
}
