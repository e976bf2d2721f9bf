import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { messages } from "../../sandbox/client.ts";
import { leftInCloud } from "../crash/support/cloud.ts";
import type { Patch } from "../crash/support/versions.ts";
import { ask, eventually, instanceOn, runOf, slotOf, threadOf, untilSlot } from "./support/scene.ts";
import { Stand } from "./support/stand.ts";

/** Of the ten minutes that a run's own cleanup gets, what a trial can wait for. */
const IN_A_HURRY: Patch = {
  file: "src/engine/executor.ts",
  find: "CLEANUP_LIMIT_MS = 10 * 60_000",
  replace: "CLEANUP_LIMIT_MS = 5_000",
};
const FORGETFUL: Patch = {
  file: "src/engine/executor.ts",
  find: "if (stuck.length === 0)",
  replace: "if (stuck.length >= 0)",
};
/** A permission was taken away, and nobody gives it back by himself. */
const REFUSED = [
  { action: "ec2:TerminateInstances", mode: "error-before", code: "UnauthorizedOperation", rate: 1 },
];
const WHY = "ec2:TerminateInstances in us-east-1 was refused: UnauthorizedOperation";
let stand: Stand;

beforeAll(async () => {
  stand = await Stand.open();
  await stand.renew([IN_A_HURRY]);
}, 120_000);
afterEach(() => stand.control("faults", []));
afterAll(() => stand.close(), 60_000);

/** Messages of the channel itself, in their order. */
async function posted(like: RegExp): Promise<string[]> {
  return (await messages(stand.yard.json)).map(({ text }) => text).filter((text) => like.test(text));
}

async function untilPosted(like: RegExp): Promise<string> {
  const [first] = await eventually(
    `posted ${like}`,
    () => posted(like),
    (texts) => texts.length > 0,
  );
  return first ?? "";
}

const DIRTY = (slot: string) => new RegExp(`⚠ .*${slot} is dirty`);
const CLEAN = (slot: string) => new RegExp(`✓ ${slot} is clean`);

describe("a machine that AWS does not let go", () => {
  it("its run has failed, its slot is dirty, the channel is told; mended and cleaned, who waited has it", async () => {
    await stand.control("faults", REFUSED);
    const { id } = await stand.begin("launch stg1 --tests none");
    expect(await stand.ended(id)).toMatchObject({ state: "failed", outcome: { state: "succeeded" } });
    const run = await runOf(stand, id);
    expect(run.reason).toMatch(
      /^Cleanup unconfirmed after 5s: Terminate instance\. The slot is dirty: nothing launches there/,
    );
    const open = run.obligations.filter(({ state }) => state !== "gone").map(({ kind }) => kind);
    expect(open.sort()).toEqual(["instance", "lease"]);
    expect(run.steps.find(({ name }) => name === "Terminate instance")).toMatchObject({
      state: "failed",
      error: { code: "cleanup_unconfirmed", message: expect.stringContaining(WHY) },
    });
    expect(await slotOf(stand, "stg1")).toMatchObject({ state: "dirty", reason: "cleanup unconfirmed" });
    const instance = await instanceOn(stand, "stg1");

    const alarm = await untilPosted(DIRTY("stg1"));
    expect(alarm).toContain("Still owed: Terminate instance");
    expect(alarm).toContain(WHY);
    expect(alarm).toContain("Nothing launches there until it is; cleanup goes on by itself.");
    expect(alarm).toContain("`/stg clean stg1`");
    const thread = await threadOf(stand, id);
    expect(thread).toMatch(/✗ \*Terminate instance\* failed: .*UnauthorizedOperation/);
    expect(thread).toMatch(/Run #\d+ failed after .*\nCleanup unconfirmed after 5s/);
    expect(await ask(stand, "status stg1")).toMatch(/stg1\* dirty: .*cleanup unconfirmed/);

    // Nothing launches there, and trying again is no use while AWS refuses.
    const answer = await ask(stand, "launch stg1 --tests none", "developer2");
    expect(answer).toMatch(/is waiting.*cleanup unconfirmed/);
    const waiting = Number(/run #(\d+)/.exec(answer)?.[1]);
    expect(await ask(stand, "clean stg1")).toContain("`role_missing`");
    expect(await ask(stand, "clean stg1", "maintainer")).toContain(WHY);
    expect((await runOf(stand, waiting)).state).toBe("queued");
    expect(await instanceOn(stand, "stg1")).toBe(instance);

    await stand.control("faults", []);
    await ask(stand, "clean stg1", "maintainer");
    expect(await untilPosted(CLEAN("stg1"))).toContain("it can be launched on again");
    expect((await stand.ended(waiting)).state).toBe("succeeded");
    await untilSlot(stand, "stg1", "free");
    expect(await posted(DIRTY("stg1"))).toHaveLength(1);
    expect(await leftInCloud(stand.yard)).toEqual([]);
    expect(stand.trial.journal.openObligations()).toEqual([]);
  }, 120_000);

  it("the janitor alone frees the slot once AWS lets go, over a restart, and nothing is told twice", async () => {
    await stand.control("faults", REFUSED);
    const { id } = await stand.begin("launch stg4 --tests none");
    expect((await stand.ended(id)).state).toBe("failed");
    await untilPosted(DIRTY("stg4"));
    await stand.trial.kill();
    await stand.trial.start();
    expect((await slotOf(stand, "stg4")).state).toBe("dirty");
    await stand.control("faults", []);
    await untilSlot(stand, "stg4", "free", 60_000);
    await untilPosted(CLEAN("stg4"));
    expect(await posted(DIRTY("stg4"))).toHaveLength(1);
    expect(await leftInCloud(stand.yard)).toEqual([]);
  }, 150_000);
});

describe("the controls", () => {
  it("a machine that AWS lets go alarms nobody", async () => {
    const { id } = await stand.begin("launch stg2 --tests none");
    expect((await stand.ended(id)).state).toBe("succeeded");
    expect(await posted(DIRTY("stg2"))).toEqual([]);
  }, 60_000);

  it("a bot that calls such a run succeeded is found out", async () => {
    await stand.renew([IN_A_HURRY, FORGETFUL]);
    await stand.control("faults", REFUSED);
    const { id } = await stand.begin("launch stg1 --tests none");
    expect((await stand.ended(id)).state).toBe("succeeded");
    expect(await leftInCloud(stand.yard)).not.toEqual([]);
  }, 60_000);
});
