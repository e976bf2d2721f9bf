/**
 * AWS's own error codes, sorted by what they mean to us. Sources: "Error codes for the Amazon EC2 API"
 * (docs.aws.amazon.com/ec2/latest/devguide/errors-overview.html), the exceptions of the SDK's ELBv2, STS and
 * S3 models, and the SDK's own list of throttling codes. ELBv2 sends its codes without the `Exception` that
 * the SDK's classes carry, so names are compared without it.
 */

/**
 * What may help after a lack of capacity:
 * `zone`: the same type in another subnet, or another type, may be free;
 * `type`: a quota of the account for this family of types in the whole region: another subnet cannot help,
 *   a type of another family or size may;
 * `none`: a quota that every instance of this launch runs into alike.
 */
export const ELSEWHERE = ["zone", "type", "none"] as const;
export type Elsewhere = (typeof ELSEWHERE)[number];

/**
 * All of them are definite: nothing was launched. The quota codes (`…LimitExceeded`) count as capacity too,
 * because vCPU quotas are per family of types: a launch with `[p3.2xlarge, t3.2xlarge]` may still succeed.
 */
const CAPACITY: Readonly<Record<string, Elsewhere>> = {
  InsufficientInstanceCapacity: "zone",
  InsufficientHostCapacity: "zone",
  InsufficientReservedInstanceCapacity: "zone",
  InsufficientCapacity: "zone",
  InsufficientCapacityOnHost: "zone",
  InsufficientVolumeCapacity: "zone",
  InsufficientFreeAddressesInSubnet: "zone",
  ReservationCapacityExceeded: "zone",
  Unsupported: "zone",
  InstanceLimitExceeded: "type",
  VcpuLimitExceeded: "type",
  InstanceTypeLimitExceeded: "type",
  MaxSpotInstanceCountExceeded: "type",
  SpotMaxPriceTooLow: "zone",
  VolumeLimitExceeded: "none",
  MaxIOPSLimitExceeded: "none",
  NetworkInterfaceLimitExceeded: "none",
  PrivateIpAddressLimitExceeded: "none",
};

const THROTTLED = new Set([
  "RequestLimitExceeded",
  "Throttling",
  "ThrottlingException",
  "ThrottledException",
  "RequestThrottled",
  "RequestThrottledException",
  "EC2ThrottledException",
  "BandwidthLimitExceeded",
  "PriorRequestNotComplete",
  "TooManyRequests",
  "TooManyRequestsException",
  "SlowDown",
]);

const DENIED = new Set([
  "UnauthorizedOperation",
  "AccessDenied",
  "AccessDeniedException",
  "Client.UnauthorizedOperation",
  "UnauthorizedAccess",
  "AuthFailure",
  "OptInRequired",
  "Blocked",
  "PendingVerification",
  "InvalidClientTokenId",
  "MissingAuthenticationToken",
  "SignatureDoesNotMatch",
  "InvalidSignatureException",
  "IncompleteSignature",
  "UnrecognizedClientException",
  "InvalidAccessKeyId",
  "ExpiredToken",
  "ExpiredTokenException",
  "TokenRefreshRequired",
  "RequestExpired",
  "RequestTimeTooSkewed",
  "RequestInTheFuture",
  "InvalidIdentityToken",
  "CredentialsProviderError",
]);

const CREDENTIALS = new Set([
  "InvalidClientTokenId",
  "MissingAuthenticationToken",
  "UnrecognizedClientException",
  "InvalidAccessKeyId",
  "ExpiredToken",
  "ExpiredTokenException",
  "TokenRefreshRequired",
  "InvalidIdentityToken",
  "CredentialsProviderError",
]);

const CLOCK = new Set(["RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture"]);

const MISMATCH = new Set(["IdempotentParameterMismatch", "IdempotentInstanceActionMismatch"]);

const NOT_FOUND = new Set(["NoSuchKey", "NoSuchBucket", "NotFound"]);

export type CodeMeaning = "capacity" | "throttled" | "denied" | "mismatch" | "duplicate" | "not_found";

/** What a code means, or undefined: then the HTTP status decides. */
export function meaningOf(code: string): CodeMeaning | undefined {
  const plain = code.replace(/Exception$/, "");
  if (Object.hasOwn(CAPACITY, plain)) return "capacity";
  if (THROTTLED.has(code) || THROTTLED.has(plain)) return "throttled";
  if (DENIED.has(code) || DENIED.has(plain)) return "denied";
  if (MISMATCH.has(plain)) return "mismatch";
  if (plain === "InvalidPermission.Duplicate") return "duplicate";
  if (NOT_FOUND.has(plain) || /NotFound$/.test(plain)) return "not_found";
  return undefined;
}

/** Where else a launch may be tried after this capacity code. */
export function elsewhereOf(code: string): Elsewhere {
  return CAPACITY[code.replace(/Exception$/, "")] ?? "none";
}

export function isCredentialCode(code: string): boolean {
  return CREDENTIALS.has(code);
}

export function isClockCode(code: string): boolean {
  return CLOCK.has(code);
}
