import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from "node:http";

/** Headers that belong to one connection and are never passed on (RFC 9110, 7.6.1). */
const HOP_BY_HOP = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

function withoutHops(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const named = (headers.connection ?? "").split(",").map((name) => name.trim().toLowerCase());
  const dropped = new Set([...HOP_BY_HOP, ...named]);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !dropped.has(name)));
}

/**
 * What the target gets: the client's headers, and who the client is, as an Application Load Balancer adds.
 */
export function forwardedHeaders(request: IncomingMessage, traceId: string): OutgoingHttpHeaders {
  const source = request.socket.remoteAddress ?? "";
  const before = request.headers["x-forwarded-for"];
  const hasBody = request.headers["transfer-encoding"] !== undefined;
  return {
    ...withoutHops(request.headers),
    ...(hasBody ? { "transfer-encoding": "chunked" } : {}),
    "x-forwarded-for": before === undefined ? source : `${before}, ${source}`,
    "x-forwarded-proto": "http",
    "x-forwarded-port": String(request.socket.localPort ?? ""),
    "x-amzn-trace-id": request.headers["x-amzn-trace-id"] ?? traceId,
  };
}

/** What the client gets back. */
export function returnedHeaders(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  return withoutHops(headers);
}
