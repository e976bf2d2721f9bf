import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { z } from "zod";
import { cloudState } from "../../sandbox/client.ts";
import { leftInCloud } from "../crash/support/cloud.ts";
import { Barrier } from "./support/barrier.ts";
import { configFile, reload } from "./support/configuration.ts";
import { ask, instanceOn, slotOf } from "./support/scene.ts";
import { Stand } from "./support/stand.ts";

const barrier = new Barrier();
let stand: Stand;

beforeAll(async () => {
  stand = await Stand.open({
    config: (config) => ({ ...config, serviceUpdate: barrier.serviceUpdate() }),
  });
}, 120_000);
afterAll(async () => {
  await stand.close();
  barrier.remove();
}, 60_000);

/** Gives a slot of the configuration another name; all else of it stays, its target group too. */
async function rename(from: string, to: string): Promise<void> {
  const now = parse(readFileSync(configFile(stand), "utf8"));
  const { [from]: slot, ...slots } = now.slots;
  writeFileSync(configFile(stand), stringify({ ...now, slots: { ...slots, [to]: slot } }));
  await reload(stand, /configuration read again/);
}

const cloudForm = z.object({ targets: z.array(z.object({ id: z.string() })) });

/** The instances that are behind some load balancer. */
async function serving(): Promise<string[]> {
  return cloudForm.parse(await cloudState(stand.yard.json)).targets.map(({ id }) => id);
}

const launches = (since: number) => stand.calls(since, "ec2:RunInstances");

it("a slot that is renamed while its environment is kept: nothing is launched under the new name until it is ended", async () => {
  const kept = await stand.begin("launch stg1 --keep --tests none");
  expect((await stand.ended(kept.id)).state).toBe("succeeded");
  const id = await instanceOn(stand, "stg1");
  await rename("stg1", "stage1");

  const since = Date.now();
  for (const launch of ["launch stage1 --keep --tests none", "launch stage1 --dry-run"]) {
    const said = await ask(stand, launch, "developer2");
    for (const part of [
      "target_in_use",
      "stage1",
      "in use by",
      "a kept environment",
      "Nothing was started",
    ]) {
      expect(said).toContain(part);
    }
    expect(said).toMatch(/Ask .* or a maintainer: .*terminate stg1/);
  }
  expect(await launches(since)).toEqual([]);
  expect(await serving()).toEqual([id]);
  expect(await slotOf(stand, "stg1")).toMatchObject({ state: "held", instanceId: id });

  // What the refusal says to do helps.
  const end = await stand.begin("terminate stg1");
  expect((await stand.ended(end.id)).state).toBe("succeeded");
  const after = await stand.begin("launch stage1 --tests none", "developer2");
  expect((await stand.ended(after.id)).state).toBe("succeeded");
  expect(await leftInCloud(stand.yard)).toEqual([]);
}, 120_000);

it("a launch that waited while the other slot's environment came to stand ends before it launches anything", async () => {
  barrier.hold("stg2");
  const first = await stand.begin("launch stg2 --keep --tests none");
  await stand.untilStep(first.id, /\/Barrier$/);
  await rename("stg2", "stage2");
  await ask(stand, "lock stage2");
  const second = await stand.begin("launch stage2 --tests none", "developer2");
  barrier.letGo("stg2");
  expect((await stand.ended(first.id)).state).toBe("succeeded");
  const id = await instanceOn(stand, "stg2");

  const since = Date.now();
  await ask(stand, "unlock stage2");
  const { state, outcome } = await stand.ended(second.id);
  expect([state, outcome.fault?.code]).toEqual(["failed", "target_in_use"]);
  expect(outcome.fault?.message).toContain("in use by stg2");
  expect(outcome.fault?.remedy).toMatch(/^Nothing was launched\. .*\/stg terminate stg2/);
  expect(await launches(since)).toEqual([]);
  expect(await leftInCloud(stand.yard, [id])).toEqual([]);
  expect(await serving()).toEqual([id]);
  const end = await stand.begin("terminate stg2");
  expect((await stand.ended(end.id)).state).toBe("succeeded");
}, 120_000);

it("of two launches under the old and the new name at once the later one leaves the load balancer alone", async () => {
  barrier.hold("stg3");
  barrier.hold("stage3");
  const first = await stand.begin("launch stg3 --keep --tests none");
  await stand.untilStep(first.id, /\/Barrier$/);
  await rename("stg3", "stage3");
  const second = await stand.begin("launch stage3 --keep --tests none", "developer2");
  await stand.untilStep(second.id, /\/Barrier$/);
  barrier.letGo("stg3");
  expect((await stand.ended(first.id)).state).toBe("succeeded");
  const id = await instanceOn(stand, "stg3");

  const since = Date.now();
  barrier.letGo("stage3");
  const { state, outcome } = await stand.ended(second.id);
  expect([state, outcome.fault?.code]).toEqual(["failed", "target_in_use"]);
  expect(outcome.fault?.remedy).toContain("Nothing was changed in the load balancer.");
  expect(await stand.calls(since, "elasticloadbalancing:ModifyRule")).toEqual([]);
  expect(await stand.calls(since, "elasticloadbalancing:DeregisterTargets")).toEqual([]);
  expect(await leftInCloud(stand.yard, [id])).toEqual([]);
  expect(await serving()).toContain(id);
  const end = await stand.begin("terminate stg3");
  expect((await stand.ended(end.id)).state).toBe("succeeded");
}, 120_000);
