import { z } from "zod";
import { DURATION_PATTERN, parseDuration } from "../duration.ts";

/**
 * The small values of the configuration. Each says in its message what is expected, as words that follow
 * "expected": the formatter adds what was found, or that nothing was.
 */
export function expected(phrase: string): { error: string } {
  return { error: `expected ${phrase}` };
}

/** What a scalar is to the template filler; carried into the JSON Schema under this name. */
export const TEXT_KIND = "x-slipway-text";

function matching(pattern: RegExp, phrase: string) {
  return z.string(expected(phrase)).regex(pattern, expected(phrase));
}

/** Some words of a person: never filled with `{fields}`. */
export const text = (phrase: string, longest = 1000) =>
  z
    .string(expected(phrase))
    .regex(/\S/, expected(phrase))
    .max(longest, expected(`${phrase}, at most ${longest} characters`));

/** Text in which `{sha}`-style fields are filled when it is used. */
export const template = (phrase: string) =>
  z
    .string(expected(phrase))
    .regex(/\S/, expected(phrase))
    .meta({ [TEXT_KIND]: "template" });

/** Text that a shell reads: never filled with anything. */
export const shellText = (phrase = "a shell command") =>
  z
    .string(expected(phrase))
    .regex(/\S/, expected(phrase))
    .meta({ [TEXT_KIND]: "shell" });

const DURATION_PHRASE = "a duration such as 90s, 15m or 4h";
const LONGEST_DURATION_MS = 366 * 24 * 3_600_000;

/** A positive length of time; milliseconds after parsing. */
export const duration = () =>
  matching(DURATION_PATTERN, DURATION_PHRASE).transform((written, context) => {
    const milliseconds = parseDuration(written);
    if (milliseconds !== undefined && milliseconds > 0 && milliseconds <= LONGEST_DURATION_MS)
      return milliseconds;
    context.addIssue({ code: "custom", message: "expected a duration above zero and below a year" });
    return z.NEVER;
  });

export const wholeNumber = (least: number, most: number, what = "a whole number") => {
  const phrase = `${what} from ${least} to ${most}`;
  return z.int(expected(phrase)).min(least, expected(phrase)).max(most, expected(phrase));
};

export const port = () => wholeNumber(1, 65_535, "a port number");
export const flag = () => z.boolean(expected("true or false"));

/** A size of a volume in GiB. */
export const gibibytes = () => wholeNumber(1, 65_536, "a size in GiB,");

export const name = (what: string) =>
  matching(
    /^[a-z][a-z0-9-]{0,30}$/,
    `${what} of at most 31 lower-case letters, digits and hyphens, a letter first`,
  );

export const region = () => matching(/^[a-z]{2}(-[a-z]+)+-\d$/, "an AWS region such as us-east-1");
export const instanceType = () =>
  matching(/^[a-z][a-z0-9-]*\.[a-z0-9-]+$/, "an instance type such as t3.2xlarge");
export const ami = () => matching(/^ami-[0-9a-f]{8,17}$/, "an AMI id such as ami-02dff3992891505ba");
export const subnet = () =>
  matching(/^subnet-[0-9a-f]{8,17}$/, "a subnet id such as subnet-022ff062fe90b23b1");
export const securityGroup = () =>
  matching(/^sg-[0-9a-f]{8,17}$/, "a security group id such as sg-0d56a7433d4b2a364");

const ELB = "arn:aws(?:-[a-z]+)*:elasticloadbalancing:[a-z0-9-]+:\\d{12}";
export const targetGroupArn = () =>
  matching(
    new RegExp(`^${ELB}:targetgroup/[^/\\s]+/[0-9a-f]+$`),
    "a target group's ARN, arn:aws:elasticloadbalancing:REGION:ACCOUNT:targetgroup/NAME/ID",
  );
export const listenerRuleArn = () =>
  matching(
    new RegExp(`^${ELB}:listener-rule/(?:app|net)/[^/\\s]+/[0-9a-f]+/[0-9a-f]+/[0-9a-f]+$`),
    "a listener rule's ARN, arn:aws:elasticloadbalancing:REGION:ACCOUNT:listener-rule/app/NAME/ID/ID/ID",
  );

/** GitHub's own rules for owner and repository names. */
export const repository = () =>
  matching(/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})\/[A-Za-z0-9._-]{1,100}$/, "a repository as owner/name");

export const workflowFile = () => matching(/^[\w.-]+\.ya?ml$/, "a workflow's file name such as build.yml");

export const host = () =>
  matching(/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/, "a host name or address such as amy.example.org");

export const url = () =>
  z
    .string(expected("an address such as https://stg1.example.org"))
    .refine(isWebAddress, expected("an address such as https://stg1.example.org"));

/** A web address whose `{fields}` are filled when it is used. */
export const urlTemplate = () =>
  template("an address such as https://api.example.org/health").refine(
    (written) => isWebAddress(written.replace(/\{\w+\}/g, "x")),
    expected("an address such as https://api.example.org/health"),
  );

function isWebAddress(written: string): boolean {
  const parsed = URL.canParse(written) ? new URL(written) : undefined;
  return parsed !== undefined && /^https?:$/.test(parsed.protocol) && parsed.username === "";
}

export const NETWORK_PATTERN = /^(?:\d{1,3}\.){3}\d{1,3}\/\d{1,2}$/;

/** A public key as ssh-keyscan and authorized_keys write it, without the host's name. */
export const HOST_KEY_PATTERN =
  /^(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)) [A-Za-z0-9+/]{40,}={0,3}(?: .*)?$/;

/** A private key for SSH: its text, in one line with `\n` for its line ends, or in base64. */
export const privateKey = () =>
  text("a private key, best taken from the environment", 100_000).transform(keyLines);

/** The same key with real line ends and a last one, without which OpenSSH refuses the file. */
export function keyLines(written: string): string {
  const text = keyText(written);
  const lines = text.includes("\n") ? text : text.replaceAll("\\n", "\n");
  return lines.includes("\n") && !lines.endsWith("\n") ? `${lines}\n` : lines;
}

/** Some hosts keep a key as one line of base64, since not every reader of environment files knows quotes. */
function keyText(written: string): string {
  if (written.includes("-----BEGIN") || !/^[A-Za-z0-9+/=\s]+$/.test(written)) return written;
  const text = Buffer.from(written, "base64").toString("utf8");
  return text.includes("-----BEGIN") ? text : written;
}

export const ENV_NAME_PATTERN = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Variables for a program; numbers and truth values are written as text. */
export const environmentVariables = () =>
  z
    .record(
      matching(ENV_NAME_PATTERN, "a variable's name of letters, digits and underscores").refine(
        (key) => !key.startsWith("SLIPWAY_"),
        expected("a name of your own: those beginning with SLIPWAY_ are set by Slipway"),
      ),
      z
        .union([z.string(), z.number(), z.boolean()], expected("text"))
        .meta({ [TEXT_KIND]: "template" })
        .transform(String),
      expected("a map of variables such as { NAME: value }"),
    )
    .prefault({});
