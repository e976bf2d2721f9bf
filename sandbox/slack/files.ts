import type { IncomingMessage } from "node:http";
import type { Answer } from "../front/forward.ts";
import { forward } from "../front/forward.ts";
import { failed } from "./answers.ts";
import type { EmulatedSlack } from "./emulator.ts";

/**
 * A file's `url_private`. A person who is signed in to Slack sees it in the browser; a program shows its token, and
 * needs the scope files:read.
 */
export async function serveFile(
  request: IncomingMessage,
  path: string,
  parts: { readonly botToken: string; readonly scopes: ReadonlySet<string>; readonly slack: EmulatedSlack },
): Promise<Answer> {
  const given = request.headers.authorization?.replace(/^Bearer\s+/i, "");
  if (given !== undefined && given !== parts.botToken) return { ...failed("invalid_auth"), status: 401 };
  if (given !== undefined && !parts.scopes.has("files:read"))
    return { ...failed("missing_scope"), status: 403 };
  const headers = { authorization: `Bearer ${parts.botToken}` };
  return forward(parts.slack.url, path, "GET", headers, Buffer.alloc(0));
}
