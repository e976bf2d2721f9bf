import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { messages } from "../../sandbox/client.ts";
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
        find: '"launch", { version: 2, compatibleWith: [1] }',
        replace: '"launch", { version: 3 }',
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

  async function said(): Promise<string> {
    return JSON.stringify(await messages(yard.json)).replaceAll('\\"', '"');
  }
});
