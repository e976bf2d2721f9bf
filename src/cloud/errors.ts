import { type FaultOptions, SlipwayError } from "../util/errors.ts";
import { type Elsewhere, elsewhereOf, meaningOf } from "./error-codes.ts";
import { remedyFor } from "./remedies.ts";
import { readSdkError, type SeenError } from "./sdk-error.ts";

/**
 * Every way in which a call of AWS can fail, in our words: `capacity` AWS has no room or the account's quota
 * is used up · `throttled` too many calls · `not_found` the thing that the request names is not there ·
 * `denied` permission or credentials are missing · `invalid` AWS rejects the request as it is · `mismatch`
 * the client token was used before with other parameters · `duplicate` such an ingress rule is there already
 * · `timeout` no answer in time · `network` no connection, or it broke · `server` an error of AWS's own ·
 * `garbage` an answer that cannot be read.
 */
export const AWS_FAULT_KINDS = [
  "capacity",
  "throttled",
  "not_found",
  "denied",
  "invalid",
  "mismatch",
  "duplicate",
  "timeout",
  "network",
  "server",
  "garbage",
] as const;
export type AwsFaultKind = (typeof AWS_FAULT_KINDS)[number];

const CODES: Readonly<Record<AwsFaultKind, string>> = {
  capacity: "aws_no_capacity",
  throttled: "aws_throttled",
  not_found: "aws_not_found",
  denied: "aws_denied",
  invalid: "aws_invalid_request",
  mismatch: "aws_token_mismatch",
  duplicate: "aws_duplicate",
  timeout: "aws_timeout",
  network: "aws_unreachable",
  server: "aws_server_error",
  garbage: "aws_unreadable_answer",
};

/** Which call it was: `action` as IAM writes it, e.g. `ec2:RunInstances`. */
export interface CallFacts {
  readonly action: string;
  readonly region: string;
}

interface AwsFaultFacts extends CallFacts {
  readonly kind: AwsFaultKind;
  readonly definite: boolean;
  readonly awsCode: string | undefined;
  readonly httpStatus: number | undefined;
  readonly requestId: string | undefined;
  readonly attempts: number;
}

/** A failed call of AWS. */
export class AwsFault extends SlipwayError {
  readonly kind: AwsFaultKind;
  /**
   * True: this call surely had no effect. False: it may have had one, and the caller must repeat the
   * identical request or look before it concludes anything.
   */
  readonly definite: boolean;
  /** AWS's own code, e.g. `InsufficientInstanceCapacity`; undefined where no answer of AWS was read. */
  readonly awsCode: string | undefined;
  readonly httpStatus: number | undefined;
  readonly action: string;
  readonly region: string;
  /** For `capacity`: where else the launch may be tried. */
  readonly elsewhere: Elsewhere | undefined;

  constructor(message: string, facts: AwsFaultFacts, options: Pick<FaultOptions, "cause" | "remedy"> = {}) {
    const elsewhere = facts.kind === "capacity" ? elsewhereOf(facts.awsCode ?? "") : undefined;
    super(CODES[facts.kind], message, { ...options, fields: withoutUndefined({ ...facts, elsewhere }) });
    this.kind = facts.kind;
    this.definite = facts.definite;
    this.awsCode = facts.awsCode;
    this.httpStatus = facts.httpStatus;
    this.action = facts.action;
    this.region = facts.region;
    this.elsewhere = elsewhere;
  }
}

/** True for faults that time may heal: the same call may be made again. */
export function isPassing(fault: AwsFault): boolean {
  return ["throttled", "timeout", "network", "server", "garbage"].includes(fault.kind);
}

/** An answer that arrived but cannot be understood. The call may well have had its effect. */
export function unreadableAnswer(call: CallFacts, what: string, cause?: unknown): AwsFault {
  const message = `AWS's answer to ${call.action} in ${call.region} cannot be read: ${what}`;
  const facts = { ...call, kind: "garbage", definite: false, attempts: 1 } as const;
  return new AwsFault(
    message,
    { ...facts, awsCode: undefined, httpStatus: undefined, requestId: undefined },
    {
      cause,
      remedy:
        "Look whether a proxy stands between the bot and AWS; the call is repeated where that is harmless.",
    },
  );
}

/** Our own deadline passed before an answer came. */
export function callTimedOut(call: CallFacts, ms: number, cause?: unknown): AwsFault {
  const seconds = Math.round(ms / 100) / 10;
  const message = `${call.action} in ${call.region} had no answer within ${seconds} s; its effect is unknown`;
  const facts = { ...call, kind: "timeout", definite: false, attempts: 1 } as const;
  return new AwsFault(
    message,
    { ...facts, awsCode: undefined, httpStatus: undefined, requestId: undefined },
    {
      cause,
      remedy: "Nothing to do: the call is repeated or its effect looked up.",
    },
  );
}

/**
 * What a failed call means.
 *
 * `definite` is judged for a single attempt. When the SDK tried several times an earlier attempt may have had
 * its effect although the last one was refused, so then it is always false.
 */
export function classify(error: unknown, call: CallFacts): AwsFault {
  if (error instanceof AwsFault) return error;
  const seen = readSdkError(error);
  const verdict = judge(seen);
  const definite = verdict.definite && seen.attempts <= 1;
  const effect = definite || verdict.kind === "not_found" ? "" : "; its effect is unknown";
  const message = `${call.action} in ${call.region} ${effect === "" ? verdict.words : verdict.words.replace(/\.$/, "")}${effect}`;
  return new AwsFault(
    message,
    {
      ...call,
      kind: verdict.kind,
      definite,
      awsCode: seen.fromAws ? seen.name : undefined,
      httpStatus: seen.status,
      requestId: seen.requestId,
      attempts: seen.attempts,
    },
    { cause: error, remedy: remedyFor(verdict.kind, seen, call) },
  );
}

interface Verdict {
  readonly kind: AwsFaultKind;
  readonly definite: boolean;
  readonly words: string;
}

/** No connection was ever made with these, so nothing can have happened. */
const NEVER_CONNECTED = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"]);
const BROKEN = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED", "ERR_STREAM_PREMATURE_CLOSE"]);

function judge(seen: SeenError): Verdict {
  const because = `${seen.name}: ${shorten(seen.message)}`;
  if (seen.name === "CredentialsProviderError" || seen.name === "TokenProviderError") {
    return {
      kind: "denied",
      definite: true,
      words: `was not sent: no AWS credentials (${shorten(seen.message)})`,
    };
  }
  if (seen.fromAws) {
    const meaning = meaningOf(seen.name);
    if (meaning === "capacity") return { kind: meaning, definite: true, words: `found no room: ${because}` };
    if (meaning !== undefined) return { kind: meaning, definite: true, words: `was refused: ${because}` };
    if (seen.status === 429) return { kind: "throttled", definite: true, words: `was refused: ${because}` };
    if (seen.status !== undefined && seen.status >= 400 && seen.status < 500) {
      return { kind: "invalid", definite: true, words: `was refused: ${because}` };
    }
    return { kind: "server", definite: false, words: `failed inside AWS: ${because}` };
  }
  const nodeCode = seen.nodeCode ?? "";
  // Before the names: the SDK calls a reset connection a TimeoutError too.
  const broken = BROKEN.has(nodeCode);
  if (!broken && isTimeout(seen)) return timeoutVerdict(seen);
  if (
    NEVER_CONNECTED.has(nodeCode) ||
    /^(ERR_TLS_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED)/.test(nodeCode)
  ) {
    return { kind: "network", definite: true, words: `could not reach AWS (${nodeCode}: ${seen.message})` };
  }
  if (broken || /socket hang up|aborted/i.test(seen.message)) {
    return { kind: "network", definite: false, words: `lost its connection (${nodeCode || seen.message})` };
  }
  if (seen.status !== undefined && seen.status >= 500) {
    return {
      kind: "server",
      definite: false,
      words: `failed with HTTP ${seen.status}, without a readable reason`,
    };
  }
  if (seen.unreadable) {
    return {
      kind: "garbage",
      definite: false,
      words: `got an answer that cannot be read (${shorten(seen.message)})`,
    };
  }
  return { kind: "network", definite: false, words: `failed (${because})` };
}

function isTimeout(seen: SeenError): boolean {
  return seen.name === "TimeoutError" || seen.nodeCode === "ETIMEDOUT" || seen.nodeCode === "ESOCKETTIMEDOUT";
}

function timeoutVerdict(seen: SeenError): Verdict {
  const neverConnected = /did not establish a connection/.test(seen.message);
  if (neverConnected) return { kind: "timeout", definite: true, words: "could not connect to AWS in time" };
  return { kind: "timeout", definite: false, words: "had no answer in time" };
}

function shorten(text: string): string {
  const plain = text.replace(/Encoded authorization failure message: .*/s, "").trim();
  return plain.length > 400 ? `${plain.slice(0, 400)} …` : plain;
}

function withoutUndefined(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}
