import type { ServiceId } from "../schema/service.ts";
import { AwsError } from "../wire/aws-error.ts";
import type { Fault } from "./faults.ts";

/** What each service says when it is asked too often, or fails by itself. */
const SERVICE_CODES: Readonly<Record<ServiceId, { throttle: string; internal: string }>> = {
  ec2: { throttle: "RequestLimitExceeded", internal: "InternalError" },
  elasticloadbalancing: { throttle: "Throttling", internal: "InternalFailure" },
  sts: { throttle: "Throttling", internal: "InternalFailure" },
  s3: { throttle: "SlowDown", internal: "InternalError" },
};

/**
 * HTTP statuses of codes that no schema publishes, after each service's list of common errors. EC2's capacity
 * errors are server errors:
 * https://docs.aws.amazon.com/ec2/latest/devguide/errors-overview.html#api-error-codes-table-server
 */
const STATUSES: Readonly<Record<string, number>> = {
  InsufficientInstanceCapacity: 500,
  InsufficientAddressCapacity: 500,
  InsufficientHostCapacity: 500,
  InsufficientReservedInstanceCapacity: 500,
  InsufficientVolumeCapacity: 500,
  InternalError: 500,
  InternalFailure: 500,
  RequestLimitExceeded: 503,
  SlowDown: 503,
  ServiceUnavailable: 503,
  Unavailable: 503,
  Throttling: 400,
  ThrottlingException: 400,
  AuthFailure: 401,
  UnauthorizedOperation: 403,
  AccessDenied: 403,
  AccessDeniedException: 403,
  ExpiredToken: 403,
  InvalidClientTokenId: 403,
  OptInRequired: 403,
  NoSuchKey: 404,
  NoSuchBucket: 404,
};

/** The documented not-found code of an action's main resource. */
const NOT_FOUND: Readonly<Record<string, string>> = {
  "ec2:RunInstances": "InvalidAMIID.NotFound",
  "ec2:DescribeImages": "InvalidAMIID.NotFound",
  "ec2:DescribeSubnets": "InvalidSubnetID.NotFound",
  "ec2:DescribeKeyPairs": "InvalidKeyPair.NotFound",
  "ec2:DescribeVolumes": "InvalidVolume.NotFound",
  "ec2:DescribeSecurityGroups": "InvalidGroup.NotFound",
  "ec2:AuthorizeSecurityGroupIngress": "InvalidGroup.NotFound",
  "ec2:DescribeSecurityGroupRules": "InvalidSecurityGroupRuleId.NotFound",
  "ec2:RevokeSecurityGroupIngress": "InvalidSecurityGroupRuleId.NotFound",
  "elasticloadbalancing:DescribeLoadBalancers": "LoadBalancerNotFound",
  "elasticloadbalancing:DescribeListeners": "ListenerNotFound",
  "elasticloadbalancing:ModifyListener": "ListenerNotFound",
  "elasticloadbalancing:DescribeRules": "RuleNotFound",
  "elasticloadbalancing:ModifyRule": "RuleNotFound",
  "s3:GetObject": "NoSuchKey",
  "s3:HeadObject": "NoSuchKey",
};
const NOT_FOUND_BY_SERVICE: Readonly<Record<ServiceId, string>> = {
  ec2: "InvalidInstanceID.NotFound",
  elasticloadbalancing: "TargetGroupNotFound",
  sts: "NoSuchEntity",
  s3: "NoSuchBucket",
};

export function throttled(service: ServiceId): AwsError {
  const code = SERVICE_CODES[service].throttle;
  const message = service === "ec2" ? "Request limit exceeded." : "Rate exceeded";
  return new AwsError(code, message, STATUSES[code]);
}

/** No permission, in the service's own words. */
export function denied(service: ServiceId, action: string): AwsError {
  if (service === "ec2") {
    return new AwsError(
      "UnauthorizedOperation",
      `You are not authorized to perform this operation: ${action}`,
      403,
    );
  }
  return new AwsError("AccessDenied", `User is not authorized to perform: ${action}`, 403);
}

/** The error that a fault answers with. `statusOf` knows the codes that the service's schemas publish. */
export function faultError(
  fault: Fault,
  action: string,
  service: ServiceId,
  statusOf: (code: string) => number | undefined,
): AwsError {
  const code = fault.code ?? ownCode(fault, action, service);
  const status = STATUSES[code] ?? statusOf(code) ?? 400;
  return new AwsError(code, `The sandbox was asked to fail ${action} (${fault.mode}).`, status);
}

function ownCode(fault: Fault, action: string, service: ServiceId): string {
  if (fault.mode === "throttle") return SERVICE_CODES[service].throttle;
  if (fault.mode === "notfound") return NOT_FOUND[action] ?? NOT_FOUND_BY_SERVICE[service];
  return SERVICE_CODES[service].internal;
}
