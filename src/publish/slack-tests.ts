import { basename } from "node:path";
import type { RunView, TestCounts } from "../engine/types.ts";
import { cutText, oneLine } from "../util/format.ts";
import type { JsonValue } from "../util/json.ts";
import { codeBlock, codeWithin, escapedWithin } from "../util/mrkdwn.ts";
import type { Picture, Reply } from "./story.ts";

/** Of a reply before its markup is escaped: Slack's clients fold what is longer. */
const LONGEST_REPLY = 3_300;
/** Of one browser; what follows is on the run's page. */
const MOST_REPLIES = 3;
const LONGEST_ERROR = 600;
const LONGEST_NAME = 200;
const LONGEST_BROWSER = 40;
const MOST_BROWSERS = 20;
const MOST_PICTURES = 8;

interface Failure {
  readonly browser: string;
  readonly title: string;
  readonly place: string;
  readonly message: string;
  readonly screenshot: string | null;
}

interface Browser {
  readonly browser: string;
  readonly counts: TestCounts;
  readonly unavailable: string | null;
}

export function countsText(counts: TestCounts): string {
  return `Tests: ${numbers(counts)}`;
}

const MOST_NAMED = 5;

/** The first failing tests by name, and how many more there are: all lines together at most so long. Pure. */
export function failingTests({ facts, tests }: RunView, longest: number): string[] {
  const failures = failuresOf(facts.failures);
  const first = failures.slice(0, MOST_NAMED);
  const left = Math.max(tests?.failed ?? 0, failures.length) - first.length;
  const more = left > 0 ? [`… and ${left} more`] : [];
  const room = Math.floor((longest - more.join("").length) / Math.max(1, first.length)) - 1;
  const named = first.map(({ title, browser }) => {
    const where = ` (${cutText(browser, LONGEST_BROWSER)})`;
    return `✗ ${cutText(title, Math.min(LONGEST_NAME, room - where.length - 2))}${where}`;
  });
  return [...named, ...more];
}

function numbers({ passed, failed, flaky, skipped, notRun }: TestCounts): string {
  const parts = [`${passed} passed`, `${failed} failed`];
  if (flaky > 0) parts.push(`${flaky} flaky`);
  if (skipped > 0) parts.push(`${skipped} skipped`);
  if (notRun > 0) parts.push(`${notRun} not run`);
  return parts.join(", ");
}

/** The results: all browsers in short, then each failing test with its error, then screenshots. Pure. */
export function testReplies(run: RunView): Reply[] {
  if (!run.tests) return [];
  const failures = failuresOf(run.facts.failures);
  const byBrowser = [...Map.groupBy(failures, ({ browser }) => browser)].slice(0, MOST_BROWSERS);
  return [
    { key: "tests", text: [countsText(run.tests), ...browserLines(run)].join("\n") },
    ...byBrowser.flatMap(([browser, named]) => failureReplies(browser, named, failedIn(run, browser))),
    ...pictureReply(run.id, failures),
  ];
}

/** How many tests failed in a browser: more than are named, when they are many. */
function failedIn({ facts }: RunView, browser: string): number {
  return browsersOf(facts.browsers).find((one) => one.browser === browser)?.counts.failed ?? 0;
}

/** A line for each browser: those with failures first, those that were not run last and said as such. */
function browserLines({ facts }: RunView): string[] {
  const browsers = browsersOf(facts.browsers);
  if (browsers.length === 0) {
    const notRun = Array.isArray(facts.notRun) ? facts.notRun.map(String) : [];
    return notRun.slice(0, MOST_BROWSERS).map((line) => `– ${escapedWithin(line, LONGEST_NAME)}`);
  }
  const rank = ({ counts, unavailable }: Browser) => (counts.failed > 0 ? 0 : unavailable !== null ? 2 : 1);
  return browsers
    .toSorted((a, b) => rank(a) - rank(b))
    .slice(0, MOST_BROWSERS)
    .map(browserLine);
}

function browserLine({ browser, counts, unavailable }: Browser): string {
  const name = browserName(browser);
  const missing = unavailable === null ? null : escapedWithin(unavailable, LONGEST_NAME);
  // Tests that need no page run, and fail, without the browser.
  if (missing !== null && counts.failed > 0) return `✗ ${name}: ${numbers(counts)} (${missing})`;
  if (missing !== null) return `– ${name} not run: ${missing}`;
  const nothingRan = counts.passed + counts.failed + counts.flaky === 0;
  return `${counts.failed > 0 ? "✗" : nothingRan ? "–" : "✓"} ${name}: ${numbers(counts)}`;
}

function browserName(browser: string): string {
  return escapedWithin(browser, LONGEST_BROWSER);
}

/** The more there are, the less is told of each: one long error leaves room for the others. */
function failureReplies(browser: string, failures: readonly Failure[], counted: number): Reply[] {
  const room = Math.floor((LONGEST_REPLY * MOST_REPLIES) / failures.length);
  const longest = Math.max(120, Math.min(LONGEST_ERROR, room));
  const chunks = inReplies(failures.map((failure) => failureText(failure, longest)));
  const failed = Math.max(counted, failures.length);
  const left = failed - chunks.reduce((sum, texts) => sum + texts.length, 0);
  const name = browserName(browser);
  const count = failed === 1 ? "1 test" : `${failed} tests`;
  return chunks.map((texts, index) => {
    const head = index > 0 ? [] : [`*${name}*: ${count} failed`];
    const more = index === chunks.length - 1 && left > 0 ? [`… and ${left} more in ${name}.`] : [];
    return { key: `tests:${browser}:${index}`, text: [...head, ...texts, ...more].join("\n") };
  });
}

function inReplies(texts: readonly string[]): string[][] {
  const chunks: string[][] = [[]];
  for (const text of texts) {
    const last = chunks.at(-1) ?? [];
    const size = last.reduce((sum, one) => sum + one.length + 1, 0);
    if (last.length === 0 || size + text.length <= LONGEST_REPLY) last.push(text);
    else if (chunks.length < MOST_REPLIES) chunks.push([text]);
    else break;
  }
  return chunks;
}

function failureText({ title, place, message }: Failure, longest: number): string {
  const where = place === "" ? "" : ` (${codeWithin(place, LONGEST_NAME)})`;
  const head = `✗ ${escapedWithin(title, LONGEST_NAME)}${where}`;
  return message === "" ? head : `${head}\n${codeBlock(message, longest)}`;
}

function pictureReply(runId: number, failures: readonly Failure[]): Reply[] {
  const all = failures.flatMap((failure) => pictureOf(runId, failure));
  if (all.length === 0) return [];
  const pictures = all.slice(0, MOST_PICTURES);
  const few = all.length === 1 ? "The screenshot of the failing test:" : "Screenshots of the failing tests:";
  const text =
    all.length === pictures.length
      ? few
      : `The first ${MOST_PICTURES} of ${all.length} screenshots of failing tests:`;
  return [{ key: "pictures", text, pictures }];
}

function pictureOf(runId: number, { browser, title, screenshot }: Failure): Picture[] {
  if (screenshot === null) return [];
  const test = `${cutText(title, LONGEST_NAME)} in ${cutText(browser, LONGEST_BROWSER)}`;
  const name = `run-${runId}-${basename(screenshot)}`;
  return [{ name, title: test, alt: `Screenshot of a failing test: ${test}`, from: { file: screenshot } }];
}

type Fields = Record<string, JsonValue | undefined>;

function entriesOf(value: JsonValue | undefined): Fields[] {
  return Array.isArray(value) ? value.map((entry) => (entry ?? {}) as Fields) : [];
}

function failuresOf(value: JsonValue | undefined): Failure[] {
  return entriesOf(value).map((failure) => {
    const line = typeof failure.line === "number" ? `:${failure.line}` : "";
    return {
      browser: oneLine(String(failure.browser ?? "")),
      title: oneLine(String(failure.title ?? "")),
      place: failure.file == null ? "" : oneLine(`${failure.file}${line}`),
      message: String(failure.message ?? ""),
      screenshot: typeof failure.screenshot === "string" ? failure.screenshot : null,
    };
  });
}

function browsersOf(value: JsonValue | undefined): Browser[] {
  return entriesOf(value).map((entry) => {
    const count = (key: keyof TestCounts) => (typeof entry[key] === "number" ? entry[key] : 0);
    const [passed, failed, flaky] = [count("passed"), count("failed"), count("flaky")];
    return {
      browser: String(entry.browser ?? ""),
      counts: { passed, failed, flaky, skipped: count("skipped"), notRun: count("notRun") },
      unavailable: typeof entry.unavailable === "string" ? entry.unavailable : null,
    };
  });
}
