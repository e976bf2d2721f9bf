import type { ProgressFollower } from "../progress.ts";
import { ReportError } from "../report/error.ts";
import { parseReport } from "../report/parse.ts";
import type { RunFault, TestReport } from "../words.ts";

/** How the job that ran a browser's suite ended, as far as it matters here. */
export type Ending =
  | {
      readonly kind: "exited";
      readonly exitCode: number;
      readonly timedOut: boolean;
      readonly stopped: boolean;
      readonly diskFull: boolean;
      /** The last lines of the output. */
      readonly tail: readonly string[];
    }
  | { readonly kind: "lost"; readonly message: string };

export interface Evidence {
  readonly browser: string;
  readonly ending: Ending;
  /** The report file's text, undefined when there is none. */
  readonly report: string | undefined;
  readonly progress: ProgressFollower;
  readonly begunAt: number;
  readonly timeoutMs: number;
}

/** What a browser's run amounts to, from all that it left. Never a pass without a report and a clean exit. */
export function conclude(evidence: Evidence): TestReport {
  const { browser, ending, progress, begunAt } = evidence;
  let report: TestReport;
  try {
    report = parseReport(evidence.report, { browser, notBefore: begunAt });
  } catch (error) {
    if (!(error instanceof ReportError)) throw error;
    const [first, ...rest] = [...endingFaults(evidence), unreadable(evidence, error)];
    return progress.report([first as RunFault, ...rest], begunAt);
  }
  const known = new Set(report.errors.map((item) => item.code));
  const faults = endingFaults(evidence).filter((fault) => !known.has(fault.code));
  const explained = report.counts.failed > 0 || report.counts.notRun > 0 || report.errors.length > 0;
  if (faults.length === 0 && ending.kind === "exited" && ending.exitCode !== 0 && !explained) {
    faults.push({
      code: "tests_exit_code",
      message: `No test failed, and Playwright ended with exit code ${ending.exitCode}.${lastLines(ending.tail)}`,
      tail: tailOf(ending),
    });
  }
  return { ...report, errors: [...faults, ...report.errors] };
}

function endingFaults({ ending, timeoutMs }: Evidence): RunFault[] {
  if (ending.kind === "lost") return [{ code: "tests_lost", message: ending.message }];
  if (ending.timedOut) {
    return [
      {
        code: "tests_timed_out",
        message: `The tests took longer than ${timeoutMs / 1000} s and were ended.`,
        remedy: "Raise tests.timeout, or see in the output which test hangs.",
      },
    ];
  }
  if (ending.stopped) return [{ code: "tests_interrupted", message: "The tests were stopped." }];
  return [];
}

/** A run that never got as far as its tests is told by Playwright's own words: a wrong configuration mostly. */
function unreadable({ ending, progress }: Evidence, error: ReportError): RunFault {
  if (ending.kind !== "exited" || progress.begun || error.code !== "report_missing") {
    const full = ending.kind === "exited" && ending.diskFull ? " The disk is full." : "";
    const fault = error.asFault();
    return { ...fault, message: `${fault.message}${full}`, tail: tailOf(ending) };
  }
  return {
    code: "tests_not_started",
    message: `Playwright ended with exit code ${ending.exitCode} before any test.${lastLines(ending.tail)}`,
    remedy: "Run `npx playwright test` in tests.directory with the same environment, and see what it says.",
    tail: tailOf(ending),
  };
}

function lastLines(tail: readonly string[]): string {
  const lines = worthTelling(tail);
  return lines.length === 0 ? "" : `\n${lines.join("\n")}`;
}

function tailOf(ending: Ending): readonly string[] {
  return ending.kind === "exited" ? worthTelling(ending.tail) : [];
}

/** Stack frames in libraries say nothing of the suite, and there are many of them. */
const FOREIGN_FRAME = /^\s*at .*(?:\/node_modules\/|node:)/;

function worthTelling(tail: readonly string[]): string[] {
  return tail.filter((line) => line.trim() !== "" && !FOREIGN_FRAME.test(line)).slice(-8);
}
