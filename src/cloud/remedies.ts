import { type Elsewhere, elsewhereOf, isClockCode, isCredentialCode } from "./error-codes.ts";
import type { AwsFaultKind, CallFacts } from "./errors.ts";
import type { SeenError } from "./sdk-error.ts";

/** What a person can do about a fault, as a sentence. */
export function remedyFor(kind: AwsFaultKind, seen: SeenError, call: CallFacts): string {
  switch (kind) {
    case "denied":
      return deniedRemedy(seen, call);
    case "capacity":
      return capacityRemedy(elsewhereOf(seen.name));
    case "throttled":
      return "Wait: other programs in this account use up the same allowance. The bot slows down by itself.";
    case "not_found":
      return "Check the id and the region in the configuration (`npx slipway doctor`).";
    case "invalid":
      return "Correct in the configuration what AWS names, then start again (`npx slipway doctor` checks).";
    case "mismatch":
      return "Look for an instance with this client token before launching again under a new generation.";
    case "duplicate":
      return "Somebody else opened the same port for the same address: the rule is used and left alone.";
    case "network":
    case "timeout":
      return "Check the bot's connection to AWS (proxy, DNS, endpoint settings).";
    case "server":
    case "garbage":
      return "See health.aws.amazon.com; the call is repeated where that is harmless.";
  }
}

function capacityRemedy(elsewhere: Elsewhere): string {
  if (elsewhere === "zone")
    return "Add instance types or subnets in other zones to the slot, or try again later.";
  if (elsewhere === "type")
    return "Raise the quota of the account (Service Quotas), or add a type of another family.";
  return "Raise the quota of the account (Service Quotas), or delete what is no longer used.";
}

function deniedRemedy(seen: SeenError, call: CallFacts): string {
  if (isCredentialCode(seen.name)) {
    return "Renew the bot's AWS credentials (profile, role or AWS_* variables), then start again.";
  }
  if (isClockCode(seen.name))
    return "Set the bot's clock right (NTP): AWS refuses signatures of another time.";
  if (seen.name === "OptInRequired" || seen.name === "PendingVerification" || seen.name === "Blocked") {
    return "The AWS account itself is not ready for this service or region: see its console.";
  }
  const named = /not authorized to perform:? ([a-z0-9-]+:[A-Za-z*]+)/.exec(seen.message)?.[1];
  const encoded = /Encoded authorization failure message/i.test(seen.message)
    ? " The reason in full: `aws sts decode-authorization-message` with the text in the log."
    : "";
  const action = named ?? call.action;
  return `Allow ${action} for the bot's role (\`npx slipway iam-policy\` prints the policy).${encoded}`;
}
