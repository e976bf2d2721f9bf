import { createHash } from "node:crypto";
import { AwsError } from "../wire/aws-error.ts";
import type { Instance } from "./instance.ts";

/**
 * RunInstances is idempotent by client token: per zone when the request names one (also by its subnet), else
 * per region. The same token with other parameters is an error; in another zone it launches again. A token
 * outlives its instance (by 24 hours at least): repeated after the end, the request answers with the
 * terminated instance.
 * https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html#run-instances-idempotency
 */
export class ClientTokens {
  readonly #launches = new Map<string, { readonly hash: string; readonly instances: readonly Instance[] }>();

  /** What an identical earlier request launched; undefined when there was none. */
  earlier(token: string, zone: string | undefined, request: object): readonly Instance[] | undefined {
    const launch = this.#launches.get(keyOf(token, zone));
    if (!launch) return undefined;
    if (launch.hash !== hashOf(request)) {
      throw new AwsError(
        "IdempotentParameterMismatch",
        "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
      );
    }
    return launch.instances;
  }

  remember(token: string, zone: string | undefined, request: object, instances: readonly Instance[]): void {
    this.#launches.set(keyOf(token, zone), { hash: hashOf(request), instances });
  }
}

function keyOf(token: string, zone: string | undefined): string {
  return `${zone ?? "region"}|${token}`;
}

/** Members in any order are the same request; the token itself and DryRun are not part of it. */
function hashOf(request: object): string {
  const { ClientToken: _token, DryRun: _dryRun, ...rest } = request as Record<string, unknown>;
  return createHash("sha256")
    .update(JSON.stringify(sorted(rest)))
    .digest("hex");
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}
