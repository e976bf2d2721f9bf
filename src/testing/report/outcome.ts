import type { TestOutcome } from "../words.ts";
import type { ErrorJson, ResultJson, TestJson } from "./schema.ts";
import { plainText } from "./text.ts";
import { reasonUnavailable } from "./unavailable.ts";

/**
 * How a test ended. Playwright counts a test that was interrupted, or never begun because an earlier one of its
 * group failed, among the skipped; here it is `notRun`, since nobody decided to skip it.
 */
export function outcomeOf(test: TestJson): TestOutcome {
  const last = test.results.at(-1);
  if (last === undefined || last.status === undefined || last.status === "interrupted") return "notRun";
  switch (test.status) {
    case "expected":
      return "passed";
    case "unexpected":
      return "failed";
    case "flaky":
      return "flaky";
    case "skipped":
      return test.expectedStatus === "skipped" ? "skipped" : "notRun";
  }
}

/** What Playwright's own field `status` must say, so that a report edited by hand or by a disk is noticed. */
export function statusAgrees(test: TestJson): boolean {
  const ran = test.results.filter((result) => result.status !== "skipped" && result.status !== "interrupted");
  const asExpected = ran.filter((result) => result.status === test.expectedStatus).length;
  if (test.status === "expected") return asExpected === ran.length && ran.length > 0;
  if (test.status === "flaky") return asExpected > 0 && asExpected < ran.length;
  return true;
}

/** The first error of an attempt. `error` holds the bare message; those in `errors` repeat the snippet in theirs. */
export function errorOf(result: ResultJson): ErrorJson | undefined {
  return [result.error, ...result.errors].find((error) => error !== undefined && textOf(error) !== "");
}

export function textOf(error: ErrorJson): string {
  return plainText(error.message ?? error.value ?? error.stack ?? "", Number.MAX_SAFE_INTEGER);
}

/** Why the browser could not be started, when that is what failed every attempt of this test. */
export function unavailableReason(test: TestJson): string | undefined {
  let reason: string | undefined;
  for (const result of test.results) {
    const found = result.errors.concat(result.error ?? []).map((error) => reasonUnavailable(textOf(error)));
    reason = found.find((item) => item !== undefined);
    if (reason === undefined) return undefined;
  }
  return reason;
}
