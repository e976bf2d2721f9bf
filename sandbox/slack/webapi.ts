import type { IncomingMessage } from "node:http";
import type { Clock } from "../../src/util/clock.ts";
import { jsonAnswer } from "../front/faulty.ts";
import { type Answer, forward } from "../front/forward.ts";
import { contentError } from "./content.ts";
import type { EmulatedSlack } from "./emulator.ts";
import type { RateLimits } from "./limits.ts";
import { METHODS, missingScope } from "./methods.ts";
import { failed, serveMethod } from "./served.ts";
import type { Transcript } from "./transcript.ts";

export interface WebApiParts {
  readonly botToken: string;
  readonly scopes: ReadonlySet<string>;
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

  const served = serveMethod(call.method, call.parameters, parts);
  return served ?? passOn(call, parts);
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
