import { z } from "zod";
import { duration, expected, template, text, urlTemplate, wholeNumber } from "./scalars.ts";

/** The keys of which a check has exactly one. */
export const VERIFY_KINDS = ["http", "logs", "queue"] as const;

const pattern = text("a regular expression with one group").refine(
  isPattern,
  expected("a regular expression with one group"),
);

function isPattern(written: string): boolean {
  try {
    return new RegExp(`${written}|`).exec("")?.length === 2;
  } catch {
    return false;
  }
}

const equals = template("the expected version such as {short_sha}").describe("What the version must be.");
const version = z.union([
  z.strictObject({
    json: text("a path in the answer such as version").describe("A path in the JSON answer."),
    equals,
  }),
  z.strictObject({ text: pattern.describe("A regular expression whose group is the version."), equals }),
]);

const httpCheck = z
  .strictObject({
    http: urlTemplate().describe("An address that must answer."),
    status: wholeNumber(100, 599, "an HTTP status").prefault(200).describe("With this status."),
    version: version.optional().describe("And this version."),
    times: wholeNumber(1, 100).prefault(1).describe("So many times in a row."),
    within: duration().prefault("2m").describe("At the latest after this time."),
  })
  .transform((check) => ({ kind: "http" as const, ...check }));

const logsCheck = z
  .strictObject({
    logs: z
      .strictObject({
        group: template("a log group").describe("The CloudWatch log group."),
        pattern: text("a filter pattern").describe("What is counted."),
        atMost: wholeNumber(0, 1_000_000).prefault(0).describe("How many are still well."),
        over: duration().describe("The time that is watched."),
      })
      .describe("Lines in a log group."),
  })
  .transform((check) => ({ kind: "logs" as const, ...check }));

const queueCheck = z
  .strictObject({
    queue: z
      .strictObject({
        url: urlTemplate().describe("The SQS queue's address."),
        atMost: wholeNumber(0, 1_000_000).prefault(0).describe("How many messages are still well."),
      })
      .describe("Messages in a queue."),
  })
  .transform((check) => ({ kind: "queue" as const, ...check }));

export const httpVerification = httpCheck;
export const verification = z.union([httpCheck, logsCheck, queueCheck]);

export type HttpVerification = z.output<typeof httpCheck>;
/** A proof that a deployment works, told apart by `kind`. */
export type Verification = z.output<typeof verification>;
