import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { messages } from "../../sandbox/client.ts";
import { launchedSince, leftInCloud } from "./support/cloud.ts";
import type { RunRow } from "./support/journal.ts";
import { Trial } from "./support/trial.ts";
import { changed, type Patch } from "./support/versions.ts";
import { openYard, type Yard } from "./support/yard.ts";

let yard: Yard;

beforeAll(async () => {
  yard = await openYard();
}, 60_000);
afterAll(async () => await yard.close());

describe("a run that another version of the bot takes up", { timeout: 120_000 }, () => {
  it.each<{ name: string; at: string; patch: Patch; code: string }>([
    {
      name: "with a step renamed that was finished",
      at: "after 1 step host/Service update/Long job running",
      patch: { file: "src/pipelines/steps/host.ts", find: '"SSH answers"', replace: '"SSH replies"' },
      code: "pipeline_changed",
    },
    {
      name: "with a step renamed that was under way",
      at: "before 1 step host/SSH answers succeeded",
      patch: { file: "src/pipelines/steps/host.ts", find: '"SSH answers"', replace: '"SSH replies"' },
      code: "pipeline_changed",
    },
    {
      name: "of which it does not know the pipeline's version",
      at: "after 1 obligation target created",
      patch: {
        file: "src/pipelines/launch.ts",
        find: "version: 2, compatibleWith: [1]",
        replace: "version: 3",
      },
      code: "pipeline_version_unknown",
    },
  ])("$name stops, is undone, and says so", async ({ name, at, patch, code }) => {
    const trial = new Trial(yard, code + at.length);
    await trial.start();
    trial.begin();
    trial.arm(at);
    await trial.say("launch stg1 --tests none");
    expect(await trial.untilKilled(), name).toBeDefined();
    await trial.start(changed(patch));
    const run = await trial.untilEnded();
    expect(await trial.audit({ state: "failed" })).toEqual([]);
    expect(JSON.parse(run?.outcome_json ?? "{}").fault.code).toBe(code);
    const reason = run?.reason ?? "";
    expect(reason).not.toBe("");
    await expect.poll(async () => await said(), { timeout: 10_000 }).toContain(reason);
    await trial.end();
  });

  describe("a launch over a kept environment that began under version 1, which removed that first", () => {
    const asVersion1 = {
      file: "src/pipelines/launch.ts",
      find: "version: 2, compatibleWith: [1]",
      replace: "version: 1",
    };

    /** Kills a bot of version 1 at this point, and lets another go on: the run as it ended, with nothing left. */
    async function upgraded(name: string, at: string, then: readonly Patch[]): Promise<RunRow> {
      const trial = new Trial(yard, name);
      try {
        return await upgrade(trial, at, then);
      } finally {
        await trial.end();
      }
    }

    async function upgrade(trial: Trial, at: string, then: readonly Patch[]): Promise<RunRow> {
      await trial.start(changed(asVersion1));
      trial.begin();
      await trial.say("launch stg1 --tests none --keep 1h");
      await trial.until("kept", () => trial.journal.run(1)?.ended_at != null, 60_000);
      trial.begin();
      trial.arm(at);
      await trial.say("launch stg1 --tests none");
      expect(await trial.untilKilled()).toBeDefined();
      const since = Date.now();
      await trial.start(changed(...then));
      const run = await trial.untilEnded();
      if (!run) throw new Error(`not ended:\n${trial.bot.lastLines()}`);
      expect(await leftInCloud(yard)).toEqual([]);
      expect(trial.journal.heldLeases()).toEqual([]);
      expect((await launchedSince(yard, since)).length).toBeLessThanOrEqual(1);
      return run;
    }

    it.each([
      ["before", "before 1 step Remove the previous environment running"],
      ["in the middle of it", "after 1 step Remove the previous environment running"],
      ["after it", "after 1 step host/instance/Instance runs succeeded"],
    ])("goes on so when the bot was renewed %s", async (when, at) => {
      const { state, reason } = await upgraded(`v1-${when}`, at, []);
      expect([state, reason]).toEqual(["succeeded", null]);
    });

    it("control: one that goes on as version 2 would is found out", async () => {
      const asIf2 = { file: "src/pipelines/launch.ts", find: "run.version === 1", replace: "false" };
      const at = "after 1 step host/instance/Instance runs succeeded";
      const { state, outcome_json } = await upgraded("v1-control", at, [asIf2]);
      expect([state, JSON.parse(outcome_json ?? "{}").fault.code]).toEqual(["failed", "pipeline_changed"]);
    });
  });

  async function said(): Promise<string> {
    return JSON.stringify(await messages(yard.json)).replaceAll('\\"', '"');
  }
});
