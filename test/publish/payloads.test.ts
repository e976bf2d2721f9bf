import { describe, expect, test } from "vitest";
import { contentError } from "../../sandbox/slack/content/content.ts";
import type { Fault, RunView, StepView } from "../../src/engine/types.ts";
import { planBlocks, sectionBlocks } from "../../src/publish/slack-blocks.ts";
import { messageText, threadReplies } from "../../src/publish/slack-text.ts";
import type { Story } from "../../src/publish/story.ts";

/** What people and machines put into names, reasons and errors, of all that could ping, break or overflow. */
const NASTY = [
  "<!channel>",
  "<!here> <@U0DEVELOPER> <#C000000001> <!subteam^S0DEVELOPERS>",
  "<https://evil.example.org|click here>",
  "&lt;!channel&gt;",
  "*bold* _it_ ~no~ `code` ```fence``` > quote",
  "feature/🚀-\u{1F469}\u200D\u{1F4BB}-works",
  "שלום \u202eevil\u202c עולם",
  "مرحبا بالعالم",
  "line one\nline two\r\n\tthree\u0000four",
  "\ud83d",
  "",
  " ",
  "x".repeat(5_000),
  "<&>".repeat(2_000),
  "🚀".repeat(3_000),
  "a\n".repeat(3_000),
] as const;

/** The same numbers each time: what fails once fails again. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state % sides;
  };
}

function storyOf(seed: number): Story {
  const roll = dice(seed);
  const nasty = () => NASTY[roll(NASTY.length)] ?? "";
  const maybe = <T>(value: () => T): T | null => (roll(3) === 0 ? null : value());
  const fault = (): Fault => ({ code: "job_failed", message: nasty(), remedy: nasty() });
  const states = ["running", "succeeded", "failed", "skipped"] as const;
  const folders = ["host/", "host/Service update/", "cleanup/", "", "tests/"];
  const steps: StepView[] = Array.from({ length: [0, 3, 25, 120][roll(4)] ?? 0 }, (_, index) => {
    const state = states[roll(states.length)] ?? "running";
    const name = nasty();
    const path = `${folders[roll(folders.length)]}${index} ${name}`;
    return {
      path,
      name,
      kind: path.startsWith("cleanup/") ? "cleanup" : "step",
      state,
      attempt: 1 + roll(3),
      startedAt: index * 1_000,
      endedAt: state === "running" ? null : index * 1_000 + roll(9_000),
      detail: maybe(nasty),
      error: state === "failed" ? fault() : null,
    };
  });
  const failures = Array.from({ length: [0, 1, 9, 300][roll(4)] ?? 0 }, (_, index) => ({
    browser: ["chrome", "firefox", nasty()][roll(3)] ?? "",
    title: nasty(),
    file: nasty(),
    line: roll(500),
    message: nasty(),
    screenshot: maybe(() => `/tmp/artifacts/chrome-${index}.png`),
  }));
  const ended = roll(2) === 0;
  const failed = roll(2) === 0;
  const run = {
    id: seed,
    uuid: `uuid-${seed}`,
    kind: "launch",
    target: nasty(),
    candidates: ["stg1", nasty()],
    state: ended ? (failed ? "failed" : "succeeded") : "running",
    reason: maybe(nasty),
    requestedBy: { id: roll(2) === 0 ? "slack:U0DEVELOPER" : "github:x", name: nasty() },
    via: "slack",
    pr: null,
    sha: maybe(() => "0123456789abcdef"),
    input: { ref: nasty() },
    createdAt: 0,
    startedAt: 0,
    endedAt: ended ? 200_000 : null,
    cancelRequestedBy: null,
    outcome: ended
      ? { state: failed ? "failed" : "succeeded", fault: failed ? fault() : null, result: null }
      : null,
    tests: maybe(() => ({ passed: 3, failed: failures.length, flaky: 1, skipped: 2, notRun: roll(4) })),
    facts: {
      failures,
      instanceId: nasty(),
      notRun: [nasty()],
      browsers: [{ browser: nasty(), passed: 1, failed: 2, unavailable: maybe(nasty) }],
    },
    retryOf: null,
    revision: 1,
  } as unknown as RunView;
  return {
    run,
    steps,
    tails: new Map(steps.map(({ path }) => [path, Array.from({ length: roll(15) }, nasty)])),
    usual: { total: maybe(() => roll(9_000_000)), steps: new Map() },
    position: maybe(() => roll(9)),
    offer: maybe(() => ({ slot: nasty(), until: 300_000 })),
    kept: maybe(() => ({
      slot: nasty(),
      run: roll(9),
      until: 9_000_000,
      url: maybe(nasty),
      lockedBy: maybe(nasty),
    })),
    ended: maybe(() => ({
      slot: nasty(),
      why: nasty(),
      goneAt: maybe(() => 190_000),
      owed: [nasty(), nasty()],
      isDeclared: roll(2) === 0,
      slotIs: maybe(() => (roll(2) === 0 ? ("free" as const) : { lockedBy: nasty() })),
    })),
    now: 150_000,
  };
}

/** All that Slack reads as mrkdwn: markup in it could ping. Rich text and plain text are shown as they are. */
function markup(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(markup);
  if (value === null || typeof value !== "object") return [];
  const { type, text } = value as { type?: unknown; text?: unknown };
  if (type === "mrkdwn" && typeof text === "string") return [text];
  return Object.values(value).flatMap(markup);
}

/** What a text holds besides the bot's own dates, its requester and links to where the environment stands. */
function strayMarkup(text: string): string[] {
  const own =
    /<!date\^\d+\^\{date_short_pretty\} \{time\}\|[\d-]+ [\d:]+ UTC>|<@U0DEVELOPER>(?= ·|$|\n)|<[^<>|!@#]*>/g;
  return text.replaceAll(own, "").match(/<[^\n]{0,30}/g) ?? [];
}

function problemsOf(story: Story): string[] {
  const text = messageText(story);
  const forms = [planBlocks(story), sectionBlocks(story)];
  const replies = threadReplies(story);
  const problems: string[] = [];
  for (const blocks of forms) {
    for (const method of ["chat.postMessage", "chat.update"]) {
      const error = contentError(method, { text, blocks });
      if (error) problems.push(`${error.error} ${error.messages.join(" ")}`);
    }
  }
  const texts = [text, ...replies.map((reply) => reply.text)];
  for (const one of texts) {
    if (one.length > 3_900) problems.push(`${one.length} characters`);
    if (one.trim() === "") problems.push("an empty text");
    if (((one.match(/```/g) ?? []).length & 1) === 1) problems.push("a block that does not end");
  }
  for (const one of [...texts, ...markup(forms)])
    for (const stray of strayMarkup(one)) problems.push(`markup: ${stray}`);
  if (!JSON.stringify([forms, texts]).isWellFormed()) problems.push("half a character");
  if (/\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f])/.test(JSON.stringify([forms, texts])))
    problems.push("half a character");
  if (replies.length > 40 + story.steps.length) problems.push(`${replies.length} replies`);
  const keys = replies.map(({ key }) => key);
  if (new Set(keys).size !== keys.length) problems.push("two replies of one key");
  return problems;
}

describe("what is sent to Slack", () => {
  test.each(Array.from({ length: 40 }, (_, block) => block))(
    "is valid and pings nobody, block %i",
    (block) => {
      for (let seed = block * 25; seed < (block + 1) * 25; seed++) {
        expect({ seed, problems: problemsOf(storyOf(seed)) }).toEqual({ seed, problems: [] });
      }
    },
  );

  test("stays readable with 300 failing tests: few replies, each with whole errors, the rest counted", () => {
    const failures = Array.from({ length: 300 }, (_, index) => ({
      browser: "chrome",
      title: `test ${index}`,
      file: "a.spec.ts",
      line: index,
      message: `Error: expected ${index}`,
      screenshot: null,
    }));
    const base = storyOf(1);
    const tests = { passed: 0, failed: 300, flaky: 0, skipped: 0, notRun: 0 };
    const story = { ...base, steps: [], run: { ...base.run, tests, facts: { failures } } };
    const texts = threadReplies(story)
      .filter(({ key }) => key.startsWith("tests:chrome"))
      .map(({ text }) => text);
    expect(texts).toHaveLength(3);
    expect(texts[0]).toMatch(
      /^\*chrome\*: 300 tests failed\n✗ test 0 \(`a\.spec\.ts:0`\)\n```\nError: expected 0\n```/,
    );
    const told = texts.join("\n").match(/^✗/gm)?.length ?? 0;
    expect(told).toBeGreaterThan(100);
    expect(texts.at(-1)).toContain(`… and ${300 - told} more in chrome.`);
  });

  test("control: text that is not escaped is noticed, and so is a link that hides where it leads", () => {
    expect(strayMarkup("by <!channel> now")).toEqual(["<!channel> now"]);
    expect(strayMarkup("<https://evil.example.org|click>")).toHaveLength(1);
    expect(strayMarkup("&lt;!channel&gt; <https://stg1.example.org>")).toEqual([]);
  });
});
