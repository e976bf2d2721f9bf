import type { Problem } from "../schema/check.ts";
import type { ServiceId } from "../schema/service.ts";
import { AwsError } from "../wire/aws-error.ts";

/** EC2's codes for a request that does not fit its shape; the other services have one code for all. */
const EC2_CODES: Readonly<Record<Problem["kind"], string>> = {
  "unknown-member": "UnknownParameter",
  "missing-member": "MissingParameter",
  "wrong-type": "InvalidParameterValue",
  "wrong-enum-value": "InvalidParameterValue",
};

export function shapeError(problems: readonly Problem[], service: ServiceId): AwsError {
  const [first] = problems;
  const text = problems.map(({ path, detail }) => `${path}: ${detail}`).join("; ");
  const message = `${problems.length} validation error${problems.length === 1 ? "" : "s"} detected: ${text}`;
  if (service === "ec2") return new AwsError(EC2_CODES[first?.kind ?? "wrong-type"], message, 400);
  if (service === "s3") return new AwsError("InvalidRequest", message, 400);
  return new AwsError("ValidationError", message, 400);
}
