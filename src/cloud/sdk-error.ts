import { messageOf } from "../util/errors.ts";

/** What the SDK threw, read without its types. */
export interface SeenError {
  /** AWS's error code where it sent one, else the error's name. */
  readonly name: string;
  readonly message: string;
  /** Node's code, e.g. `ECONNRESET`. */
  readonly nodeCode: string | undefined;
  readonly status: number | undefined;
  readonly requestId: string | undefined;
  readonly attempts: number;
  readonly fromAws: boolean;
  readonly unreadable: boolean;
}

/**
 * Reads what the SDK throws: its service exceptions (code in `name`, or in `Code` where a class hides it),
 * Node's socket errors, the XML parser's errors (`$responseBodyText` or `$response` beside a 2xx status).
 */
export function readSdkError(error: unknown): SeenError {
  const record = (typeof error === "object" && error !== null ? error : {}) as Record<string, unknown>;
  const metadata = (record.$metadata ?? {}) as Record<string, unknown>;
  const response = (record.$response ?? {}) as Record<string, unknown>;
  const status = numberOf(metadata.httpStatusCode) ?? numberOf(response.statusCode);
  const ownCode = stringOf(record.Code);
  const name = ownCode ?? stringOf(record.name) ?? "Unknown";
  const isServiceError = record.$fault === "client" || record.$fault === "server" || ownCode !== undefined;
  const unnamed = name === "Unknown" || name === "UnknownError" || name === "Error";
  return {
    name,
    message: messageOf(error) || "no message",
    nodeCode: stringOf(record.code) ?? stringOf((record.cause as { code?: unknown } | undefined)?.code),
    status,
    requestId: stringOf(metadata.requestId),
    attempts: numberOf(metadata.attempts) ?? 1,
    fromAws: isServiceError && !unnamed && status !== undefined,
    unreadable:
      status !== undefined || record.$responseBodyText !== undefined || error instanceof SyntaxError,
  };
}

function stringOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}
