import {
  ElasticLoadBalancingV2Client,
  ModifyRuleCommand,
  RegisterTargetsCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SLOTS, TARGET_PORT } from "../../sandbox/supervisor/plan.ts";
import { sleep } from "../../src/util/clock.ts";
import { NUMBERED_UPDATE, slotsWith } from "./support/configuration.ts";
import {
  ask,
  eventually,
  instanceOn,
  machines,
  runOf,
  slotOf,
  threadOf,
  untilSlot,
} from "./support/scene.ts";
import { Stand } from "./support/stand.ts";
import { type Answer, type Judgement, judge, Stream } from "./support/stream.ts";

/** The three ways to swap, each on a slot of its own. */
const WAYS = { replace: "stg1", overlap: "stg2", switch: "stg3" } as const;
type Way = keyof typeof WAYS;
const NAMES = Object.keys(WAYS) as Way[];
/** The slot whose kept environment stands behind all the others as well: the old targets. */
const DONOR = "stg4";
const EVERY_MS = 10;

let stand: Stand;
let donor: string;
let donorVersion: string;

beforeAll(async () => {
  stand = await Stand.open({
    config: (config) => ({
      ...config,
      slots: slotsWith(config, { healthyWithin: "12s" }),
      serviceUpdate: NUMBERED_UPDATE,
    }),
  });
  const run = await stand.begin(`launch ${DONOR} --keep --tests none`);
  expect((await stand.ended(run.id)).state).toBe("succeeded");
  donor = await instanceOn(stand, DONOR);
  donorVersion = `run-${run.id}`;
}, 120_000);
afterAll(() => stand.close(), 60_000);

function elb(): ElasticLoadBalancingV2Client {
  const { endpoint, region, accessKeyId, secretAccessKey } = stand.yard.json.aws;
  return new ElasticLoadBalancingV2Client({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
  });
}

/** Puts the donor's instance behind a slot as somebody would by hand, and waits until it answers there. */
async function standOld(way: Way): Promise<void> {
  const plan = SLOTS.find(({ name }) => name === WAYS[way]);
  const group = plan?.targetGroups[0]?.arn;
  if (!plan || group === undefined) throw new Error(`${way} has no target group`);
  const client = elb();
  if (way === "switch") {
    const forward = { TargetGroups: [{ TargetGroupArn: group, Weight: 1 }] };
    await client.send(
      new ModifyRuleCommand({ RuleArn: plan.rule, Actions: [{ Type: "forward", ForwardConfig: forward }] }),
    );
  }
  await client.send(
    new RegisterTargetsCommand({ TargetGroupArn: group, Targets: [{ Id: donor, Port: TARGET_PORT }] }),
  );
  await eventually(
    `${way}'s old target answering`,
    async () => (await fetch(healthOf(way))).status,
    (status) => status === 200,
  );
}

function healthOf(way: Way): string {
  return `${stand.yard.json.slots[WAYS[way]]?.url}/health`;
}

interface Seen {
  readonly way: Way;
  readonly answers: readonly Answer[];
  readonly run: number;
}

/** Swaps under a stream of requests; `after` is how long the stream goes on behind the run's end, in ms. */
async function swapUnderStream(way: Way): Promise<Seen> {
  const stream = new Stream(healthOf(way), EVERY_MS);
  await sleep(500);
  const run = await stand.begin(`launch ${WAYS[way]} --keep --tests none`);
  await stand.ended(run.id);
  await sleep(1_000);
  return { way, answers: await stream.stop(), run: run.id };
}

function table(rows: readonly (readonly [string, Judgement])[]): string {
  const head = "way       requests  failed  longest gap  old   new   old after new";
  const lines = rows.map(([name, one]) =>
    [
      name.padEnd(9),
      String(one.asked).padStart(8),
      String(one.failed).padStart(7),
      `${one.gapMs} ms`.padStart(12),
      String(one.old).padStart(6),
      String(one.new).padStart(5),
      String(one.oldAfterNew).padStart(15),
    ].join(" "),
  );
  return [head, ...lines].join("\n");
}

describe("a swap under a steady stream of requests", () => {
  it("a new target that never becomes healthy: the run fails by name, and the old ones serve again", async () => {
    await machines(stand, { application: { lmsStartMs: 3_600_000 } });
    const seen: Seen[] = [];
    try {
      await Promise.all(NAMES.map(standOld));
      // Begun one after the other, since each is known by being the newest; they go on side by side.
      const streams = NAMES.map((way) => new Stream(healthOf(way), EVERY_MS));
      const runs: number[] = [];
      for (const way of NAMES) runs.push((await stand.begin(`launch ${WAYS[way]} --keep --tests none`)).id);
      await Promise.all(runs.map((id) => stand.ended(id)));
      await sleep(2_500);
      for (const [index, way] of NAMES.entries()) {
        const answers = (await streams[index]?.stop()) ?? [];
        seen.push({ way, answers, run: runs[index] ?? 0 });
      }
    } finally {
      await machines(stand, {});
    }
    console.log(
      `never healthy\n${table(seen.map(({ way, answers, run }) => [way, judge(answers, donorVersion, `run-${run}`)]))}`,
    );
    for (const { way, answers, run } of seen) {
      const { state, outcome } = { ...(await stand.ended(run)) };
      expect({ way, state, code: outcome.fault?.code }).toEqual({
        way,
        state: "failed",
        code: "target_wait_timeout",
      });
      expect(outcome.fault?.remedy).toBeTruthy();
      expect((await runOf(stand, run)).obligations.filter(({ state }) => state !== "gone")).toEqual([]);
      expect((await slotOf(stand, WAYS[way])).state).toBe("free");
      const last = answers.slice(-50);
      expect({ way, last: new Set(last.map(({ status, version }) => `${status} ${version}`)) }).toEqual({
        way,
        last: new Set([`200 ${donorVersion}`]),
      });
      if (way !== "replace") expect(judge(answers, donorVersion, `run-${run}`).failed).toBe(0);
    }
  }, 120_000);

  it("replace: a gap, never mixed; overlap: no failure; switch: neither", async () => {
    await Promise.all(NAMES.map(standOld));
    const judged = new Map<Way, Judgement>();
    for (const way of NAMES) {
      const { answers, run } = await swapUnderStream(way);
      judged.set(way, judge(answers, donorVersion, `run-${run}`));
    }
    console.log(`swap under a stream\n${table([...judged])}`);
    for (const one of judged.values()) {
      expect(one.old).toBeGreaterThan(10);
      expect(one.new).toBeGreaterThan(10);
    }
    expect(judged.get("switch")).toMatchObject({ failed: 0, oldAfterNew: 0 });
    expect(judged.get("overlap")).toMatchObject({ failed: 0 });
    expect(judged.get("replace")).toMatchObject({ oldAfterNew: 0 });
    // The control: the same stream and the same count do see failures, and answers that are mixed.
    expect(judged.get("replace")?.failed).toBeGreaterThan(0);
    expect(judged.get("overlap")?.oldAfterNew).toBeGreaterThan(0);
    for (const way of NAMES) {
      expect(await ask(stand, `terminate ${WAYS[way]}`)).toContain("has started");
      await untilSlot(stand, WAYS[way], "free");
    }
  }, 120_000);

  it("says in the thread why the swap failed", async () => {
    const failed = stand.trial.journal.runs().filter(({ state }) => state === "failed");
    expect(failed).toHaveLength(NAMES.length);
    for (const { id } of failed) expect(await threadOf(stand, id)).toContain("Load balancer sees it healthy");
  }, 60_000);

  it("a named instance that does not run is found out before anything changes", async () => {
    const keep = async () => {
      const { id } = await stand.begin("launch stg1 --keep --tests none");
      expect((await stand.ended(id)).state).toBe("succeeded");
      return { version: `run-${id}`, instance: await instanceOn(stand, "stg1") };
    };
    const gone = await keep();
    const standing = await keep();
    const wrong = [
      { id: "i-0123456789abcdef0", message: "There is no instance i-0123456789abcdef0 in us-east-1." },
      { id: gone.instance, message: `The instance ${gone.instance} is terminated in us-east-1.` },
    ];
    for (const { id, message } of wrong) {
      const stream = new Stream(healthOf("replace"), EVERY_MS);
      const run = await stand.begin(`swap stg1 ${id}`);
      const { state, outcome } = await stand.ended(run.id);
      const { asked, old } = judge(await stream.stop(), standing.version, donorVersion);
      expect([state, outcome.fault]).toMatchObject(["failed", { code: "no_such_instance", message }]);
      expect(outcome.fault?.remedy).toContain("stg1 serves as before");
      expect((await runOf(stand, run.id)).steps.map(({ name }) => name)).toEqual(["Look for the instance"]);
      expect(old).toBe(asked);
    }
    // The control: one that runs is taken, though another slot's.
    const run = await stand.begin(`swap stg1 ${donor}`);
    expect((await stand.ended(run.id)).state).toBe("succeeded");
    await eventually(
      "the donor answering on stg1",
      async () => await (await fetch(healthOf("replace"))).text(),
      (text) => text.includes(donorVersion),
    );
    await ask(stand, "terminate stg1");
    await untilSlot(stand, "stg1", "free");
  }, 120_000);
});
