import type { TestName, TestReport } from "../words.ts";

/** What to run again of one browser: these tests, or everything where it is not known what there is. */
export type Selection = readonly TestName[] | "all";

/**
 * Reads out of earlier reports what `--failed` runs again, per browser: tests that failed or were not run. A
 * browser without a usable report runs all; one where nothing failed, or that is not installed, runs nothing.
 */
export function rerunOf(reports: readonly TestReport[]): Map<string, Selection> {
  const selections = new Map<string, Selection>();
  for (const report of reports) {
    selections.delete(report.browser);
    const known = Object.values(report.counts).some((count) => count > 0);
    const tests = [...report.failures, ...report.notRun];
    if (!known) selections.set(report.browser, "all");
    else if (tests.length > 0 && report.unavailable === undefined) selections.set(report.browser, tests);
  }
  return selections;
}

/** The kernel takes no argument longer than 128 KiB. */
const LONGEST_PATTERN = 100 * 1024;

/**
 * Playwright's arguments that select exactly these tests, the same for every version from 1.40 on. Of the ways
 * there are, `--test-list` and `--last-failed-file` came years later, `--last-failed` (1.44) quietly runs
 * everything when its file cannot be read, and `file:line` alone takes in all tests of a loop. So the titles are
 * matched whole, by an escaped pattern with the file in front, which is how Playwright itself joins them
 * (project, file, titles, tags). Only files that matter are loaded.
 */
export function selectionArguments(selection: Selection): string[] {
  if (selection === "all") return [];
  const files = [...new Set(selection.map((test) => test.file))];
  const inFiles = files.map((file) => `(?:^|[\\\\/])${escapePath(file)}$`);
  const titles = selection.map((test) => literal([test.file, ...test.titles].join(" ")));
  const pattern = `^(?:.*[\\s/])?(?:${titles.join("|")})(?: @\\S+)*$`;
  if (Buffer.byteLength(pattern) <= LONGEST_PATTERN) return ["--grep", pattern, ...inFiles];
  // Too many to name: their places, which is at most a few tests more.
  return [...new Set(selection.map((test) => `${escapePath(test.file)}:${test.line}`))];
}

/** As RegExp.escape, but readable in a log and the same for every engine. */
const literal = (text: string): string =>
  text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&").replaceAll("\n", "\\n");

/** Paths are matched whole and with the system's own separators. */
const escapePath = (file: string): string => file.split("/").map(literal).join("[\\\\/]");
