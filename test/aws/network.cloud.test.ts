import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  AwsFault,
  buildLaunchRequest,
  buildUserData,
  type Cloud,
  type CloudRegion,
  probeSlot,
  type Target,
  untilDeregistered,
  untilHealthy,
  untilRunning,
} from "../../src/cloud/index.ts";
import {
  AMI,
  BLUE,
  type FaultMode,
  GREEN,
  GROUP,
  HTTP_PORT,
  LocalCloud,
  REGION,
  RULE,
  SUBNET_A,
  UNUSED,
} from "./local-cloud.ts";

let local: LocalCloud;
let cloud: Cloud;
let region: CloudRegion;

beforeAll(async () => {
  local = await LocalCloud.start();
});
beforeEach(async () => {
  await local.reset();
  cloud = local.connect();
  region = cloud.region(REGION);
});
afterEach(() => cloud.close());
afterAll(() => local.stop());

const deadline = () => Date.now() + 20_000;
const tags = { "slipway:installation": "acme", "slipway:run": "uuid" };
const ingress = { groupId: GROUP, port: 2222, cidr: "203.0.113.7/32", description: "Slipway test", tags };
const PASSING: FaultMode[] = [
  "error-before",
  "error-after",
  "hang-before",
  "hang-after",
  "throttle",
  "garbage",
];

/** The same call again, as an obligation's handler repeats it, until it has an outcome. */
async function untilKnown<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof AwsFault) || attempt >= 5) throw error;
    }
  }
}

/** Does a machine answer through the load balancer? The balancer's own 503 is no JSON. */
async function servedByTarget(): Promise<boolean> {
  const answer = await fetch(`${local.balancers.stg}/health`);
  return (answer.headers.get("content-type") ?? "").includes("json");
}

async function launch(): Promise<string> {
  const owner = { installation: "acme", run: randomUUID(), slot: "stg1", generation: 1 };
  const userData = buildUserData({ deadMan: { madeAt: Date.now(), powerOffAt: Date.now() + 3_600_000 } });
  const image = await region.ec2.describeImage(AMI);
  const parts = { owner, image, securityGroupIds: [GROUP], keyName: "stg", userData };
  const request = buildLaunchRequest({ ...parts, instanceType: "t3.large", subnetId: SUBNET_A });
  const { id } = await region.ec2.runInstance(request, userData);
  await region.poller.instance(id, untilRunning("privateIp"), { deadline: deadline() });
  return id;
}

describe("a port, against the local cloud", () => {
  it.each(PASSING)("is open once and closed again, whatever AWS answers: %s", async (mode) => {
    await local.faults({ action: "ec2:AuthorizeSecurityGroupIngress", mode });
    const opened = await untilKnown(() => region.ec2.openIngress(ingress));
    // After a lost answer the rule is there already, and known as ours by its tag.
    if (opened.kind === "exists") expect(opened.ours).toBe(true);
    expect(await region.ec2.findRules({ "slipway:installation": "acme" })).toHaveLength(1);
    await local.faults({ action: "ec2:RevokeSecurityGroupIngress", mode });
    await untilKnown(() => region.cleanup.ec2.closeIngress({ groupId: GROUP, ruleId: opened.ruleId }));
    expect(await region.ec2.findRule(ingress)).toBeUndefined();
    expect(await region.ec2.findRules({ "slipway:installation": "acme" })).toEqual([]);
  });

  it("that somebody opened by hand is told from ours, and stays", async () => {
    const byHand = { ...ingress, port: 22, cidr: "198.51.100.9/24" };
    const opened = await region.ec2.openIngress(byHand);
    expect(opened).toMatchObject({ kind: "exists", ours: false });
    expect(await region.ec2.findRule(byHand)).toMatchObject({
      description: "by hand",
      cidr: "198.51.100.0/24",
    });
  });

  it("that was closed already is closed", async () => {
    const { ruleId } = await region.ec2.openIngress(ingress);
    expect(await region.ec2.closeIngress({ groupId: GROUP, ruleId })).toEqual({ kind: "closed" });
    expect(await region.ec2.closeIngress({ groupId: GROUP, ruleId })).toEqual({ kind: "already_gone" });
  });

  it("is closed although AWS does not know it yet", async () => {
    await local.change({ delays: { consistency: 1_500 } });
    try {
      const { ruleId } = await region.ec2.openIngress(ingress);
      expect(await region.cleanup.ec2.closeIngress({ groupId: GROUP, ruleId })).toEqual({ kind: "closed" });
      await new Promise((resolve) => setTimeout(resolve, 1_600));
      expect(await region.ec2.findRules({ "slipway:installation": "acme" })).toEqual([]);
    } finally {
      await local.change({ delays: { consistency: 0 } });
    }
  });

  it("is opened and closed while AWS shows changes late", async () => {
    await local.change({ delays: { consistency: 800 } });
    try {
      const { ruleId } = await region.ec2.openIngress(ingress);
      expect(await region.ec2.openIngress(ingress)).toMatchObject({ kind: "exists", ours: true, ruleId });
      await region.ec2.closeIngress({ groupId: GROUP, ruleId });
    } finally {
      await local.change({ delays: { consistency: 0 } });
    }
    expect(await region.ec2.findRule(ingress)).toBeUndefined();
  });
});

describe("a target, against the local cloud", () => {
  it("becomes healthy, serves, and drains", async () => {
    const target: Target = { id: await launch(), port: HTTP_PORT };
    await region.balancing.register(BLUE, [target]);
    await region.balancing.register(BLUE, [target]);
    await region.poller.target(BLUE, target, untilHealthy(BLUE), { deadline: deadline(), what: "healthy" });
    expect(await servedByTarget()).toBe(true);
    await region.balancing.deregister(BLUE, [target]);
    await region.poller.target(BLUE, target, untilDeregistered, { deadline: deadline() });
    await region.balancing.deregister(BLUE, [target]);
    expect(await region.balancing.targets(BLUE)).toEqual([]);
    expect(await servedByTarget()).toBe(false);
    expect(await local.get("violations")).toEqual([]);
  });

  it("of a group that no listener uses fails at once", async () => {
    const target: Target = { id: await launch(), port: HTTP_PORT };
    await region.balancing.register(UNUSED, [target]);
    const waiting = region.poller.target(UNUSED, target, untilHealthy(UNUSED), { deadline: deadline() });
    await expect(waiting).rejects.toMatchObject({ code: "target_not_in_use" });
  });

  it("whose instance is gone can still be deregistered", async () => {
    const target: Target = { id: await launch(), port: HTTP_PORT };
    await region.balancing.register(BLUE, [target]);
    await region.ec2.terminate(target.id);
    await region.balancing.deregister(BLUE, [target]);
    await region.poller.target(BLUE, target, untilDeregistered, { deadline: deadline() });
  });

  it.each(PASSING)("is registered once and away again, whatever AWS answers: %s", async (mode) => {
    const target: Target = { id: await launch(), port: HTTP_PORT };
    const elb = "elasticloadbalancing";
    await local.faults(
      { action: `${elb}:RegisterTargets`, mode },
      { action: `${elb}:DeregisterTargets`, mode },
    );
    await untilKnown(() => region.balancing.register(BLUE, [target]));
    expect((await region.balancing.targets(BLUE)).map((one) => one.id)).toEqual([target.id]);
    await untilKnown(() => region.cleanup.balancing.deregister(BLUE, [target]));
    await region.poller.target(BLUE, target, untilDeregistered, { deadline: deadline() });
    expect(await region.balancing.targets(BLUE)).toEqual([]);
    expect(await local.calls(`${elb}:RegisterTargets`)).toBe(2);
    expect(await local.calls(`${elb}:DeregisterTargets`)).toBe(2);
  });

  it("belongs to a group whose settings can be read", async () => {
    expect(await region.balancing.describeTargetGroup(BLUE)).toMatchObject({
      name: "blue",
      targetType: "instance",
      port: HTTP_PORT,
      healthCheck: { codes: "200,503", path: "/health" },
    });
  });
});

describe("a switch, against the local cloud", () => {
  const weights = [
    { targetGroup: BLUE, weight: 0 },
    { targetGroup: GREEN, weight: 1 },
  ];

  it.each(PASSING)("is made, whatever AWS answers: %s", async (mode) => {
    await local.faults({ action: "elasticloadbalancing:ModifyRule", mode });
    await untilKnown(() => region.balancing.setRuleForward(RULE, weights));
    expect((await region.balancing.ruleForward(RULE)).groups).toEqual(weights);
    expect(await local.calls("elasticloadbalancing:ModifyRule")).toBe(2);
  });

  it("moves the traffic", async () => {
    const target: Target = { id: await launch(), port: HTTP_PORT };
    await region.balancing.register(GREEN, [target]);
    await region.poller.target(GREEN, target, untilHealthy(GREEN), { deadline: deadline() });
    expect(await servedByTarget()).toBe(false);
    await region.balancing.setRuleForward(RULE, weights);
    expect(await servedByTarget()).toBe(true);
  });
});

describe("the rest, against the local cloud", () => {
  it("identity, own address and objects", async () => {
    expect(await cloud.identity(REGION)).toMatchObject({ account: "123456789012" });
    expect(await cloud.ownAddress.cidr()).toBe("127.0.0.1/32");
    const place = { bucket: "results", key: "stg1/report.json" };
    expect(await region.objects.get(place)).toBeUndefined();
    await region.objects.put(place, '{"passed":3}', { contentType: "application/json" });
    expect(Buffer.from((await region.objects.get(place)) ?? []).toString()).toBe('{"passed":3}');
  });

  it("probes change nothing", async () => {
    const probes = await probeSlot(cloud, {
      region: REGION,
      installation: "acme",
      image: AMI,
      launch: (image) => {
        const userData = buildUserData({ deadMan: { madeAt: 0, powerOffAt: 3_600_000 } });
        const owner = { installation: "acme", run: "doctor", slot: "stg1", generation: 1 };
        const parts = { owner, image, securityGroupIds: [GROUP], keyName: "stg", userData };
        const request = buildLaunchRequest({ ...parts, instanceType: "t3.large", subnetId: SUBNET_A });
        return { request, userData };
      },
      securityGroup: GROUP,
      port: 2222,
      targetGroups: [BLUE, GREEN],
      listenerRule: RULE,
    });
    expect(probes.filter(({ outcome }) => outcome === "denied" || outcome === "wrong")).toEqual([]);
    expect(probes.filter(({ outcome }) => outcome === "allowed").length).toBeGreaterThan(8);
    expect(await local.alive()).toEqual([]);
    expect(await region.ec2.findRules({ "slipway:installation": "acme" })).toEqual([]);
  });
});
