import { describe, expect, test } from "vitest";
import type { RunView, StepView } from "../../src/engine/types.ts";
import { failingTests } from "../../src/publish/slack-tests.ts";
import { messageText, threadReplies } from "../../src/publish/slack-text.ts";
import type { Kept, Story } from "../../src/publish/story.ts";

const RUN = {
  id: 7,
  kind: "launch",
  state: "running",
  outcome: null,
  tests: null,
  facts: {},
  reason: null,
  createdAt: 0,
  startedAt: 0,
  endedAt: null,
} as unknown as RunView;

function step(
  path: string,
  startedAt: number,
  endedAt: number | null,
  more: Partial<StepView> = {},
): StepView {
  const state = endedAt === null ? "running" : "succeeded";
  const name = path.split("/").at(-1) ?? path;
  return {
    path,
    name,
    kind: "step",
    state,
    attempt: 1,
    startedAt,
    endedAt,
    detail: null,
    error: null,
    ...more,
  };
}

const QUIET = {
  usual: { total: null, steps: new Map() },
  position: null,
  kept: null,
  ended: null,
  offer: null,
} as const;

const texts = (steps: readonly StepView[], run: Partial<RunView> = {}) =>
  threadReplies({ run: { ...RUN, ...run } as RunView, steps, tails: new Map(), ...QUIET, now: 60_000 }).map(
    ({ text }) => text.split("\n")[0],
  );

const INSTANCE = [step("host/instance/Read the image", 0, 1_000), step("host/SSH answers", 2_000, 9_000)];
const UPDATE = [step("host/Service update/Migrate", 9_000, 12_000)];
const SWAP = [
  step("Look for old targets", 12_000, 13_000),
  step("Load balancer sees it healthy", 13_000, 20_000),
];

describe("results with more failures than are named", () => {
  const failed = (browser: string, count: number) =>
    Array.from({ length: count }, (_, index) => ({ browser, title: `${browser} ${index}`, message: "no" }));
  const counts = (browser: string, failed: number, unavailable: string | null) => ({
    ...{ browser, passed: 1, failed, flaky: 0, skipped: 0, notRun: unavailable === null ? 0 : 4 },
    unavailable,
  });
  const run = {
    state: "failed",
    tests: { passed: 2, failed: 601, flaky: 0, skipped: 0, notRun: 4 },
    facts: {
      failures: [...failed("chrome", 150), ...failed("firefox", 150)],
      browsers: [counts("chrome", 301, null), counts("firefox", 300, "it is not installed")],
    },
  } as Partial<RunView>;
  const told = () =>
    threadReplies({ run: { ...RUN, ...run } as RunView, steps: [], tails: new Map(), ...QUIET, now: 60_000 })
      .map(({ text }) => text)
      .join("\n");

  test("tell how many there are, not how many have names", () => {
    expect(told()).toContain("Tests: 2 passed, 601 failed");
    expect(told()).toContain("*chrome*: 301 tests failed");
    expect(told()).toContain("*firefox*: 300 tests failed");
    for (const [browser, all] of [
      ["chrome", 301],
      ["firefox", 300],
    ] as const) {
      const named = told().match(new RegExp(`✗ ${browser} \\d+`, "g"))?.length ?? 0;
      expect(told()).toContain(`… and ${all - named} more in ${browser}.`);
    }
  });

  test("say of a browser that is not there what failed without it", () => {
    expect(told()).toContain("✗ firefox: 1 passed, 300 failed, 4 not run (it is not installed)");
    expect(failingTests({ ...RUN, ...run } as RunView, 600).at(-1)).toBe("… and 596 more");
  });
});

describe("the message of a run that waits", () => {
  const waits = {
    run: {
      ...RUN,
      state: "queued",
      startedAt: null,
      candidates: ["stg1"],
      target: "stg1",
      sha: null,
      requestedBy: { id: "slack:U1", name: "A" },
    },
  };
  const said = (more: object) =>
    messageText({
      ...waits,
      steps: [],
      tails: new Map(),
      ...QUIET,
      ...more,
      now: 60_000,
    } as unknown as Story);

  test("says its place, unless its turn has come", () => {
    expect(said({ position: 2 })).toContain("waiting in the queue, place 2 · 1m");
    expect(said({ position: 1, offer: { slot: "stg1", until: 90_000 } })).toContain(
      "waiting in the queue · 1m",
    );
  });
});

describe("the thread", () => {
  test("has a reply for each stage that is over", () => {
    expect(texts([...INSTANCE, ...UPDATE, ...SWAP, step("Run the tests", 20_000, null)])).toEqual([
      "✓ The instance runs and answers (2 steps, 9s).",
      "✓ The services are updated (1 step, 3s).",
      "✓ The instance is behind the load balancer (2 steps, 8s).",
    ]);
  });

  test("says nothing between two steps of a stage, nor because the tests are being prepared", () => {
    expect(texts([...INSTANCE, step("tests/Prepare the tests", 9_500, null)])).toEqual([]);
    expect(texts([...INSTANCE, ...UPDATE])).toHaveLength(1);
  });

  test("takes the pipeline's end for the last stage's", () => {
    const ended = texts([...INSTANCE, ...UPDATE, ...SWAP], { state: "succeeded", endedAt: 21_000 });
    expect(ended).toHaveLength(5);
    expect(ended.slice(-2)).toEqual(["Run #7 succeeded after 21s.", "Where the time went:"]);
  });

  test("claims nothing for a run that failed between two steps", () => {
    const [first] = INSTANCE;
    const fault = { code: "aws_capacity", message: "AWS has no room." };
    const run = { state: "failed", endedAt: 2_000, outcome: { fault } } as unknown as Partial<RunView>;
    expect(texts(first ? [first] : [], run)).toEqual(["Run #7 failed after 2s."]);
  });

  test("says a failed step's name once, beside the instance that it failed on", () => {
    const error = { code: "remote_disk_full", message: 'Step "Migrate" failed: the disk is full' };
    const steps = [
      ...INSTANCE,
      step("host/Service update/Migrate", 9_000, 10_000, { state: "failed", error }),
    ];
    expect(texts(steps).at(-1)).toBe("✗ *Migrate* failed: the disk is full");
    const person = { id: "slack:U0DEVELOPER", name: "developer" };
    const run = { ...RUN, requestedBy: person, target: "stg1", sha: null, facts: { instanceId: "i-0a1" } };
    const message = messageText({
      run: run as unknown as RunView,
      steps,
      tails: new Map(),
      ...QUIET,
      now: 60_000,
    });
    expect(message.split("\n")[0]).toContain("run #7 by <@U0DEVELOPER>");
    expect(message).toContain("✗ Migrate 1s: the disk is full");
    expect(message.split("\n")[1]).toBe("running · 1m · i-0a1");
  });

  test("tells of what failed, and not of what was stopped because of it or by a person", () => {
    const error = (code: string) => ({ state: "failed" as const, error: { code, message: `${code}!` } });
    const steps = [
      ...INSTANCE,
      step("host/Service update/Migrate", 9_000, 10_000, error("job_failed")),
      step("host/Service update/Build", 9_000, 10_000, error("stopped_beside_failure")),
      step("tests/Prepare the tests", 9_000, 10_000, error("cancelled")),
    ];
    expect(texts(steps)).toEqual([
      "✓ The instance runs and answers (2 steps, 9s).",
      "✗ *Migrate* failed: job_failed!",
    ]);
  });

  test("says that the run went on where a step's failure is passed over, and counts it in its stage", () => {
    const error = { code: "job_failed", message: "exit 3", remedy: "Mend it.", fields: { wentOn: true } };
    const optional = step("host/Service update/Optional", 9_000, 10_000, { state: "failed", error });
    const replies = threadReplies({
      run: RUN,
      steps: [...INSTANCE, ...UPDATE, optional, ...SWAP],
      tails: new Map([[optional.path, ["no such file"]]]),
      ...QUIET,
      now: 60_000,
    });
    const told = replies.find(({ key }) => key.startsWith("failed:"))?.text ?? "";
    expect(told).toMatch(
      /^✗ \*Optional\* failed: exit 3\n[\s\S]*no such file[\s\S]*The run went on without it/,
    );
    expect(told).not.toContain("Mend it.");
    expect(replies.map(({ key }) => key)).toEqual([
      "stage:instance",
      `failed:${optional.path}`,
      "stage:update",
    ]);
    expect(replies[2]?.text).toBe("✓ The services are updated (2 steps, 1 failed, 3s).");
    // Control: the same failure without the mark stops the stage.
    const stopped = { ...optional, error: { ...error, fields: {} } };
    const without = texts([...INSTANCE, ...UPDATE, stopped, ...SWAP]);
    expect(without.join("\n")).not.toContain("The services are updated");
  });

  test("counts what was cleaned up only where something is left", () => {
    const clean = (name: string, more: Partial<StepView> = {}) =>
      step(`cleanup/${name}`, 20_000, 21_000, { kind: "cleanup", ...more });
    const ended = (steps: readonly StepView[], kept: Kept | null = null) =>
      threadReplies({
        run: { ...RUN, state: "failed", endedAt: 21_000 } as RunView,
        steps,
        tails: new Map(),
        ...QUIET,
        kept,
        now: 60_000,
      }).find(({ key }) => key === "end")?.text;
    expect(ended([clean("a"), clean("b")])).toMatch(/Cleaned up\.$/);
    expect(ended([clean("a"), clean("b", { state: "failed" })])).toMatch(/Cleaned up: 1 of 2\.$/);
    // What is kept was not cleaned up; the date is the same wherever Slack cannot show the reader's own.
    const kept = {
      slot: "stg1",
      run: 7,
      until: Date.UTC(2026, 10, 21, 16, 31, 19),
      url: null,
      lockedBy: null,
    };
    expect(ended([clean("a")], kept)).toMatch(
      /\nKept until <!date\^\d+\^[^|]+\|2026-11-21 16:31 UTC>\nEverything else is cleaned up\.$/,
    );
    expect(ended([clean("a")], { ...kept, run: 3 })).toMatch(/run #3 stands until .*\nCleaned up\.$/);
  });
});

describe("a suite that ended without results", () => {
  const path = "Judge the results";
  const error = { code: "tests_not_started", message: "chrome: it ended before any test." };
  const judged = step(path, 20_000, 21_000, { state: "failed", error });
  const replies = (tails: ReadonlyMap<string, readonly string[]>) =>
    threadReplies({ run: RUN, steps: [judged], tails, ...QUIET, now: 60_000 }).map(({ key }) => key);

  test("is told with its last lines; with results those tell", () => {
    expect(replies(new Map([[path, ["Error: no such module"]]]))).toEqual([`failed:${path}`]);
    expect(replies(new Map([[path, []]]))).toEqual([]);
  });
});
