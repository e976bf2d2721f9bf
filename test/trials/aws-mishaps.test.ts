import { TerminateInstancesCommand } from "@aws-sdk/client-ec2";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { launchedSince } from "../crash/support/cloud.ts";
import { ec2Client } from "./support/aws.ts";
import { Barrier } from "./support/barrier.ts";
import { instanceOn } from "./support/scene.ts";
import { Stand } from "./support/stand.ts";

const LAUNCH = "launch stg1 --tests none";
const barrier = new Barrier();
let stand: Stand;

beforeAll(async () => {
  stand = await Stand.open({ config: (config) => ({ ...config, serviceUpdate: barrier.serviceUpdate() }) });
}, 120_000);
afterEach(async () => {
  barrier.letGo("stg1");
  await stand.control("faults", []);
  await stand.control("config", { delays: { pending: 100 } });
});
afterAll(async () => {
  await stand.close();
  barrier.remove();
}, 60_000);

async function terminateByHand(id: string): Promise<void> {
  const client = ec2Client(stand.yard.json);
  await client.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
  client.destroy();
}

/** The run has failed as named, and nothing of it is left. The service update here is not that of the audit. */
async function expectClean(): Promise<void> {
  expect(await stand.trial.audit({ state: "failed" })).toEqual([]);
}

it("an instance that dies while it is pending: told at once, with the reason of AWS", async () => {
  stand.trial.begin();
  await stand.control("config", { delays: { pending: 20_000 } });
  const { id } = await stand.begin(LAUNCH);
  await stand.untilStep(id, /Instance runs$/);
  const [launched] = await launchedSince(stand.yard, stand.trial.since);
  const killedAt = Date.now();
  await terminateByHand(launched?.id ?? "");
  const { outcome, ended_at } = await stand.ended(id);
  expect(outcome.fault).toMatchObject({
    code: "instance_died",
    remedy: expect.stringContaining("CloudTrail"),
  });
  expect((ended_at ?? 0) - killedAt).toBeLessThan(15_000);
  await expectClean();
}, 60_000);

it("an instance that somebody terminates in the middle of a step: told at once, not after minutes", async () => {
  stand.trial.begin();
  barrier.hold("stg1");
  const { id } = await stand.begin(LAUNCH);
  await stand.untilStep(id, /\/Barrier$/);
  const killedAt = Date.now();
  await terminateByHand(await instanceOn(stand, "stg1"));
  const { outcome, ended_at } = await stand.ended(id);
  expect(outcome.fault).toMatchObject({
    code: "instance_died",
    remedy: expect.stringContaining("CloudTrail"),
  });
  expect((ended_at ?? 0) - killedAt).toBeLessThan(30_000);
  await expectClean();
}, 60_000);

it("an instance that somebody terminates before it answers: told at once, not as silence at the end", async () => {
  stand.trial.begin();
  await stand.control("config", { machines: { sshAfterMs: 60_000 } });
  const { id } = await stand.begin(LAUNCH);
  await stand.untilStep(id, /SSH answers$/);
  await terminateByHand(await instanceOn(stand, "stg1"));
  const { outcome } = await stand.ended(id);
  await stand.control("config", { machines: {} });
  expect(outcome.fault).toMatchObject({
    code: "instance_died",
    remedy: expect.stringContaining("CloudTrail"),
  });
  await expectClean();
}, 60_000);

it("an instance that somebody terminates while the load balancer looks at it: told at once", async () => {
  stand.trial.begin();
  await stand.control("config", { delays: { firstHealthCheck: 60_000 } });
  const { id } = await stand.begin(LAUNCH);
  await stand.untilStep(id, /sees it healthy$/);
  const killedAt = Date.now();
  await terminateByHand(await instanceOn(stand, "stg1"));
  const { outcome, ended_at } = await stand.ended(id);
  await stand.control("config", { delays: { firstHealthCheck: 100 } });
  expect(outcome.fault).toMatchObject({ code: "target_invalid_state", remedy: expect.any(String) });
  expect((ended_at ?? 0) - killedAt).toBeLessThan(20_000);
  await expectClean();
}, 60_000);

it("an instance that is shut down from inside in the middle of a step is told as that", async () => {
  stand.trial.begin();
  barrier.hold("stg1");
  const { id } = await stand.begin(LAUNCH);
  await stand.untilStep(id, /\/Barrier$/);
  await stand.control("instance", { id: await instanceOn(stand, "stg1"), change: "power-off" });
  const { outcome } = await stand.ended(id);
  expect(outcome.fault).toMatchObject({
    code: "instance_died",
    message: expect.stringContaining("from inside"),
  });
  await expectClean();
}, 60_000);

describe("a target group that somebody deletes", () => {
  const gone = ["RegisterTargets", "DeregisterTargets", "DescribeTargetHealth"].map((name) => ({
    action: `elasticloadbalancing:${name}`,
    mode: "notfound",
    rate: 1,
  }));

  it("before the swap: told, and the rest is undone", async () => {
    stand.trial.begin();
    await stand.control("faults", gone);
    const { outcome } = await stand.ended((await stand.begin(LAUNCH)).id);
    expect(outcome.fault).toMatchObject({ code: "aws_not_found", remedy: expect.any(String) });
    expect(outcome.fault?.message).toContain("TargetGroupNotFound");
    await stand.control("faults", []);
    await expectClean();
  }, 60_000);

  it("while its new target is awaited: told, and the rest is undone", async () => {
    stand.trial.begin();
    // The first look is for old targets; the next finds that the group is no more.
    const later = gone.map((fault) =>
      fault.action.endsWith(":DeregisterTargets") ? fault : { ...fault, skip: 1 },
    );
    await stand.control("faults", later);
    const { outcome } = await stand.ended((await stand.begin(LAUNCH)).id);
    expect(outcome.fault).toMatchObject({ code: "aws_not_found", remedy: expect.any(String) });
    expect(outcome.fault?.message).toContain("TargetGroupNotFound");
    const calls = await stand.calls(stand.trial.since, "elasticloadbalancing:RegisterTargets");
    expect(calls.map(({ status }) => status)).toEqual([200]);
    expect(stand.trial.journal.openObligations()).toEqual([]);
  }, 60_000);
});
