import type { IncomingMessage } from "node:http";
import type { Clock } from "../../src/util/clock.ts";
import { jsonAnswer } from "../front/faulty.ts";
import { type Answer, forward } from "../front/forward.ts";
import { failed } from "./answers.ts";
import { contentError } from "./content/content.ts";
import type { Conversations } from "./conversations.ts";
import type { Sockets } from "./delivery/sockets.ts";
import type { EmulatedSlack } from "./emulator.ts";
import type { RateLimits } from "./limits.ts";
import { METHODS, missingScope } from "./methods.ts";
import { serveMethod } from "./served.ts";
import type { Transcript } from "./transcript.ts";
import { unfurl } from "./unfurl.ts";
import { serveViews } from "./views/methods.ts";
import type { Views } from "./views/store.ts";
import type { Triggers } from "./views/triggers.ts";

export interface WebApiParts {
  readonly botToken: string;
  /** The app-level token of Socket Mode, with the scope connections:write; none where the app has none. */
  readonly appToken?: string | undefined;
  readonly scopes: ReadonlySet<string>;
  readonly sockets: Sockets;
  readonly views: Views;
  readonly triggers: Triggers;
  readonly conversations: Conversations;
  readonly limits: RateLimits;
  readonly slack: EmulatedSlack;
  readonly transcript: Transcript;
  readonly clock: Clock;
  /** The front's own address, known once it listens. */
  publicUrl(): string;
}

export interface WebApiRequest {
  readonly method: string;
  readonly token: string | undefined;
  readonly parameters: Record<string, unknown>;
}

/** Reads a Web API request in any of its forms: query, form body, JSON body; the token is taken out. */
export function parseRequest(request: IncomingMessage, url: URL, body: Buffer): WebApiRequest {
  const parameters: Record<string, unknown> = Object.fromEntries(url.searchParams);
  const type = request.headers["content-type"] ?? "";
  if (type.includes("application/json")) Object.assign(parameters, jsonObject(body));
  else if (body.length > 0) {
    Object.assign(parameters, Object.fromEntries(new URLSearchParams(body.toString("utf8"))));
  }
  const header = request.headers.authorization?.replace(/^Bearer\s+/i, "");
  const token = header ?? (typeof parameters.token === "string" ? parameters.token : undefined);
  delete parameters.token;
  return { method: url.pathname.slice("/api/".length), token, parameters };
}

/** Slack's answer: who asks, may it, too often, too much, and then the method itself. */
export async function answerWebApi(call: WebApiRequest, parts: WebApiParts): Promise<Answer> {
  if (!call.token) return failed("not_authed");
  if (call.method === OPEN_CONNECTION) return openConnection(call, parts);
  if (call.token === parts.appToken) return failed("not_allowed_token_type");
  if (call.token !== parts.botToken) return failed("invalid_auth");
  const facts = METHODS.get(call.method);
  if (!facts) return failed("unknown_method", { req_method: call.method });
  const needed = missingScope(facts, parts.scopes);
  if (needed) return failed("missing_scope", { needed, provided: [...parts.scopes].join(",") });

  const channel = typeof call.parameters.channel === "string" ? call.parameters.channel : undefined;
  const retryAfter = parts.limits.take(call.method, facts, channel);
  if (retryAfter !== undefined) return rateLimited(retryAfter);

  const problem = contentError(call.method, call.parameters);
  if (problem) return failed(problem.error, { response_metadata: { messages: problem.messages } });

  if (call.method === "chat.unfurl") return unfurl(call.parameters, parts.transcript);
  const served =
    serveViews(call.method, call.parameters, parts) ?? serveMethod(call.method, call.parameters, parts);
  return served ?? passOn(call, parts);
}

const OPEN_CONNECTION = "apps.connections.open";

/** An address for one web socket, for an app-level token alone. */
function openConnection(call: WebApiRequest, parts: WebApiParts): Answer {
  if (call.token === parts.botToken) return failed("not_allowed_token_type");
  if (parts.appToken === undefined || call.token !== parts.appToken) return failed("invalid_auth");
  const facts = METHODS.get(OPEN_CONNECTION);
  const retryAfter = facts && parts.limits.take(OPEN_CONNECTION, facts, undefined);
  if (retryAfter !== undefined) return rateLimited(retryAfter);
  return jsonAnswer(200, { ok: true, url: parts.sockets.ticket(parts.publicUrl()) });
}

export function rateLimited(retryAfterSeconds: number): Answer {
  const headers = { "retry-after": String(retryAfterSeconds) };
  return jsonAnswer(429, { ok: false, error: "ratelimited" }, headers);
}

async function passOn(call: WebApiRequest, parts: WebApiParts): Promise<Answer> {
  const headers = { "content-type": "application/json", authorization: `Bearer ${parts.botToken}` };
  const body = Buffer.from(JSON.stringify(call.parameters));
  const answer = await forward(parts.slack.url, `/api/${call.method}`, "POST", headers, body);
  const text = answer.body.toString("utf8").replaceAll(parts.slack.advertisedUrl, parts.publicUrl());
  const scopes = [...parts.scopes].join(",");
  return { ...answer, headers: { ...answer.headers, "x-oauth-scopes": scopes }, body: Buffer.from(text) };
}

function jsonObject(body: Buffer): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(body.toString("utf8"));
    return parsed !== null && typeof parsed === "object" ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
