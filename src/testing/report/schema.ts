/**
 * Playwright's JSON report, as far as it is used here. Fields that we do not know are passed over, so that a newer
 * Playwright may add some; those that decide a verdict must be there with the right type.
 * Source of the shape: `JSONReport` in Playwright's `types/testReporter.d.ts`, the same from 1.40 on.
 */
import { z } from "zod";

export const resultStatuses = ["passed", "failed", "timedOut", "skipped", "interrupted"] as const;

const location = z.object({ file: z.string(), line: z.number(), column: z.number() });

const error = z.object({
  message: z.string().optional(),
  stack: z.string().optional(),
  value: z.string().optional(),
  snippet: z.string().optional(),
  location: location.optional(),
});

const attachment = z.object({
  name: z.string(),
  contentType: z.string().optional(),
  path: z.string().optional(),
  body: z.string().optional(),
});

const result = z.object({
  // A test that was collected and never begun has a result without a status in some versions.
  status: z.enum(resultStatuses).optional(),
  duration: z.number(),
  retry: z.number(),
  error: error.optional(),
  errors: z.array(error).default([]),
  attachments: z.array(attachment).default([]),
});

const test = z.object({
  projectName: z.string(),
  expectedStatus: z.enum(resultStatuses),
  status: z.enum(["expected", "unexpected", "flaky", "skipped"]),
  results: z.array(result),
});

const spec = z.object({
  id: z.string(),
  title: z.string(),
  file: z.string(),
  line: z.number(),
  column: z.number(),
  tests: z.array(test),
});

const suiteFields = z.object({ title: z.string(), file: z.string(), specs: z.array(spec) });

export interface SuiteJson extends z.output<typeof suiteFields> {
  readonly suites?: SuiteJson[] | undefined;
}

const suite: z.ZodType<SuiteJson> = suiteFields.extend({
  get suites() {
    return z.array(suite).optional();
  },
});

export const playwrightReport = z.object({
  config: z.object({
    rootDir: z.string(),
    version: z.string().optional(),
    projects: z.array(z.object({ name: z.string() })),
  }),
  suites: z.array(suite),
  errors: z.array(error),
  stats: z.object({
    startTime: z.iso.datetime({ offset: true }),
    duration: z.number(),
    expected: z.number(),
    unexpected: z.number(),
    flaky: z.number(),
    skipped: z.number(),
  }),
});

export type ReportJson = z.output<typeof playwrightReport>;
export type SpecJson = z.output<typeof spec>;
export type TestJson = z.output<typeof test>;
export type ResultJson = z.output<typeof result>;
export type ErrorJson = z.output<typeof error>;
