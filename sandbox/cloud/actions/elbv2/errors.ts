import type { Region } from "../../state/region.ts";
import type { TargetGroup } from "../../state/target-group.ts";
import { AwsError } from "../../wire/aws-error.ts";

/**
 * ELBv2 publishes its errors and their HTTP statuses in the SDK's schemas; only `ValidationError` is not
 * among them.
 */
export function validationError(message: string): AwsError {
  return new AwsError("ValidationError", message);
}

export function groupOf(region: Region, arn: string | undefined): TargetGroup {
  const group = region.targetGroup(checkedArn(arn, "targetgroup", "target group"));
  if (!group) throw new AwsError("TargetGroupNotFound", "One or more target groups not found");
  return group;
}

/** Refuses what is no ARN of this kind before looking it up, as ELBv2 does. */
export function checkedArn(arn: string | undefined, kind: string, name: string): string {
  if (
    arn?.match(/^arn:aws:elasticloadbalancing:[^:]+:\d{12}:/)?.[0] &&
    arn.split(":")[5]?.startsWith(`${kind}/`)
  )
    return arn;
  throw validationError(`'${arn ?? ""}' is not a valid ${name} ARN`);
}
