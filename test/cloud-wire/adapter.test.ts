import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Violation } from "../../sandbox/cloud/server/violations.ts";
import {
  buildLaunchRequest,
  type Cloud,
  createCloud,
  ownerTags,
  untilDeregistered,
  untilHealthy,
  untilRunning,
  untilTerminated,
} from "../../src/cloud/index.ts";
import {
  type Account,
  AMI,
  BLUE,
  GREEN,
  GROUP,
  KEY,
  openAccount,
  REGION,
  RULE,
  SUBNET_A,
  TARGET_GROUP,
} from "./account.ts";

/** The bot's own AWS side against this cloud: whatever one of them misunderstands shows up as a violation. */
let account: Account;
let cloud: Cloud;
const before = { ...process.env };

beforeAll(async () => {
  account = await openAccount();
  process.env.AWS_ENDPOINT_URL = account.cloud.endpoint;
  process.env.AWS_ACCESS_KEY_ID = KEY.accessKeyId;
  process.env.AWS_SECRET_ACCESS_KEY = KEY.secretAccessKey;
  cloud = createCloud({ ownAddressUrl: `${account.cloud.endpoint}/_sandbox/checkip` });
});
afterAll(async () => {
  cloud.close();
  process.env = before;
  await account.close();
});

it("a whole launch through the adapter: no violation on either side, and nothing left", async () => {
  const { ec2, balancing, poller, objects } = cloud.region(REGION);
  const owner = { installation: "acme", run: randomUUID(), slot: "stg1", generation: 1 };
  const deadline = { deadline: Date.now() + 10_000 };
  expect((await cloud.identity(REGION)).account).toBe("123456789012");

  const image = await ec2.describeImage(AMI);
  expect(image).toMatchObject({
    rootDeviceName: "/dev/sda1",
    rootSnapshotSizeGiB: 30,
    architecture: "x86_64",
  });
  const userData = "#cloud-config\n";
  const request = buildLaunchRequest({
    owner,
    image,
    instanceType: "t3.2xlarge",
    subnetId: SUBNET_A,
    securityGroupIds: [GROUP],
    keyName: "stg1-staging-key",
    rootVolume: { sizeGiB: 200, type: "gp3" },
    tags: { team: "platform" },
    userData,
    instanceProfile: "staging",
  });
  const launched = await ec2.runInstance(request, userData);
  const again = await ec2.runInstance(request, userData);
  expect(again.id).toBe(launched.id);
  const running = await poller.instance(launched.id, untilRunning("publicIp"), deadline);
  expect((await ec2.findByTags(owner)).map(({ id }) => id)).toEqual([launched.id]);
  expect((await ec2.findByToken(request.clientToken)).map(({ id }) => id)).toEqual([launched.id]);

  const cidr = await cloud.ownAddress.cidr();
  expect(cidr).toBe("127.0.0.1/32");
  const opened = await ec2.openIngress({
    groupId: GROUP,
    port: 2222,
    cidr,
    tags: ownerTags(owner),
    description: "slipway acme",
  });
  const target = { id: launched.id, port: 8080 };
  await balancing.register(TARGET_GROUP, [target]);
  await poller.target(TARGET_GROUP, target, untilHealthy(TARGET_GROUP), deadline);
  const switched = await balancing.setRuleForward(RULE, [
    { targetGroup: BLUE, weight: 0 },
    { targetGroup: GREEN, weight: 1 },
  ]);
  expect(switched.groups).toEqual([
    { targetGroup: BLUE, weight: 0 },
    { targetGroup: GREEN, weight: 1 },
  ]);
  await objects.put({ bucket: "acme-e2e-results", key: "stg1/1.json" }, "{}");

  await balancing.deregister(TARGET_GROUP, [target]);
  await poller.target(TARGET_GROUP, target, untilDeregistered, deadline);
  await ec2.closeIngress({ groupId: GROUP, ruleId: opened.ruleId });
  await ec2.terminate(launched.id);
  await poller.instance(launched.id, untilTerminated, deadline);
  expect(running.address).toBe(launched.privateIp);

  expect((await account.get("violations")) as Violation[]).toEqual([]);
  expect(await account.get("state")).toMatchObject({ instances: [], rules: [], targets: [], volumes: [] });
});
