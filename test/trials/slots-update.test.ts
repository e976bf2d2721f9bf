import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { leftInCloud } from "../crash/support/cloud.ts";
import { type RunForm, runOf, slotOf, threadOf } from "./support/scene.ts";
import { Stand } from "./support/stand.ts";

const flags = mkdtempSync(join(tmpdir(), "slipway-update-"));
const LAST_WORDS = "no such table: auth_user_mark_7f3";
let stand: Stand;

/** Every kind of step; files in the folder decide which of them fail. */
const STEPS = [
  {
    name: "Flaky",
    run: 'echo try >> "$FLAGS/flaky.$SLIPWAY_RUN"; test $(wc -l < "$FLAGS/flaky.$SLIPWAY_RUN") -ge 3',
    retries: 2,
  },
  {
    name: "Mended",
    run: 'echo try >> "$FLAGS/mended.$SLIPWAY_RUN"; test -e "$FLAGS/mend.$SLIPWAY_RUN"',
    onFailure: { run: 'test ! -e "$FLAGS/hopeless"; touch "$FLAGS/mend.$SLIPWAY_RUN"' },
  },
  { name: "Optional", run: "echo not today; exit 3", continueOnError: true },
  {
    name: "Background",
    run: 'sleep 0.5; if [ -e "$FLAGS/background-fails" ]; then echo it broke behind; exit 7; fi',
    background: true,
  },
  {
    parallel: [
      {
        name: "Left",
        run: 'touch "$FLAGS/left.$SLIPWAY_RUN"; until [ -e "$FLAGS/right.$SLIPWAY_RUN" ]; do sleep 0.05; done',
        timeout: "3s",
      },
      {
        name: "Right",
        run: `[ -e "$FLAGS/alone" ] || touch "$FLAGS/right.$SLIPWAY_RUN"
until [ -e "$FLAGS/left.$SLIPWAY_RUN" ]; do sleep 0.05; done`,
        timeout: "3s",
      },
    ],
  },
  {
    name: "Migrate",
    run: `for n in $(seq 1 40); do echo "applying migration $n"; done
if [ -e "$FLAGS/broken" ]; then echo "${LAST_WORDS}" >&2; exit 5; fi`,
  },
  { name: "Start LMS", run: "platform lms start" },
  { name: "Start services", run: "docker compose up -d" },
  { name: "Well", waitFor: "http://localhost:8080/health", every: "100ms", attempts: 200 },
];

beforeAll(async () => {
  stand = await Stand.open({
    config: (config) => ({ ...config, serviceUpdate: { env: { FLAGS: flags }, steps: STEPS } }),
  });
}, 120_000);
afterAll(async () => {
  await stand.close();
  rmSync(flags, { recursive: true, force: true });
}, 60_000);

/** Launches with these flags set; resolves with the run's end as the API tells it. */
async function launch(...set: string[]): Promise<RunForm> {
  for (const flag of set) writeFileSync(join(flags, flag), "");
  try {
    const run = await stand.begin("launch stg1 --tests none");
    await stand.ended(run.id);
    return await runOf(stand, run.id);
  } finally {
    for (const flag of set) rmSync(join(flags, flag));
  }
}

function step(run: RunForm, name: string) {
  const found = run.steps.find((one) => one.name === name);
  if (!found) throw new Error(`Run ${run.id} has no step ${name}: ${run.steps.map((one) => one.name)}`);
  return found;
}

function tries(name: string, run: RunForm): number {
  const file = join(flags, `${name}.${run.id}`);
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n").length : 0;
}

async function expectNothingLeft(run: RunForm): Promise<void> {
  expect(await leftInCloud(stand.yard)).toEqual([]);
  expect(run.obligations.filter(({ state }) => state !== "gone")).toEqual([]);
  expect((await slotOf(stand, "stg1")).state).toBe("free");
}

describe("the service update", () => {
  it("retries, onFailure, continueOnError, background and parallel do as configured", async () => {
    const run = await launch();
    expect([run.state, run.reason]).toEqual(["succeeded", null]);
    expect(tries("flaky", run)).toBe(3);
    expect(tries("mended", run)).toBe(2);
    const shown = ["Flaky", "Mended", "Optional", "Migrate"].map((name) => step(run, name).attempt);
    expect(shown).toEqual([3, 2, 1, 1]);
    expect(step(run, "Optional")).toMatchObject({ state: "failed", error: { code: "step_failed" } });
    // Joined before the swap, and not waited for before that.
    const swap = step(run, "Load balancer sees it healthy");
    expect(Date.parse(step(run, "Background").endedAt ?? "")).toBeLessThanOrEqual(
      Date.parse(swap.startedAt ?? ""),
    );
    expect(Date.parse(step(run, "Left").startedAt ?? "")).toBeLessThan(
      Date.parse(step(run, "Background").endedAt ?? ""),
    );
    await expectNothingLeft(run);
  }, 60_000);

  it("a step that fails: its last lines in the thread and its error in the API, then cleanup", async () => {
    const run = await launch("broken");
    expect(run.state).toBe("failed");
    expect(step(run, "Migrate")).toMatchObject({ state: "failed", error: { code: "step_failed" } });
    expect(step(run, "Migrate").error?.message).toContain(LAST_WORDS);
    expect(run.reason).toContain("Migrate");
    expect(run.steps.map(({ name }) => name)).not.toContain("Start LMS");
    const thread = await threadOf(stand, run.id);
    expect(thread).toContain(LAST_WORDS);
    expect(thread).toContain("applying migration 40");
    // The last lines, not all of them.
    expect(thread).not.toContain("applying migration 1\n");
    await expectNothingLeft(run);
  }, 60_000);

  it("a background step that fails ends the run before the swap", async () => {
    const since = Date.now();
    const run = await launch("background-fails");
    expect(run.state).toBe("failed");
    expect(step(run, "Background")).toMatchObject({ state: "failed", error: { code: "step_failed" } });
    expect(await stand.calls(since, "elasticloadbalancing:RegisterTargets")).toEqual([]);
    expect(await threadOf(stand, run.id)).toContain("it broke behind");
    await expectNothingLeft(run);
    // The control: a launch that goes well does register.
    const well = Date.now();
    expect((await launch()).state).toBe("succeeded");
    expect(await stand.calls(well, "elasticloadbalancing:RegisterTargets")).toHaveLength(1);
  }, 60_000);

  it("steps of a group really need each other: one that waits in vain is ended in time, by name", async () => {
    const run = await launch("alone");
    expect(run.state).toBe("failed");
    expect(step(run, "Left")).toMatchObject({ state: "failed", error: { code: "remote_timeout" } });
    await expectNothingLeft(run);
  }, 60_000);

  it("an onFailure that does not mend: the step fails after its last try", async () => {
    const run = await launch("hopeless");
    expect(run.state).toBe("failed");
    expect(tries("mended", run)).toBe(2);
    expect(step(run, "Mended")).toMatchObject({ state: "failed", error: { code: "step_failed" } });
    await expectNothingLeft(run);
  }, 60_000);
});
