import type {
  AssumeRoleRequest,
  AssumeRoleResponse,
  AssumeRoleWithWebIdentityRequest,
  AssumeRoleWithWebIdentityResponse,
  GetCallerIdentityRequest,
  GetCallerIdentityResponse,
} from "@aws-sdk/client-sts";
import type { Credential } from "../state/credentials.ts";
import { AwsError } from "../wire/aws-error.ts";
import type { Action, ActionTable, CallContext } from "./action.ts";

const DEFAULT_SECONDS = 3600;
const FEWEST_SECONDS = 900;
const MOST_SECONDS = 43_200;

const getCallerIdentity: Action<GetCallerIdentityRequest, GetCallerIdentityResponse> = (
  _input,
  { region, caller },
) => ({ Account: region.accountId, Arn: caller.arn, UserId: caller.userId });

const assumeRole: Action<AssumeRoleRequest, AssumeRoleResponse> = (input, context) => {
  const issued = issue(input.RoleArn, input.RoleSessionName, input.DurationSeconds, context);
  return { Credentials: credentialsOf(issued), AssumedRoleUser: roleUser(issued) };
};

/** Any token that looks like a JSON web token is believed: the sandbox has no identity provider to ask. */
const assumeRoleWithWebIdentity: Action<
  AssumeRoleWithWebIdentityRequest,
  AssumeRoleWithWebIdentityResponse
> = (input, context) => {
  if (!/^[\w-]+\.[\w-]+\.[\w-]*$/.test(input.WebIdentityToken ?? "")) {
    throw new AwsError("InvalidIdentityToken", "The web identity token is not a JSON web token");
  }
  const issued = issue(input.RoleArn, input.RoleSessionName, input.DurationSeconds, context);
  return { Credentials: credentialsOf(issued), AssumedRoleUser: roleUser(issued) };
};

function issue(
  roleArn: string | undefined,
  sessionName: string | undefined,
  seconds: number | undefined,
  { cloud, region, now }: CallContext,
): Credential {
  const duration = seconds ?? DEFAULT_SECONDS;
  if (duration < FEWEST_SECONDS || duration > MOST_SECONDS) {
    throw new AwsError(
      "ValidationError",
      `The requested DurationSeconds must be between ${FEWEST_SECONDS} and ${MOST_SECONDS}`,
    );
  }
  if (!new RegExp(`^arn:aws:iam::${region.accountId}:role/[\\w+=,.@/-]+$`).test(roleArn ?? "")) {
    throw new AwsError(
      "AccessDenied",
      `The caller is not authorized to perform: sts:AssumeRole on resource: ${roleArn ?? ""}`,
      403,
    );
  }
  return cloud.credentials.issue(roleArn ?? "", sessionName ?? "", now + duration * 1000);
}

function credentialsOf(issued: Credential) {
  return {
    AccessKeyId: issued.accessKeyId,
    SecretAccessKey: issued.secret,
    SessionToken: issued.sessionToken ?? "",
    Expiration: new Date(issued.expires ?? 0),
  };
}

function roleUser(issued: Credential): { AssumedRoleId: string; Arn: string } {
  return { AssumedRoleId: issued.userId, Arn: issued.arn };
}

export const STS_ACTIONS = {
  AssumeRole: assumeRole,
  AssumeRoleWithWebIdentity: assumeRoleWithWebIdentity,
  GetCallerIdentity: getCallerIdentity,
} satisfies ActionTable;
