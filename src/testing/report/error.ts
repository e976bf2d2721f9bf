import { SlipwayError } from "../../util/errors.ts";
import type { ReportFaultCode, RunFault } from "../words.ts";

const remedies: Record<ReportFaultCode, string> = {
  report_missing: "Look at the run's log: Playwright ended before it wrote its report.",
  report_truncated: "Run the tests again; the disk may be full, or Playwright was killed while it wrote.",
  report_foreign:
    "Let the suite's directory hold a Playwright suite, and leave the JSON reporter's output to us.",
  report_stale: "Run the tests again; the report found is an older run's.",
  report_inconsistent: "Run the tests again; the report contradicts itself, so none of it is believed.",
  report_empty: "Look whether the suite has tests for this browser, and whether a filter excludes them all.",
};

/** A report that cannot be believed; never a pass. */
export class ReportError extends SlipwayError {
  declare readonly code: ReportFaultCode;

  constructor(code: ReportFaultCode, message: string, fields: Readonly<Record<string, unknown>> = {}) {
    super(code, message, { remedy: remedies[code], fields });
  }

  /** The same as a value, for a browser's report. */
  asFault(): RunFault {
    return { code: this.code, message: this.message, remedy: remedies[this.code] };
  }
}
