import type { IncomingMessage, ServerResponse } from "node:http";
import { z } from "zod";
import { codeOf, messageOf, SlipwayError } from "../../src/util/errors.ts";
import { parseJson } from "../front/control.ts";
import { listen, readBody, sendJson } from "../front/http.ts";
import type { SandboxJson } from "../supervisor/description.ts";
import { sendAsset } from "./assets.ts";
import { follow } from "./live.ts";
import { Switches } from "./switches.ts";

export interface Page {
  readonly url: string;
  close(): Promise<void>;
}

export interface PageOptions {
  /** 0 for a free one. */
  readonly port: number;
  readonly json: SandboxJson;
  readonly directory: string;
  /** Kills the bot's process group and starts the bot again; false where it is not the sandbox's to kill. */
  killBot(): Promise<boolean>;
}

/** What a person does on the page, and the address of Slack's front that does it. */
const TO_SLACK = new Set(["command", "action", "view", "home", "say"]);

/** The page on which a newcomer acts as people of a team, and sees what the bot does. */
export async function startPage(options: PageOptions): Promise<Page> {
  const switches = new Switches(options.json);
  const server = await listen((request, response) => {
    route(request, response, options, switches).catch((error: unknown) =>
      sendJson(response, 502, { error: "unreachable", message: messageOf(error) }),
    );
  }, options.port).catch((cause: unknown) => {
    if (codeOf(cause) !== "EADDRINUSE") throw cause;
    throw new SlipwayError("port_taken", `Port ${options.port} is taken.`, {
      cause,
      remedy: "Give the page another one: npm run sandbox -- --port 3100",
    });
  });
  return { url: server.url, close: () => server.close() };
}

async function route(
  request: IncomingMessage,
  response: ServerResponse,
  options: PageOptions,
  switches: Switches,
): Promise<void> {
  const { json } = options;
  const { pathname: path, searchParams } = new URL(request.url ?? "/", "http://page.invalid");
  if (!isLocal(request)) return sendJson(response, 403, { error: "foreign_host" });
  if (request.method === "POST") return act(path.slice(1), request, response, options, switches);
  if (path === "/facts") return sendJson(response, 200, facts(options));
  if (path === "/live") return follow(response, searchParams.get("user") ?? "", { json, switches });
  if (path === "/picture") return picture(searchParams.get("url") ?? "", json, response);
  if (!sendAsset(response, path)) sendJson(response, 404, { error: "not_found" });
}

const switchSchema = z.strictObject({ name: z.string(), on: z.boolean() });

/**
 * What is done on the page. Asking for JSON keeps other web sites out: a browser sends that type across sites
 * only after a question that we never answer.
 */
async function act(
  name: string,
  request: IncomingMessage,
  response: ServerResponse,
  { json, killBot }: PageOptions,
  switches: Switches,
): Promise<void> {
  if (!request.headers["content-type"]?.startsWith("application/json")) {
    return sendJson(response, 415, { error: "not_json" });
  }
  const body = await readBody(request);
  if (TO_SLACK.has(name)) {
    const url = new URL(`/_sandbox/${name}`, json.slack.api);
    const answer = await fetch(url, { method: "POST", body: new Uint8Array(body) });
    return sendJson(response, answer.status, (await answer.json()) as object);
  }
  if (name === "kill-bot") {
    if (await killBot()) return sendJson(response, 200, { ok: true });
    const message = "The bot was not started by this sandbox: kill and start it yourself.";
    return sendJson(response, 409, { error: "not_ours", message });
  }
  const change = name === "switch" ? switchSchema.safeParse(parseJson(body)) : undefined;
  if (change?.success && (await switches.set(change.data.name, change.data.on))) {
    return sendJson(response, 200, { switches: switches.list() });
  }
  sendJson(response, 404, { error: "not_found" });
}

/** A page of elsewhere that has made its name point here finds nothing. */
function isLocal({ headers }: IncomingMessage): boolean {
  return /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(headers.host ?? "");
}

/** What may be shown: no token and no key. */
function facts({ json, directory }: PageOptions): object {
  return {
    directory,
    bot: json.bot,
    slack: json.slack.api,
    channel: json.slack.channel,
    people: Object.entries(json.slack.users).map(([name, id]) => ({ name, id })),
    github: json.github.api,
    repository: json.github.repository,
    pullRequest: json.github.pullRequest,
    aws: json.aws.endpoint,
    slots: Object.fromEntries(Object.entries(json.slots).map(([name, slot]) => [name, slot.url])),
  };
}

/** Pictures of messages: uploaded files, and what the bot serves. No other address is ever asked. */
async function picture(address: string, json: SandboxJson, response: ServerResponse): Promise<void> {
  const from = [json.slack.api, json.bot].map((url) => new URL(url).origin);
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !from.includes(url.origin)) return sendJson(response, 404, { error: "not_found" });
  const answer = await fetch(url);
  const type = answer.headers.get("content-type") ?? "";
  // A page of markup would run as this page's own.
  if (!answer.ok || !/^image\/(png|jpeg|gif|webp)/.test(type)) {
    return sendJson(response, 404, { error: "no_picture" });
  }
  const headers = { "content-type": type, "x-content-type-options": "nosniff" };
  response.writeHead(200, headers).end(Buffer.from(await answer.arrayBuffer()));
}
