import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { JsonObject } from "../../src/util/json.ts";
import { leftInCloud } from "../crash/support/cloud.ts";
import { ask, instanceOn, machines, runOf, slotOf, threadOf, untilSlot, upset } from "./support/scene.ts";
import { Stand } from "./support/stand.ts";

const SHA = "0123456789abcdef0123456789abcdef01234567";
const FAILING_TEST = "the monthly report adds up";
let stand: Stand;

/** The example's service update, with the sandbox's times. */
function example(): JsonObject {
  const text = readFileSync(join(import.meta.dirname, "../../examples/ami-launch.yml"), "utf8");
  const quick = text.replaceAll("every: 15s", "every: 100ms").replace("every: 5s", "every: 100ms");
  return (parse(quick) as { serviceUpdate: JsonObject }).serviceUpdate;
}

beforeAll(async () => {
  stand = await Stand.open({ config: (config) => ({ ...config, serviceUpdate: example() }) });
}, 120_000);
afterAll(() => stand.close(), 60_000);

describe("the example of the prepared image, through the real bot", () => {
  /** Launches on a machine with these times; resolves with the run and what its DM has logged. */
  async function launch(application: object) {
    await machines(stand, { application });
    try {
      const run = await stand.begin(`launch stg1 --sha ${SHA} --keep 10m --tests none`);
      await stand.ended(run.id);
      const id = await instanceOn(stand, "stg1");
      const [dm] = globSync(`${stand.yard.folder}/sandbox/cloud/**/${id}/**/var/log/dm.log`);
      return { run: await runOf(stand, run.id), dm: readFileSync(dm ?? "", "utf8") };
    } finally {
      await machines(stand, {});
    }
  }
  const jobsOf = ({ obligations }: Awaited<ReturnType<typeof runOf>>) =>
    obligations.filter(({ kind }) => kind === "remote-job").length;

  it("takes its fourteen steps; static files are collected once; the empty reply is mended", async () => {
    const slow = await launch({ collectstaticMs: 1_500, mentorEmptyMs: 600_000, lmsStartMs: 300 });
    expect([slow.run.state, slow.run.reason]).toEqual(["succeeded", null]);
    const names = slow.run.steps.map(({ name }) => name);
    for (const name of [
      "Give postgres its files",
      "Log in to the image registry",
      "Save platform configuration",
      "Save edX configuration",
      "Start edX",
      "LMS answers",
      "Start DM",
      "DM answers",
      "Migrate DM",
      "Restart Mentor SPA",
      "Mentor SPA answers",
      "Connect OAuth and OIDC",
      "Sync edX users",
      "Sync single sign-on credentials",
      "Reload proxy",
    ]) {
      expect(names).toContain(name);
    }
    expect(slow.run.steps.filter(({ state }) => state !== "succeeded")).toEqual([]);
    expect(slow.dm.match(/collectstatic started/g)).toHaveLength(1);
    const health = await fetch(`${stand.yard.json.slots.stg1?.url}/health`);
    expect(await health.json()).toMatchObject({ status: "ok", version: SHA });
    // The control: without the empty reply nothing is mended, which is one job less.
    const well = await launch({ collectstaticMs: 50, lmsStartMs: 10 });
    expect(well.run.state).toBe("succeeded");
    expect(jobsOf(slow.run)).toBe(jobsOf(well.run) + 1);
  }, 120_000);

  it("an update of what stands there does not begin to collect static files again", async () => {
    const id = await instanceOn(stand, "stg1");
    const run = await stand.begin("update stg1");
    expect((await stand.ended(run.id)).state).toBe("succeeded");
    const [dm] = globSync(`${stand.yard.folder}/sandbox/cloud/**/${id}/**/var/log/dm.log`);
    expect(readFileSync(dm ?? "", "utf8").match(/collectstatic started/g)).toHaveLength(1);
    await ask(stand, "terminate stg1");
    await untilSlot(stand, "stg1", "free");
    expect(await leftInCloud(stand.yard)).toEqual([]);
  }, 90_000);
});

describe("the tests of a launch", () => {
  it("a failing one is named with its error; `--failed` runs it alone; a browser that is not there is not run", async () => {
    await machines(stand, { application: { broken: true } });
    const first = await stand.begin(`launch stg2 --sha ${SHA} --keep 20m --tests chrome,edge`);
    const ended = await stand.ended(first.id, 120_000);
    await machines(stand, {});
    expect(ended.state).toBe("failed");
    expect(ended.outcome.fault?.code).toBe("tests_failed");
    const run = await runOf(stand, first.id);
    expect(run.tests).toMatchObject({ failed: 1 });
    expect(run.tests?.passed).toBeGreaterThan(3);
    expect(run.tests?.notRun).toBeGreaterThan(0);
    // What was not run is not called passed, not even by the name of a step.
    expect(run.steps.map(({ name }) => name).filter((name) => /pass/i.test(name))).toEqual([]);
    const thread = await threadOf(stand, first.id);
    expect(thread).toContain(FAILING_TEST);
    expect(thread).toContain("report.spec.ts");
    expect(thread).toMatch(/Expected|toHaveText|toBe/);
    expect(thread).toMatch(/edge not run/);
    expect(JSON.stringify(run)).toContain(FAILING_TEST);
    expect((await slotOf(stand, "stg2")).state).toBe("held");

    const again = await stand.begin("test stg2 --failed");
    expect((await stand.ended(again.id, 120_000)).state).toBe("failed");
    expect((await runOf(stand, again.id)).tests).toMatchObject({ failed: 1, passed: 0 });

    await upset(stand, await instanceOn(stand, "stg2"), { application: { broken: false } });
    const mended = await stand.begin("test stg2 --failed");
    const last = await stand.ended(mended.id, 120_000);
    expect([last.state, last.reason]).toEqual(["succeeded", null]);
    expect((await runOf(stand, mended.id)).tests).toMatchObject({ failed: 0, passed: 1 });
    expect(await ask(stand, "test stg2 --failed")).toContain("no_failed_tests");
    await ask(stand, "terminate stg2");
    await untilSlot(stand, "stg2", "free");
    expect(await leftInCloud(stand.yard)).toEqual([]);
  }, 240_000);

  it("`--failed` knows them also when what was tested is gone", async () => {
    await machines(stand, { application: { broken: true } });
    const first = await stand.begin(`launch stg2 --sha ${SHA} --tests chrome`);
    expect((await stand.ended(first.id, 120_000)).outcome.fault?.code).toBe("tests_failed");
    await machines(stand, {});
    await untilSlot(stand, "stg2", "free");
    const kept = await stand.begin(`launch stg2 --sha ${SHA} --keep 20m --tests none`);
    expect((await stand.ended(kept.id)).state).toBe("succeeded");
    const again = await stand.begin("test stg2 --failed");
    expect((await stand.ended(again.id, 120_000)).state).toBe("succeeded");
    expect((await runOf(stand, again.id)).tests).toMatchObject({ failed: 0, passed: 1 });
    await ask(stand, "terminate stg2");
    await untilSlot(stand, "stg2", "free");
  }, 240_000);

  it("only a browser that is not there: nothing ran, so nothing succeeded", async () => {
    const run = await stand.begin(`launch stg2 --sha ${SHA} --tests edge`);
    const ended = await stand.ended(run.id, 120_000);
    expect(ended.state).toBe("failed");
    expect(ended.outcome.fault?.code).toBe("tests_not_run");
    expect((await runOf(stand, run.id)).tests).toMatchObject({ passed: 0 });
    expect(await leftInCloud(stand.yard)).toEqual([]);
  }, 120_000);
});
