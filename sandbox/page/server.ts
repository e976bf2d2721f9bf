import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { codeOf, messageOf, SlipwayError } from "../../src/util/errors.ts";
import { listen, readBody, sendJson } from "../front/http.ts";
import type { SandboxJson } from "../supervisor/description.ts";

export interface Page {
  readonly url: string;
  close(): Promise<void>;
}

export interface PageOptions {
  /** 0 for a free one. */
  readonly port: number;
  readonly json: SandboxJson;
  readonly directory: string;
}

const CONTENT = join(import.meta.dirname, "page.html");

/** The page that shows a newcomer what there is, what to type, and the channel as it fills. */
export async function startPage(options: PageOptions): Promise<Page> {
  const server = await listen((request, response) => {
    const path = new URL(request.url ?? "/", "http://page.invalid").pathname;
    if (path === "/") return sendHtml(response);
    if (path === "/addresses") return sendJson(response, 200, addresses(options));
    if (path === "/messages") return relay(slackUrl(options.json, "messages"), {}, response);
    if (path === "/command" && request.method === "POST") return command(options.json, request, response);
    sendJson(response, 404, { error: "not_found" });
  }, options.port).catch((cause: unknown) => {
    if (codeOf(cause) !== "EADDRINUSE") throw cause;
    throw new SlipwayError("port_taken", `Port ${options.port} is taken.`, {
      cause,
      remedy: "Give the page another one: npm run sandbox -- --port 3100",
    });
  });
  return { url: server.url, close: () => server.close() };
}

function sendHtml(response: ServerResponse): void {
  response.writeHead(200, {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy":
      "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'",
  });
  response.end(readFileSync(CONTENT));
}

/** What may be shown: no token and no key. */
function addresses({ json, directory }: PageOptions): object {
  return {
    directory,
    bot: json.bot,
    slack: json.slack.api,
    people: Object.keys(json.slack.users),
    users: json.slack.users,
    github: json.github.api,
    repository: json.github.repository,
    pullRequest: json.github.pullRequest,
    aws: json.aws.endpoint,
    slots: Object.fromEntries(Object.entries(json.slots).map(([name, slot]) => [name, slot.url])),
  };
}

function slackUrl(json: SandboxJson, path: string): URL {
  return new URL(`/_sandbox/${path}`, json.slack.api);
}

/**
 * A command typed on the page. Asking for JSON keeps other web sites out: a browser sends that type across sites
 * only after a question that we never answer.
 */
async function command(json: SandboxJson, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (!request.headers["content-type"]?.startsWith("application/json")) {
    return sendJson(response, 415, { error: "not_json" });
  }
  const body = new Uint8Array(await readBody(request));
  return relay(slackUrl(json, "command"), { method: "POST", body }, response);
}

async function relay(url: URL, init: RequestInit, response: ServerResponse): Promise<void> {
  try {
    const answer = await fetch(url, init);
    sendJson(response, answer.status, (await answer.json()) as object);
  } catch (error) {
    sendJson(response, 502, { error: messageOf(error) });
  }
}
