import { describe, expect, test } from "vitest";
import type { RunView, StepView } from "../../src/engine/types.ts";
import { timelineOf } from "../../src/publish/timeline.ts";
import { drawTimeline } from "../../src/publish/timeline-png.ts";

const MINUTE = 60_000;
const RUN = {
  id: 7,
  kind: "launch",
  target: "stg1",
  candidates: ["stg1"],
  state: "failed",
  outcome: { state: "failed", fault: null, result: null },
  requestedBy: { id: "slack:U0ANN", name: "Ann" },
  sha: "0123456789",
  input: {},
  facts: {},
  createdAt: 0,
  startedAt: 0,
  endedAt: 40 * MINUTE,
} as unknown as RunView;

function step(
  path: string,
  from: number,
  to: number | null,
  state: StepView["state"] = "succeeded",
): StepView {
  const name = path.split("/").at(-1) ?? path;
  return {
    path,
    name,
    kind: "step",
    state,
    attempt: 1,
    startedAt: from * MINUTE,
    endedAt: to === null ? null : to * MINUTE,
    detail: null,
    error: null,
  };
}

const STEPS = [
  step("host/SSH answers", 0, 4),
  step("host/Service update/Migrate", 4, 10, "failed"),
  step("tests/Prepare the tests", 0, 1),
  step("Run the tests", 10, null, "running"),
];

describe("the picture of where the time went", () => {
  test("has a bar per step by stage, on an axis in minutes", () => {
    const { rows, ticks, title, field } = timelineOf(RUN, STEPS, 40 * MINUTE);
    expect(title).toBe("Launch of stg1, run #7: where the time went");
    expect(rows.map(({ kind, label, note }) => `${kind} ${label}: ${note}`)).toEqual([
      "stage Launch the instance: 4m",
      "step SSH answers: 4m",
      "stage Beside it: 1m",
      "step Prepare the tests: 1m",
      "stage Update the services: 6m",
      "step Migrate: ✗ failed, 6m",
      "stage Run the tests: 30m",
      "step Run the tests: ▸ running, 30m",
    ]);
    expect(ticks.map(({ label }) => label)).toEqual(
      ["0 min", "5 min", "10 min", "15 min", "20 min"].concat(["25 min", "30 min", "35 min", "40 min"]),
    );
    const migrate = rows.find(({ label }) => label === "Migrate");
    expect(migrate?.state).toBe("failed");
    expect(((migrate?.bar?.x ?? 0) - field.x) / field.width).toBeCloseTo(0.1, 5);
    expect((migrate?.bar?.width ?? 0) / field.width).toBeCloseTo(0.15, 5);
  });

  test("turns no words round, and keeps those of right-to-left scripts", () => {
    const { rows } = timelineOf(
      RUN,
      [step("host/a \u202eb\u202c\u2067c\u200fd\u061c שלום", 0, 4)],
      40 * MINUTE,
    );
    expect(rows[1]?.label).toBe("a bcd שלום");
  });

  test("keeps every bar in its field, whatever the times, and shows no more than can be read", () => {
    const many = Array.from({ length: 300 }, (_, index) =>
      step(`host/${index} ${"long ".repeat(100)}🚀`, index - 5, index % 7 === 0 ? null : index + (index % 3)),
    );
    const chart = timelineOf(RUN, [...many, step("Switch", 1, 1, "failed")], 39 * MINUTE);
    for (const { bar } of chart.rows) {
      expect(bar?.x).toBeGreaterThanOrEqual(chart.field.x);
      expect((bar?.x ?? 0) + (bar?.width ?? 0)).toBeLessThanOrEqual(chart.field.x + chart.field.width + 0.01);
    }
    expect(chart.rows.filter(({ kind }) => kind === "step")).toHaveLength(60);
    expect(chart.rows.some(({ label, state }) => label === "Switch" && state === "failed")).toBe(true);
    expect(chart.foot).toBe("241 shorter steps are not shown.");
    expect(JSON.stringify(chart)).not.toContain("🚀");
    expect(chart.height).toBeLessThan(2_000);
  });

  test("of a run that has done nothing is empty, and still a picture", async () => {
    const chart = timelineOf({ ...RUN, startedAt: null, endedAt: null }, [], 1);
    expect(chart.rows).toEqual([]);
    expect((await drawTimeline(chart)).subarray(1, 4).toString()).toBe("PNG");
  });

  test("is drawn as a PNG of its size, with words in a font of our own", async () => {
    const chart = timelineOf(RUN, STEPS, 40 * MINUTE);
    const png = await drawTimeline(chart);
    expect(png.subarray(0, 8)).toEqual(Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]));
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([chart.width * 2, chart.height * 2]);
    const other = await drawTimeline({ ...chart, title: "Another title of the picture" });
    const same = await drawTimeline(chart);
    expect(same.equals(png)).toBe(true);
    expect(other.equals(png)).toBe(false);
  });
});
