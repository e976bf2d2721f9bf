import type { KnownBlock, PlanBlock, TaskCardBlock } from "@slack/types";
import { describe, expect, test } from "vitest";
import type { Fault, RunView, StepView } from "../../src/engine/types.ts";
import { planBlocks } from "../../src/publish/slack-blocks.ts";
import type { Story } from "../../src/publish/story.ts";
import type { JsonObject } from "../../src/util/json.ts";

const STEP = { kind: "step", attempt: 1, startedAt: 0, endedAt: 1_000, detail: null } as const;

const STORY: Story = {
  run: {
    id: 7,
    kind: "launch",
    target: "stg1",
    candidates: ["stg1"],
    state: "failed",
    requestedBy: { id: "slack:U0DEVELOPER", name: "developer" },
    input: {},
    sha: null,
    tests: { passed: 6, failed: 7, flaky: 0, skipped: 0, notRun: 0 },
    facts: {},
    createdAt: 0,
    startedAt: 0,
    endedAt: 1_000,
  } as unknown as RunView,
  steps: [],
  tails: new Map(),
  usual: { total: null, steps: new Map() },
  position: null,
  offer: null,
  kept: null,
  ended: null,
  now: 2_000,
};

function failedRun(path: string, error: Fault, facts: JsonObject = {}): KnownBlock[] {
  const name = path.split("/").at(-1) ?? path;
  const outcome = { state: "failed" as const, fault: error, result: null };
  const run = { ...STORY.run, reason: error.message, outcome, facts };
  return planBlocks({ ...STORY, run, steps: [{ ...STEP, path, name, state: "failed", error }] });
}

function planOf(steps: readonly StepView[]): KnownBlock[] {
  const running = { state: "running" as const, outcome: null, endedAt: null, reason: null, tests: null };
  return planBlocks({ ...STORY, run: { ...STORY.run, ...running }, steps });
}

function cardOf(blocks: readonly KnownBlock[]): TaskCardBlock | undefined {
  const plan = blocks.find((block): block is PlanBlock => block.type === "plan");
  return plan?.tasks?.[0] as TaskCardBlock | undefined;
}

const detailsOf = (blocks: readonly KnownBlock[]) => JSON.stringify(cardOf(blocks)?.details ?? "");
const below = (blocks: readonly KnownBlock[]) =>
  JSON.stringify(blocks.filter(({ type }) => type === "context"));

describe("a wait for GitHub before anything is created", () => {
  const PATH = "Commit/Commit is still as shown";
  const titles = (step: Partial<StepView>) => {
    const running = { ...STEP, path: PATH, name: "Commit is still as shown", endedAt: null, error: null };
    const blocks = planOf([{ ...running, state: "running", ...step }]);
    const plan = blocks.find((block): block is PlanBlock => block.type === "plan");
    return JSON.stringify(plan?.tasks);
  };

  test("is seen, with what GitHub says; a moment's look is not", () => {
    const said = titles({ detail: "GitHub did not answer. It is asked again until 12:00 UTC" });
    expect(said).toContain("Read the commit again");
    expect(said).toContain("GitHub did not answer");
    expect(titles({})).not.toContain("Read the commit again");
    expect(titles({ state: "succeeded", endedAt: 1_000 })).not.toContain("Read the commit again");
  });
});

describe("the card of a failed stage", () => {
  const summary = "6 passed, 7 failed. Failed: “adds up” in chrome.";
  const failures = Array.from({ length: 7 }, (_, index) => ({ browser: "chrome", title: `test ${index}` }));

  test("names the failing tests, each in a line, and says how many more there are", () => {
    const blocks = failedRun("Judge the results", { code: "tests_failed", message: summary }, { failures });
    expect(detailsOf(blocks)).toContain("✗ test 0 (chrome)\\n✗ test 1 (chrome)");
    expect(detailsOf(blocks)).toContain("✗ test 4 (chrome)\\n… and 2 more");
    expect(detailsOf(blocks)).not.toContain("Judge the results");
    expect(JSON.stringify(cardOf(blocks)?.output)).toContain("Tests: 6 passed, 7 failed");
    expect(below(blocks)).toBe("[]");
  });

  test("keeps the count of the others, however long the titles are", () => {
    const long = failures.map(({ browser }, index) => ({
      browser,
      title: `${index} ${"long ".repeat(80)}\nx`,
    }));
    const error = { code: "tests_failed", message: summary };
    const details = detailsOf(failedRun("Judge the results", error, { failures: long }));
    expect(details).toContain("… and 2 more");
    expect(details.match(/✗ \d long/g)).toHaveLength(5);
    expect(details.match(/ …\s\(chrome\)/g)).toHaveLength(5);
  });

  test("says of tests that ran out of time what happened, not only which failed", () => {
    const fault = { code: "tests_timed_out", message: "1 failed; chrome: out of time." };
    expect(detailsOf(failedRun("Judge the results", fault, { failures }))).toContain("out of time");
  });

  test("has the reason, which is not said a second time below it", () => {
    const fault = { code: "job_failed", message: "it ended with exit code 3" };
    const blocks = failedRun("host/Service update/Migrate", fault);
    expect(detailsOf(blocks)).toContain("Migrate: it ended with exit code 3");
    expect(below(blocks)).toBe("[]");
  });

  test("leaves the reason to the line below where no card has it", () => {
    const fault = { code: "no_room_here", message: "AWS has no capacity" };
    expect(detailsOf(failedRun("host/instance/Launch t3", fault))).toBe('""');
    expect(below(failedRun("host/instance/Launch t3", fault))).toContain("AWS has no capacity");
  });

  test("says that the run went on where a failure is passed over, and the stage is done", () => {
    const fault = { code: "job_failed", message: "exit 3", fields: { wentOn: true } };
    const card = cardOf(failedRun("host/Service update/Optional", fault));
    expect(JSON.stringify(card?.details)).toContain("The run went on without it");
  });
});
