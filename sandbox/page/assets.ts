import { readdirSync, readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { extname, join } from "node:path";

const FOLDER = join(import.meta.dirname, "app");
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** Own files alone, nothing inline, nobody's frame: what a message says can never become a program here. */
const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-cache",
};

/** Answers with one of the page's own files; false when there is none of that name. */
export function sendAsset(response: ServerResponse, path: string): boolean {
  const name = path === "/" ? "index.html" : path.slice(1);
  // Only names that the folder has: no path leads out of it.
  if (!readdirSync(FOLDER).includes(name)) return false;
  response.writeHead(200, {
    ...HEADERS,
    "content-type": TYPES[extname(name)] ?? "application/octet-stream",
  });
  response.end(readFileSync(join(FOLDER, name)));
  return true;
}
