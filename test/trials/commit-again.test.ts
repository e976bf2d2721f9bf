import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { calls } from "../../sandbox/client.ts";
import { leftInCloud } from "../crash/support/cloud.ts";
import type { Patch } from "../crash/support/versions.ts";
import { Repository } from "./support/github.ts";
import { allEnded, ask, runOf, runsOf, threadOf, untilSlot } from "./support/scene.ts";
import { type Outcome, Stand } from "./support/stand.ts";

/** The commit is read again before anything is created for it. */

const READS_ONCE: Patch = {
  file: "src/pipelines/launch.ts",
  find: "await confirmCommit(run, services, input, STANDING);",
  replace: "",
};
const IMPATIENT: Patch = {
  file: "src/pipelines/steps/commit.ts",
  find: "10 * 60_000",
  replace: "2_500",
};

let stand: Stand;
let repository: Repository;

beforeAll(async () => {
  stand = await Stand.open({ github: true });
  repository = new Repository(stand);
}, 120_000);
afterAll(async () => await stand.close(), 60_000);
afterEach(async () => {
  await repository.faults();
  await repository.setPullRequest("open");
  await allEnded(stand);
}, 60_000);

/** Asks for a launch of a locked slot, and unlocks it after `meanwhile`: the run as it ended, and what it launched. */
async function queued(
  command: string,
  meanwhile: () => Promise<unknown>,
): Promise<{ id: number; sha: string | null; state: string; fault: Outcome["fault"]; launched: number }> {
  expect(await ask(stand, "lock stg3")).toContain("stg3");
  const since = Date.now();
  const { id } = await stand.begin(`${command} --tests none`, "developer2");
  expect((await runOf(stand, id)).state).toBe("queued");
  await meanwhile();
  await ask(stand, "unlock stg3");
  const { state, outcome } = await stand.ended(id);
  const { sha } = await runOf(stand, id);
  await untilSlot(stand, "stg3", "free");
  expect(await leftInCloud(stand.yard)).toEqual([]);
  const launched = (await stand.calls(since, "ec2:RunInstances")).length;
  return { id, sha, state, fault: outcome.fault, launched };
}

describe("a launch that waited", { timeout: 180_000 }, () => {
  it("does not begin when its pull request was closed meanwhile, nor is it retried", async () => {
    const close = () => repository.setPullRequest("closed");
    const run = await queued("launch stg3 --pr 1", close);
    expect(run).toMatchObject({ state: "failed", launched: 0, fault: { code: "pull_request_closed" } });
    expect(run.fault?.remedy).toMatch(/^Nothing was launched\./);
    expect(await threadOf(stand, run.id)).toMatch(/Pull request 1 of acme\/platform is closed/);
    const before = (await runsOf(stand)).length;
    const answer = await ask(stand, `retry ${run.id}`);
    expect(answer).toMatch(/Pull request 1 of acme\/platform is closed\. Nothing was started\./);
    expect((await runsOf(stand)).length).toBe(before);
    await repository.setPullRequest("open");
    const again = await stand.begin(`retry ${run.id}`);
    expect((await stand.ended(again.id)).state).toBe("succeeded");
  });

  it("does not begin when its pull request has moved on, and says how the new head is launched", async () => {
    const { sha, ref } = await repository.pullRequestHead();
    let moved = "";
    const run = await queued("launch stg3 --pr 1", async () => {
      moved = await repository.push(ref);
    });
    expect(run).toMatchObject({ sha, state: "failed", launched: 0, fault: { code: "head_moved" } });
    expect(run.fault?.message).toContain(sha.slice(0, 7));
    expect(run.fault?.message).toContain(moved.slice(0, 7));
    expect(run.fault?.remedy).toContain("`/stg launch stg3 --pr 1` launches the new one.");
    expect(await ask(stand, `retry ${run.id}`)).toMatch(/head_moved|has moved on to/);
  });

  it("does not begin when the branch that it named has moved on; its retry is of the same commit", async () => {
    const { sha, ref } = await repository.pullRequestHead();
    const run = await queued(`launch stg3 --ref ${ref}`, () => repository.push(ref));
    expect(run).toMatchObject({ sha, state: "failed", launched: 0, fault: { code: "head_moved" } });
    const again = await stand.begin(`retry ${run.id}`);
    expect((await stand.ended(again.id)).state).toBe("succeeded");
    expect((await runOf(stand, again.id)).sha).toBe(sha);
  });

  it("of the default branch goes on with the commit that was shown", async () => {
    let moved = "";
    const run = await queued("launch stg3", async () => {
      moved = await repository.push("main");
    });
    expect(run).toMatchObject({ state: "succeeded", launched: 1 });
    expect(run.sha).toMatch(/^[0-9a-f]{40}$/);
    expect(run.sha).not.toBe(moved);
    // It is in the default branch's history now, no branch's head: known to be in the repository all the same.
    expect(await ask(stand, `launch stg3 --sha ${run.sha} --dry-run`)).toContain("Dry run");
    const { sha } = await repository.pullRequestHead();
    await repository.push("improve-greeting");
    expect(await ask(stand, `launch stg3 --sha ${sha} --dry-run`)).toContain("Dry run");
  });

  it("waits while GitHub limits, tells so, and goes on", async () => {
    const action = "GET /repos/acme/platform/pulls/1";
    const run = await queued("launch stg3 --pr 1", () =>
      repository.faults({ action, mode: "throttle", times: 1, retryAfter: 3 }),
    );
    expect(run).toMatchObject({ state: "succeeded", launched: 1 });
    const asked = (await calls(stand.yard.json, "github")).filter((call) => call.action === action);
    const limited = asked.findIndex(({ status }) => status === 403);
    const next = asked[limited + 1];
    expect(Date.parse(String(next?.at)) - Date.parse(String(asked[limited]?.at))).toBeGreaterThanOrEqual(
      2_900,
    );
    expect(await ask(stand, `logs ${run.id}`)).toMatch(/GitHub limits .* Asked again at/);
  });

  it("goes on where it was when the bot is killed while it waits for GitHub", async () => {
    const fault = { action: "GET /repos/acme/platform/pulls/1", mode: "error-before", rate: 1 };
    const run = await queued("launch stg3 --pr 1", async () => {
      await repository.faults(fault);
      await ask(stand, "unlock stg3");
      await stand.untilStep((await runsOf(stand))[0]?.id ?? 0, /^Commit\/Commit is still as shown$/);
      await stand.trial.kill();
      await stand.trial.start();
      await repository.faults();
    });
    expect(run).toMatchObject({ state: "succeeded", launched: 1 });
  });
});

describe("a launch whose time to ask is over", { timeout: 180_000 }, () => {
  beforeAll(async () => await stand.renew([IMPATIENT]), 60_000);

  it.each([
    ["fails", { mode: "error-before", rate: 1 }, "github_unreachable"],
    ["limits", { mode: "throttle", rate: 1, retryAfter: 30 }, "github_rate_limited"],
    ["answers garbage", { mode: "garbage", rate: 1 }, "github_unreachable"],
  ])("ends with nothing launched while GitHub %s", async (_, fault, code) => {
    const run = await queued("launch stg3 --pr 1", () =>
      repository.faults({ action: "GET /repos/acme/platform/pulls/1", ...fault }),
    );
    expect(run).toMatchObject({ state: "failed", launched: 0, fault: { code } });
  });
});

describe("control", { timeout: 180_000 }, () => {
  beforeAll(async () => await stand.renew([READS_ONCE]), 60_000);

  it("a bot that reads the commit once launches the closed pull request", async () => {
    const run = await queued("launch stg3 --pr 1", () => repository.setPullRequest("closed"));
    expect(run).toMatchObject({ state: "succeeded", launched: 1 });
  });
});
