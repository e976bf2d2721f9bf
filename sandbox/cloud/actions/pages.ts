import { AwsError } from "../wire/aws-error.ts";

export interface Page<T> {
  readonly items: readonly T[];
  /** Present when there is more. */
  readonly next?: string;
}

/**
 * One page of a list. Tokens carry an offset and are opaque to callers.
 * @throws AwsError with `badToken` for a token that this cloud did not make.
 */
export function pageOf<T>(
  all: readonly T[],
  limit: number | undefined,
  token: string | undefined,
  badToken: string,
): Page<T> {
  const start = token === undefined || token === "" ? 0 : offsetIn(token, badToken);
  const end = limit === undefined ? all.length : start + limit;
  const items = all.slice(start, end);
  if (end >= all.length) return { items };
  return { items, next: Buffer.from(`page:${end}`).toString("base64url") };
}

function offsetIn(token: string, badToken: string): number {
  const match = /^page:(\d+)$/.exec(Buffer.from(token, "base64url").toString("utf8"));
  if (!match) throw new AwsError(badToken, `Invalid value '${token}' for NextToken.`);
  return Number(match[1]);
}
