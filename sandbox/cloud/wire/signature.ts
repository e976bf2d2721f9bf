import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/**
 * Signature Version 4, the receiving side: which service and region a request is meant for, who signed it,
 * and whether the signature is right.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export interface SignedScope {
  readonly accessKeyId: string;
  /** yyyymmdd */
  readonly date: string;
  readonly region: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

export interface SignedRequest {
  readonly method: string;
  /** As received: still percent-encoded, without the query. */
  readonly rawPath: string;
  readonly rawQuery: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
}

const HEADER =
  /^AWS4-HMAC-SHA256\s+Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request,\s*SignedHeaders=([^,]+),\s*Signature=([0-9a-f]{64})$/;

/** Reads the Authorization header; undefined when there is none, or it is of another scheme. */
export function signedScope(authorization: string | undefined): SignedScope | undefined {
  const match = authorization === undefined ? null : HEADER.exec(authorization.trim());
  if (!match) return undefined;
  const [, accessKeyId = "", date = "", region = "", service = "", signedHeaders = "", signature = ""] =
    match;
  return { accessKeyId, date, region, service, signedHeaders: signedHeaders.split(";"), signature };
}

export function isSignatureRight(request: SignedRequest, scope: SignedScope, secret: string): boolean {
  const wanted = Buffer.from(signatureOf(request, scope, secret), "hex");
  const given = Buffer.from(scope.signature, "hex");
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

function signatureOf(request: SignedRequest, scope: SignedScope, secret: string): string {
  const credentialScope = `${scope.date}/${scope.region}/${scope.service}/aws4_request`;
  const hashed = sha256(canonicalRequest(request, scope));
  const text = `AWS4-HMAC-SHA256\n${request.headers["x-amz-date"] ?? ""}\n${credentialScope}\n${hashed}`;
  return createHmac("sha256", signingKey(scope, secret)).update(text).digest("hex");
}

function canonicalRequest(request: SignedRequest, scope: SignedScope): string {
  const headers = scope.signedHeaders.map((name) => `${name}:${oneLine(request.headers[name])}\n`).join("");
  return [
    request.method,
    canonicalPath(request.rawPath, scope.service),
    canonicalQuery(request.rawQuery),
    headers,
    scope.signedHeaders.join(";"),
    request.headers["x-amz-content-sha256"] ?? sha256(request.body),
  ].join("\n");
}

/** Every service but S3 encodes the path a second time. */
function canonicalPath(rawPath: string, service: string): string {
  if (service === "s3") return rawPath;
  return rawPath
    .split("/")
    .map((part) => awsEncode(part))
    .join("/");
}

function canonicalQuery(rawQuery: string): string {
  if (rawQuery === "") return "";
  return [...new URLSearchParams(rawQuery)]
    .map(([key, value]) => [awsEncode(key), awsEncode(value)] as const)
    .sort(([ak, av], [bk, bv]) => (ak === bk ? (av < bv ? -1 : 1) : ak < bk ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
    .join("&");
}

function awsEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function oneLine(value: string | undefined): string {
  return (value ?? "").trim().replace(/\s+/g, " ");
}

const keys = new Map<string, Buffer>();
const MOST_KEYS = 100;

/**
 * Derived once per day, region, service and secret; the derivation is four of the six hashes of a
 * verification.
 */
function signingKey(scope: SignedScope, secret: string): Buffer {
  const name = `${secret}/${scope.date}/${scope.region}/${scope.service}`;
  const known = keys.get(name);
  if (known) return known;
  const key = [scope.date, scope.region, scope.service, "aws4_request"].reduce<Buffer>(
    (parent, part) => createHmac("sha256", parent).update(part).digest(),
    Buffer.from(`AWS4${secret}`),
  );
  if (keys.size >= MOST_KEYS) keys.clear();
  keys.set(name, key);
  return key;
}

function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}
