import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { sleep } from "../../src/util/clock.ts";
import { leftInCloud } from "../crash/support/cloud.ts";
import type { Patch } from "../crash/support/versions.ts";
import { NUMBERED_UPDATE, slotsWith } from "./support/configuration.ts";
import { ask, eventually, instanceOn, machines, slotOf, threadOf, untilSlot } from "./support/scene.ts";
import { Stand } from "./support/stand.ts";
import { type Judgement, judge, Stream } from "./support/stream.ts";

/** A launch by its holder on a slot on which they keep an environment: by each way to swap, on a slot of its own. */
const WAYS = { replace: "stg1", overlap: "stg2", switch: "stg3" } as const;
type Way = keyof typeof WAYS;
const NAMES = Object.keys(WAYS) as Way[];
const EVERY_MS = 10;

let stand: Stand;

beforeAll(async () => {
  stand = await Stand.open({
    config: (config) => ({
      ...config,
      slots: slotsWith(config, { healthyWithin: "12s" }),
      serviceUpdate: NUMBERED_UPDATE,
    }),
  });
}, 120_000);
afterAll(() => stand.close(), 60_000);
afterEach(() => machines(stand, {}));

const NEVER_HEALTHY = { application: { lmsStartMs: 3_600_000 } };

function healthOf(way: Way): string {
  return `${stand.yard.json.slots[WAYS[way]]?.url}/health`;
}

interface Kept {
  readonly way: Way;
  readonly version: string;
  readonly instance: string;
}

/** Has an environment kept on the way's slot, which answers there. */
async function keep(way: Way): Promise<Kept> {
  const { id } = await stand.begin(`launch ${WAYS[way]} --keep 30m --tests none`);
  expect((await stand.ended(id)).state).toBe("succeeded");
  const version = `run-${id}`;
  await answering(way, version);
  return { way, version, instance: await instanceOn(stand, WAYS[way]) };
}

async function answering(way: Way, version: string): Promise<void> {
  await eventually(
    `${version} answering by ${way}`,
    async () => await (await fetch(healthOf(way))).text(),
    (text) => text.includes(`"${version}"`),
  );
}

async function livingInstances(): Promise<string[]> {
  const left = await leftInCloud(stand.yard);
  return left.filter((line) => line.startsWith("instances"));
}

/** It serves as if nothing had been tried, and it alone. */
async function mustStand({ way, version, instance }: Kept, until: string | null): Promise<void> {
  const slot = await slotOf(stand, WAYS[way]);
  expect({ way, ...slot }).toMatchObject({ way, state: "held", instanceId: instance, run: null });
  // Its time stood still while the run was at work.
  expect(Date.parse(slot.until ?? "")).toBeGreaterThanOrEqual(Date.parse(until ?? ""));
  await answering(way, version);
  const living = (await livingInstances()).join("\n");
  expect(living).toContain(instance);
}

async function endAll(): Promise<void> {
  for (const way of NAMES) {
    if ((await slotOf(stand, WAYS[way])).state !== "held") continue;
    expect(await ask(stand, `terminate ${WAYS[way]}`)).toContain("has started");
  }
  for (const way of NAMES) await untilSlot(stand, WAYS[way], "free");
  expect(await leftInCloud(stand.yard)).toEqual([]);
}

function line(name: string, one: Judgement): string {
  return `${name}: ${one.asked} requests, ${one.failed} failed, ${one.old} old, ${one.new} new, ${one.oldAfterNew} old after new`;
}

/** Launches over what is kept, under a stream of requests. */
async function relaunch(old: Kept): Promise<{ judged: Judgement; instance: string }> {
  const stream = new Stream(healthOf(old.way), EVERY_MS);
  await sleep(300);
  const { id } = await stand.begin(`launch ${WAYS[old.way]} --keep 30m --tests none`);
  expect((await stand.ended(id)).state).toBe("succeeded");
  await sleep(500);
  const judged = judge(await stream.stop(), old.version, `run-${id}`);
  console.log(line(old.way, judged));
  return { judged, instance: await instanceOn(stand, WAYS[old.way]) };
}

describe("a launch over what its holder keeps", () => {
  it("lets it serve until the swap: switch and overlap fail no request, switch and replace mix none", async () => {
    const judged = new Map<Way, Judgement>();
    for (const way of NAMES) {
      const old = await keep(way);
      const { judged: one, instance } = await relaunch(old);
      judged.set(way, one);
      expect(instance).not.toBe(old.instance);
      expect((await livingInstances()).filter((left) => left.includes(old.instance))).toEqual([]);
    }
    expect(judged.get("switch")).toMatchObject({ failed: 0, oldAfterNew: 0 });
    expect(judged.get("overlap")).toMatchObject({ failed: 0 });
    expect(judged.get("replace")).toMatchObject({ oldAfterNew: 0 });
    for (const one of judged.values()) {
      expect(one.old).toBeGreaterThan(10);
      expect(one.new).toBeGreaterThan(10);
    }
    await endAll();
  }, 180_000);

  it.each(["never becomes healthy", "is cancelled"])(
    "that %s leaves it in service, kept as it was",
    async (how) => {
      const kept: Kept[] = [];
      for (const way of NAMES) kept.push(await keep(way));
      const untils = await Promise.all(kept.map(async ({ way }) => (await slotOf(stand, WAYS[way])).until));
      await machines(stand, NEVER_HEALTHY);
      const streams = NAMES.map((way) => new Stream(healthOf(way), EVERY_MS));
      const runs: number[] = [];
      for (const way of NAMES) {
        const { id } = await stand.begin(`launch ${WAYS[way]} --keep --tests none`);
        runs.push(id);
        if (how !== "is cancelled") continue;
        await stand.untilStep(id, /^Load balancer sees it healthy$/);
        // The board shows what serves.
        expect(await slotOf(stand, WAYS[way])).toMatchObject({
          state: "busy",
          instanceId: kept[NAMES.indexOf(way)]?.instance,
        });
        await ask(stand, `cancel ${id}`);
      }
      for (const id of runs)
        expect((await stand.ended(id)).state).toBe(how === "is cancelled" ? "cancelled" : "failed");
      for (const [index, old] of kept.entries()) await mustStand(old, untils[index] ?? null);
      expect(await livingInstances()).toHaveLength(kept.length);
      for (const [index, stream] of streams.entries()) {
        const { way, version } = kept[index] as Kept;
        const judged = judge(await stream.stop(), version, `run-${runs[index]}`);
        console.log(line(`${how}, ${way}`, judged));
        expect(judged.new).toBe(0);
        if (way !== "replace") expect({ way, failed: judged.failed }).toEqual({ way, failed: 0 });
        expect(await threadOf(stand, runs[index] ?? 0)).toMatch(/The environment of run #\d+ stands until/);
      }
      await endAll();
    },
    180_000,
  );

  it("not kept itself ends both", async () => {
    await keep("overlap");
    const { id } = await stand.begin("launch stg2 --tests none");
    expect((await stand.ended(id)).state).toBe("succeeded");
    await untilSlot(stand, "stg2", "free");
    expect(await leftInCloud(stand.yard)).toEqual([]);
  }, 90_000);
});

/** The turning point: one transaction. What a later run of the tenancy owes under a key bears its number. */
const TAKEN_OVER =
  "obligation listener-rule#RUN gone + obligation all note + obligation all due_at + lease run";
const OLD_GONE = "obligation instance gone + step cleanup/instance:t3.large:subnet succeeded";

describe("a bot killed while a launch takes the place of what its holder keeps", () => {
  it.each([
    "after 1 obligation instance recorded",
    "after 1 step Load balancer sees it healthy running",
    "before 1 step Switch succeeded",
    `before 1 ${TAKEN_OVER}`,
    `after 1 ${TAKEN_OVER}`,
    "after 1 step Remove the previous environment running",
    `before 1 ${OLD_GONE}`,
    `after 1 ${OLD_GONE}`,
  ])(
    "goes on: %s",
    async (point) => {
      const old = await keep("switch");
      const stream = new Stream(healthOf("switch"), EVERY_MS);
      stand.trial.begin();
      const next = Number(old.version.replace("run-", "")) + 1;
      stand.trial.arm(point.replace("RUN", String(next)));
      const { id } = await stand.begin("launch stg3 --keep 30m --tests none");
      expect(id).toBe(next);
      expect(await stand.trial.untilKilled()).toBeDefined();
      await stand.trial.start();
      expect((await stand.ended(id)).state).toBe("succeeded");
      await answering("switch", `run-${id}`);
      expect(judge(await stream.stop(), old.version, `run-${id}`)).toMatchObject({
        failed: 0,
        oldAfterNew: 0,
      });
      expect(await slotOf(stand, "stg3")).toMatchObject({ state: "held" });
      const living = await livingInstances();
      expect(living).toHaveLength(1);
      expect(living[0]).toContain(await instanceOn(stand, "stg3"));
      await endAll();
    },
    120_000,
  );

  it.each(NAMES)(
    "and cancelled then, before it has taken over, leaves it in service: %s",
    async (way) => {
      const old = await keep(way);
      const { until } = await slotOf(stand, WAYS[way]);
      await machines(stand, NEVER_HEALTHY);
      stand.trial.begin();
      stand.trial.arm("after 1 step Load balancer sees it healthy running");
      const { id } = await stand.begin(`launch ${WAYS[way]} --keep --tests none`);
      expect(await stand.trial.untilKilled()).toBeDefined();
      await stand.trial.start();
      await ask(stand, `cancel ${id}`);
      expect((await stand.ended(id)).state).toBe("cancelled");
      await mustStand(old, until);
      expect(await livingInstances()).toHaveLength(1);
      await endAll();
    },
    120_000,
  );
});

/** The order of version 1: what stands there goes first. */
const CLEAN_SLATE: Patch = {
  file: "src/pipelines/launch.ts",
  find: "const { host } = await run.together({",
  replace: `if (earlier > 0) {
      await run.takeOver({ met: null, facts: {}, keep: null });
      await run.step("Clear", (step) => run.clearEarlier(step));
    }
    const { host } = await run.together({`,
};

describe("the control", () => {
  it("with the old one removed first, requests fail", async () => {
    await stand.renew([CLEAN_SLATE]);
    for (const way of ["overlap", "switch"] as const) {
      const { judged } = await relaunch(await keep(way));
      expect(judged.failed).toBeGreaterThan(10);
    }
    await endAll();
    await stand.renew();
  }, 120_000);
});
