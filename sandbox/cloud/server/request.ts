import type { IncomingMessage } from "node:http";
import { withoutChunks } from "../wire/aws-chunked.ts";

/** A request as it came, body and all. */
export interface WireRequest {
  readonly method: string;
  readonly rawPath: string;
  readonly rawQuery: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** As sent, for the signature. */
  readonly rawBody: Buffer;
  /** Without the framing of `aws-chunked`. */
  readonly body: Buffer;
  readonly sourceAddress: string;
}

/** Test reports with screenshots and traces go through S3. */
const MOST_BYTES = 512 * 1024 * 1024;

/** Reads a request to its end. Rejects when the client goes away or sends too much. */
export async function readRequest(message: IncomingMessage): Promise<WireRequest> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of message) {
    size += part.length;
    if (size > MOST_BYTES) throw new Error("The request is too large");
    parts.push(part);
  }
  const rawBody = Buffer.concat(parts);
  const [rawPath = "/", rawQuery = ""] = splitOnce(message.url ?? "/", "?");
  const headers = singleHeaders(message);
  const isChunked = headers["content-encoding"]?.includes("aws-chunked") === true;
  return {
    method: message.method ?? "GET",
    rawPath,
    rawQuery,
    query: new URLSearchParams(rawQuery),
    headers,
    rawBody,
    body: (isChunked ? withoutChunks(rawBody) : undefined) ?? rawBody,
    sourceAddress: (message.socket.remoteAddress ?? "").replace(/^::ffff:/, ""),
  };
}

function singleHeaders(message: IncomingMessage): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(message.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(",") : value,
    ]),
  );
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}
