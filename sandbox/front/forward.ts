import type { IncomingHttpHeaders, ServerResponse } from "node:http";

/** Headers of one connection; they must not be carried over to another. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "transfer-encoding",
  "host",
  "content-length",
  "upgrade",
]);

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

/** Sends a request on to the emulator behind a front, and brings the whole answer. */
export async function forward(
  base: string,
  pathAndQuery: string,
  method: string,
  headers: IncomingHttpHeaders,
  body: Buffer,
): Promise<Answer> {
  const bare = method === "GET" || method === "HEAD";
  const answer = await fetch(base + pathAndQuery, {
    method,
    headers: carried(headers),
    redirect: "manual",
    ...(bare ? {} : { body: new Uint8Array(body) }),
  });
  const received = Buffer.from(await answer.arrayBuffer());
  const kept: Record<string, string> = {};
  answer.headers.forEach((value, name) => {
    // fetch has already undone the compression that the header speaks of.
    if (!HOP_BY_HOP.has(name) && name !== "content-encoding") kept[name] = value;
  });
  return { status: answer.status, headers: kept, body: received };
}

export function sendAnswer(response: ServerResponse, answer: Answer): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(answer.status, { ...answer.headers, "content-length": String(answer.body.length) });
  response.end(answer.body);
}

function carried(headers: IncomingHttpHeaders): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || HOP_BY_HOP.has(name)) continue;
    kept[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return kept;
}
