import type { ServerResponse } from "node:http";
import type { JsonObject } from "../../src/util/json.ts";

const SAFE_HEADERS = {
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-frame-options": "DENY",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
} as const;

/** Pages take their style, script and icon from this site, and run nothing that stands in them. */
const PAGE_POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

export type Headers = Readonly<Record<string, string>>;

export function sendJson(
  response: ServerResponse,
  status: number,
  body: JsonObject,
  headers: Headers = {},
): void {
  send(response, status, "application/json; charset=utf-8", `${JSON.stringify(body)}\n`, headers);
}

export function sendHtml(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Headers = {},
): void {
  send(response, status, "text/html; charset=utf-8", body, {
    "content-security-policy": PAGE_POLICY,
    ...headers,
  });
}

export function sendText(
  response: ServerResponse,
  status: number,
  body: string,
  type = "text/plain",
  headers: Headers = {},
): void {
  send(response, status, type.includes("charset") ? type : `${type}; charset=utf-8`, body, headers);
}

export function sendPng(response: ServerResponse, bytes: Buffer): void {
  send(response, 200, "image/png", bytes);
}

/** An error in the form of every error here: a stable code and a sentence. */
export function sendError(
  response: ServerResponse,
  status: number,
  code: string,
  message: string,
  headers: Headers = {},
): void {
  sendJson(response, status, { error: { code, message } }, headers);
}

function send(
  response: ServerResponse,
  status: number,
  type: string,
  body: string | Buffer,
  headers: Headers = {},
): void {
  if (response.headersSent) return;
  response.writeHead(status, {
    ...SAFE_HEADERS,
    "content-type": type,
    "content-length": Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}
