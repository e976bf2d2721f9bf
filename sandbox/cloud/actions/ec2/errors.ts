import { AwsError } from "../../wire/aws-error.ts";

/**
 * EC2's error codes as https://docs.aws.amazon.com/ec2/latest/devguide/errors-overview.html lists them. EC2
 * publishes none of them in its schemas; client errors are HTTP 400 (but UnauthorizedOperation 403 and
 * AuthFailure 401), server errors 500 or 503.
 */
export function dryRun(): AwsError {
  return new AwsError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412);
}

export function insufficientCapacity(type: string, zone: string): AwsError {
  return new AwsError(
    "InsufficientInstanceCapacity",
    `We currently do not have sufficient ${type} capacity in the Availability Zone you requested (${zone}). ` +
      "Our system will be working on provisioning additional capacity. You can currently get " +
      `${type} capacity by not specifying an Availability Zone in your request or choosing another.`,
    500,
  );
}

export function instancesNotFound(ids: readonly string[]): AwsError {
  const [verb, noun] = ids.length === 1 ? ["does", "ID"] : ["do", "IDs"];
  const listed = ids.map((id) => `'${id}'`).join(", ");
  return new AwsError("InvalidInstanceID.NotFound", `The instance ${noun} ${listed} ${verb} not exist`);
}

export function malformedInstance(id: string): AwsError {
  return new AwsError("InvalidInstanceID.Malformed", `Invalid id: "${id}"`);
}

export function missingParameter(name: string): AwsError {
  return new AwsError("MissingParameter", `The request must contain the parameter ${name}`);
}

export function invalidValue(name: string, value: string, why = "Invalid value"): AwsError {
  return new AwsError("InvalidParameterValue", `Value (${value}) for parameter ${name} is invalid. ${why}`);
}

export function notFound(code: string, kind: string, id: string): AwsError {
  return new AwsError(code, `The ${kind} '${id}' does not exist`);
}
