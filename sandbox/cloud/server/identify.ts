import { SERVICE_IDS, type ServiceId } from "../schema/service.ts";
import { s3Route } from "../wire/s3-route.ts";
import { type SignedScope, signedScope } from "../wire/signature.ts";
import type { WireRequest } from "./request.ts";

/** What a request is meant for, before anything of it is believed. */
export interface Identified {
  readonly service: ServiceId;
  readonly action: string | undefined;
  readonly scope: SignedScope | undefined;
  readonly form: URLSearchParams;
  readonly labels: Readonly<Record<string, string>>;
}

/** Called without a signature: the token itself is the proof. */
const UNSIGNED_ACTION = "AssumeRoleWithWebIdentity";

/**
 * The service is that of the signature's scope; undefined when there is neither scope nor an unsigned action.
 */
export function identify(request: WireRequest): Identified | undefined {
  const scope = signedScope(request.headers.authorization);
  const service = SERVICE_IDS.find((id) => id === scope?.service);
  if (service === "s3") {
    const route = s3Route(request.method, request.rawPath, request.query);
    return {
      service,
      scope,
      form: new URLSearchParams(),
      action: route?.operation,
      labels: route?.labels ?? {},
    };
  }
  const form = formOf(request);
  const action = form.get("Action") ?? undefined;
  if (service) return { service, scope, form, action, labels: {} };
  if (!scope && action === UNSIGNED_ACTION) return { service: "sts", scope, form, action, labels: {} };
  return undefined;
}

function formOf(request: WireRequest): URLSearchParams {
  return request.method === "GET" ? request.query : new URLSearchParams(request.body.toString("utf8"));
}
