import { type Agent, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { BalancerTarget } from "../ports.ts";
import { BALANCER_ADDRESS } from "./address.ts";
import { forwardedHeaders, returnedHeaders } from "./headers.ts";

/** Answers for the balancer itself, in the words that an Application Load Balancer uses. */
export function refuse(response: ServerResponse, status: 502 | 503 | 504): void {
  const text = {
    502: "502 Bad Gateway",
    503: "503 Service Temporarily Unavailable",
    504: "504 Gateway Time-out",
  }[status];
  if (response.headersSent) {
    // Part of the target's answer is out: the client must see that the rest is missing.
    response.destroy();
    return;
  }
  const body = `<html>\r\n<head><title>${text}</title></head>\r\n<body>\r\n<center><h1>${text}</h1></center>\r\n</body>\r\n</html>\r\n`;
  response.writeHead(status, {
    server: "awselb/2.0",
    "content-type": "text/html",
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
}

/**
 * Sends one request to one target and streams the answer back. A target that refuses, resets or answers
 * nothing is 502; one that stays silent longer than the idle time is 504. A request on a kept connection that
 * the target has just closed is sent once more on a new one, when it has no body and nothing of the answer
 * has come.
 */
export function forward(options: {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: BalancerTarget;
  readonly agent: Agent;
  readonly idleTimeoutMs: number;
  readonly traceId: string;
}): void {
  const { request: incoming, response, target, agent, idleTimeoutMs } = options;
  const hasBody =
    incoming.headers["content-length"] !== undefined || incoming.headers["transfer-encoding"] !== undefined;
  const send = (mayRepeat: boolean): void => {
    const outgoing = request({
      host: target.address,
      port: target.port,
      localAddress: BALANCER_ADDRESS,
      method: incoming.method,
      path: incoming.url,
      headers: forwardedHeaders(incoming, options.traceId),
      agent,
    });
    let timedOut = false;
    outgoing.setTimeout(idleTimeoutMs, () => {
      timedOut = true;
      outgoing.destroy();
    });
    outgoing.on("error", () => {
      if (response.destroyed) return;
      if (timedOut) return refuse(response, 504);
      if (mayRepeat && outgoing.reusedSocket && !hasBody) return send(false);
      refuse(response, 502);
    });
    outgoing.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage, returnedHeaders(answer.headers));
      answer.pipe(response);
      answer.on("error", () => response.destroy());
      answer.on("aborted", () => response.destroy());
    });
    response.once("close", () => {
      if (!response.writableFinished) outgoing.destroy();
    });
    if (hasBody) incoming.pipe(outgoing);
    else outgoing.end();
  };
  send(true);
}
