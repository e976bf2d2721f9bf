import { z } from "zod";
import {
  duration,
  environmentVariables,
  expected,
  TEXT_KIND,
  template,
  text,
  wholeNumber,
  workflowFile,
} from "./scalars.ts";

export const RUNNERS = ["local", "ecs", "oci", "github-actions"] as const;
export type Runner = (typeof RUNNERS)[number];
export const BROWSERS = ["chrome", "firefox", "safari", "edge"] as const;
export type Browser = (typeof BROWSERS)[number];

const user = z.strictObject({
  name: text("the test user's name").describe("TEST_USER."),
  password: z
    .string(expected("the test user's password"))
    .describe("TEST_PASSWORD, taken from the environment."),
});

const image = z.strictObject({
  repository: template("an image's repository").describe("Where the image lies, without a tag."),
  tag: template("a tag").prefault("{sha}").describe("The tag; built unless it exists."),
  workflow: workflowFile().optional().describe("The workflow that builds it."),
});

export const tests = z.strictObject({
  runner: z.enum(RUNNERS).prefault("local").describe("Where the tests run."),
  directory: text("a directory")
    .prefault("./e2e")
    .describe("For `local`: the suite, where `npx playwright test` runs."),
  browsers: z
    .array(z.enum(BROWSERS), expected("a list of browsers"))
    .min(1, expected("at least one browser"))
    .prefault(["chrome"])
    .describe("Playwright projects, one run each."),
  parallel: wholeNumber(1, 16).prefault(4).describe("How many browsers at a time."),
  workers: wholeNumber(1, 64).prefault(3).describe("Playwright workers per browser."),
  retries: wholeNumber(0, 10).prefault(0).describe("How often Playwright tries a failed test again."),
  timeout: duration().prefault("90m").describe("How long one browser's run may take."),
  env: environmentVariables().describe("Variables for the suite, which sees none of the bot's own."),
  users: z
    .partialRecord(z.enum(BROWSERS), user)
    .prefault({})
    .describe("A test user for each browser: TEST_USER and TEST_PASSWORD."),
  results: z
    .string(expected("an S3 address such as s3://bucket/{slot}"))
    .regex(
      /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:\/\S*)?$/,
      expected("an S3 address such as s3://bucket/{slot}"),
    )
    .meta({ [TEXT_KIND]: "template" })
    .optional()
    .describe("Where reports go and where a re-run resumes from."),
  image: image.optional().describe("For `ecs` and `oci`: the image with the suite."),
});

export type TestsConfig = z.output<typeof tests>;
export type TestUser = z.output<typeof user>;
