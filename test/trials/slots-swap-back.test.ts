import {
  DescribeTargetHealthCommand,
  ElasticLoadBalancingV2Client,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { leftInCloud } from "../crash/support/cloud.ts";
import type { Patch } from "../crash/support/versions.ts";
import { slotsWith } from "./support/configuration.ts";
import { ask, eventually, instanceOn, untilSlot } from "./support/scene.ts";
import { Stand } from "./support/stand.ts";

/** Another machine serves a slot; its own is to take over again and does not become healthy. */
const OTHER = "stg4";
const ALWAYS_THE_KEPT_ONES: Patch = {
  file: "src/pipelines/swap.ts",
  find: "ofRun: !(await alreadyServes(run, context, instanceId))",
  replace: "ofRun: false",
};
let stand: Stand;

beforeAll(async () => {
  stand = await Stand.open({
    config: (config) => ({ ...config, slots: slotsWith(config, { healthyWithin: "5s" }) }),
  });
}, 120_000);
afterAll(() => stand.close(), 60_000);

/** The instances to which a slot's load balancer sends requests, or will. */
async function targetsOf(slot: string): Promise<string[]> {
  const { endpoint, region, accessKeyId, secretAccessKey } = stand.yard.json.aws;
  const client = new ElasticLoadBalancingV2Client({
    ...{ endpoint, region, credentials: { accessKeyId, secretAccessKey } },
  });
  const TargetGroupArn = stand.yard.json.slots[slot]?.targetGroup;
  const { TargetHealthDescriptions } = await client.send(new DescribeTargetHealthCommand({ TargetGroupArn }));
  return (TargetHealthDescriptions ?? [])
    .filter(({ TargetHealth }) => TargetHealth?.State !== "draining")
    .map(({ Target }) => Target?.Id ?? "")
    .toSorted();
}

async function change(id: string, what: "freeze" | "thaw"): Promise<void> {
  await stand.control("instance", { id, change: what });
}

async function kept(slot: string): Promise<string> {
  const run = await stand.begin(`launch ${slot} --keep 20m --tests none`);
  expect((await stand.ended(run.id)).state).toBe("succeeded");
  return await instanceOn(stand, slot);
}

/** Swaps the slot's own machine in while it is frozen, then thaws it. @returns what is registered afterwards */
async function failingSwap(slot: string): Promise<{ readonly own: string; readonly other: string }> {
  const [own, other] = [await kept(slot), await kept(OTHER)];
  const first = await stand.begin(`swap ${slot} ${other}`);
  expect((await stand.ended(first.id)).state).toBe("succeeded");
  await eventually(
    "the other alone",
    () => targetsOf(slot),
    (ids) => ids.join() === other,
  );
  await change(own, "freeze");
  const second = await stand.begin(`swap ${slot} ${own}`);
  expect((await stand.ended(second.id)).state).toBe("failed");
  await change(own, "thaw");
  return { own, other };
}

async function end(slot: string): Promise<void> {
  for (const one of [slot, OTHER]) {
    await ask(stand, `terminate ${one}`);
    await untilSlot(stand, one, "free");
  }
  expect(await leftInCloud(stand.yard)).toEqual([]);
}

describe("a swap by hand that fails", () => {
  it.each([
    ["replace", "stg1"],
    ["overlap", "stg2"],
  ])(
    "by %s leaves what served before, and that alone",
    async (_, slot) => {
      const { other } = await failingSwap(slot);
      expect(await targetsOf(slot)).toEqual([other]);
      await end(slot);
    },
    180_000,
  );

  it("control: a bot that takes the kept environment's registration for its own leaves both", async () => {
    await stand.renew([ALWAYS_THE_KEPT_ONES]);
    const { own, other } = await failingSwap("stg1");
    expect(await targetsOf("stg1")).toEqual([own, other].toSorted());
  }, 180_000);
});
