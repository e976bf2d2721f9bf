import type { ServiceId } from "../schema/service.ts";
import type { Credential, Credentials } from "../state/credentials.ts";
import { AwsError } from "../wire/aws-error.ts";
import { isSignatureRight } from "../wire/signature.ts";
import type { Identified } from "./identify.ts";
import type { WireRequest } from "./request.ts";

/** A signature older (or younger) than this is refused. */
const LONGEST_SKEW_MS = 15 * 60_000;

/** Each service's words for "I do not know this key" and "the signature is wrong". */
const CODES: Readonly<Record<ServiceId, { unknownKey: [string, number]; wrongSignature: [string, number] }>> =
  {
    ec2: { unknownKey: ["AuthFailure", 401], wrongSignature: ["AuthFailure", 401] },
    elasticloadbalancing: {
      unknownKey: ["InvalidClientTokenId", 403],
      wrongSignature: ["SignatureDoesNotMatch", 403],
    },
    sts: { unknownKey: ["InvalidClientTokenId", 403], wrongSignature: ["SignatureDoesNotMatch", 403] },
    s3: { unknownKey: ["InvalidAccessKeyId", 403], wrongSignature: ["SignatureDoesNotMatch", 403] },
  };

/** Who called. Throws the error that the service itself would give. */
export function authenticate(
  request: WireRequest,
  { service, scope }: Identified,
  credentials: Credentials,
  options: { readonly verifySignatures: boolean; readonly now: number },
): Credential | undefined {
  if (!scope) return undefined;
  const codes = CODES[service];
  const credential = credentials.find(scope.accessKeyId);
  const token = request.headers["x-amz-security-token"];
  if (!credential || credential.sessionToken !== token) {
    const message = "AWS was not able to validate the provided access credentials";
    throw new AwsError(codes.unknownKey[0], message, codes.unknownKey[1]);
  }
  if (credential.expires !== undefined && credential.expires <= options.now) {
    const code = service === "ec2" ? "RequestExpired" : "ExpiredToken";
    throw new AwsError(code, "The security token included in the request is expired", 403);
  }
  if (!options.verifySignatures) return credential;
  if (Math.abs(options.now - signedAt(request.headers["x-amz-date"])) > LONGEST_SKEW_MS) {
    throw new AwsError("RequestExpired", "Request has expired: the date is too far from the present.", 400);
  }
  const signed = { ...request, body: request.rawBody };
  if (!isSignatureRight(signed, scope, credential.secret)) {
    const message =
      "The request signature we calculated does not match the signature you provided. Check your secret.";
    throw new AwsError(codes.wrongSignature[0], message, codes.wrongSignature[1]);
  }
  return credential;
}

/**
 * `20261121T041500Z` → milliseconds since the epoch; NaN becomes the epoch, which is too far from any
 * present.
 */
function signedAt(date: string | undefined): number {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date ?? "");
  if (!match) return 0;
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}
