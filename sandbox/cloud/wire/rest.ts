import type { Problem } from "../schema/check.ts";
import type { Member, Operation, StructureShape } from "../schema/shape.ts";
import type { Answer } from "./answer.ts";
import type { ParsedInput } from "./query.ts";
import { scalarOf } from "./query.ts";
import { parseXml, valueFromXml } from "./read-xml.ts";
import { scalarText, xmlMembers } from "./xml.ts";

/** The parts of a REST request that members are bound to. */
export interface RestRequest {
  readonly labels: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
}

/** Headers and query fields that the SDK adds to any S3 request and that no input shape has. */
const PROTOCOL_QUERY = /^(x-id|X-Amz-.*)$/;

export function parseRest(request: RestRequest, operation: Operation): ParsedInput {
  const problems: Problem[] = [];
  const input: Record<string, unknown> = {};
  const bound = new Set<string>(fixedQueryOf(operation));
  for (const [name, member] of operation.input.members) {
    const value = boundValue(request, member, bound, problems);
    if (value !== undefined) input[name] = value;
  }
  for (const key of request.query.keys()) {
    if (bound.has(key) || PROTOCOL_QUERY.test(key)) continue;
    problems.push({
      kind: "unknown-member",
      path: key,
      detail: `${operation.name} has no query parameter ${key}`,
    });
  }
  return { input, problems };
}

function boundValue(request: RestRequest, member: Member, bound: Set<string>, problems: Problem[]): unknown {
  const { traits } = member;
  if (traits.httpLabel !== undefined) return request.labels[member.name];
  if (typeof traits.httpQuery === "string") {
    bound.add(traits.httpQuery);
    return scalarMember(member, request.query.get(traits.httpQuery) ?? undefined, problems);
  }
  if (typeof traits.httpHeader === "string") {
    return scalarMember(member, request.headers[traits.httpHeader.toLowerCase()], problems);
  }
  if (typeof traits.httpPrefixHeaders === "string")
    return prefixed(request.headers, traits.httpPrefixHeaders.toLowerCase());
  if (traits.httpPayload !== undefined) return payload(request.body, member, problems);
  return undefined;
}

function scalarMember(member: Member, text: string | undefined, problems: Problem[]): unknown {
  if (text === undefined) return undefined;
  const { shape } = member;
  if (shape.kind === "list") return text.split(",").map((item) => item.trim());
  const value = scalarOf(shape, text);
  if (value === undefined)
    problems.push({ kind: "wrong-type", path: member.name, detail: `wanted a ${shape.kind}, got '${text}'` });
  return value;
}

function prefixed(headers: RestRequest["headers"], prefix: string): Record<string, string> | undefined {
  const found = Object.entries(headers).filter(([name]) => name.startsWith(prefix));
  if (found.length === 0) return undefined;
  return Object.fromEntries(found.map(([name, value]) => [name.slice(prefix.length), value ?? ""]));
}

function payload(body: Uint8Array, member: Member, problems: Problem[]): unknown {
  if (member.shape.kind === "blob") return body;
  if (body.byteLength === 0) return undefined;
  const root = parseXml(Buffer.from(body).toString("utf8"));
  if (!root) {
    problems.push({ kind: "wrong-type", path: member.name, detail: "the body is not XML" });
    return undefined;
  }
  return valueFromXml(member.shape, root, member.name, problems);
}

function fixedQueryOf(operation: Operation): string[] {
  const http = operation.traits.http;
  const path = Array.isArray(http) ? String(http[1]) : "";
  return [...new URLSearchParams(path.split("?")[1] ?? "").keys()];
}

/** Binds an output's members to headers, to the raw body, or to the XML body. */
export function restAnswer(
  operation: Operation,
  output: object,
  xmlNamespace: string,
  requestId: string,
): Answer {
  const record = output as Record<string, unknown>;
  const headers: Record<string, string> = { "x-amz-request-id": requestId };
  let body: string | Uint8Array | undefined;
  for (const [name, member] of operation.output.members) {
    const value = record[name];
    if (value === undefined) continue;
    const { httpHeader, httpPrefixHeaders, httpPayload } = member.traits;
    if (typeof httpHeader === "string") headers[httpHeader.toLowerCase()] = headerText(member, value);
    else if (typeof httpPrefixHeaders === "string")
      Object.assign(headers, withPrefix(httpPrefixHeaders, value));
    else if (httpPayload !== undefined && value instanceof Uint8Array) body = value;
  }
  if (body === undefined) body = documentOf(operation.output, operation.name, record, xmlNamespace);
  const http = operation.traits.http;
  const status = Array.isArray(http) ? Number(http[2]) : 200;
  if (typeof body === "string" && body !== "") headers["content-type"] = "application/xml";
  return { status, headers, body };
}

function documentOf(
  shape: StructureShape,
  name: string,
  record: Record<string, unknown>,
  xmlNamespace: string,
): string {
  const members = xmlMembers(shape, record);
  if (members === "") return "";
  const root = typeof shape.traits.xmlName === "string" ? shape.traits.xmlName : `${name}Result`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="${xmlNamespace}">${members}</${root}>`;
}

function headerText(member: Member, value: unknown): string {
  const { shape } = member;
  if (shape.kind === "timestamp") {
    const format = shape.timestampFormat ?? "http-date";
    return scalarText({ kind: "timestamp", timestampFormat: format }, value);
  }
  return String(value);
}

function withPrefix(prefix: string, value: unknown): Record<string, string> {
  const entries = typeof value === "object" && value !== null ? Object.entries(value) : [];
  return Object.fromEntries(entries.map(([key, text]) => [`${prefix}${key}`.toLowerCase(), String(text)]));
}
