import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sendError, sendText } from "../respond.ts";
import type { Route, Visit } from "../route.ts";

const TYPES = {
  "dashboard.css": "text/css; charset=utf-8",
  "dashboard.js": "text/javascript; charset=utf-8",
  "icon.svg": "image/svg+xml; charset=utf-8",
} as const;
type Name = keyof typeof TYPES;

const texts = new Map<string, string>(
  Object.keys(TYPES).map((name) => [name, readFileSync(join(import.meta.dirname, "assets", name), "utf8")]),
);
const version = createHash("sha256")
  .update([...texts.values()].join("\n"))
  .digest("hex")
  .slice(0, 12);

/** The address of a page's style, script or icon; another one with every version, so that it may be cached for ever. */
export function assetUrl(name: Name): string {
  return `/assets/${name}?${version}`;
}

/** They hold nothing that is anybody's secret: the sign-in page needs them too. */
export const assetRoute: Route = {
  name: "asset",
  path: /^\/assets\/([a-z.]+)$/,
  methods: { GET: sendAsset },
};

function sendAsset({ response, parts }: Visit): void {
  const name = parts[0] ?? "";
  const text = texts.get(name);
  if (text === undefined) {
    sendError(response, 404, "not_found", "There is nothing at this path.");
    return;
  }
  sendText(response, 200, text, TYPES[name as Name], {
    "cache-control": "public, max-age=31536000, immutable",
  });
}
