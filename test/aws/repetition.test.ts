import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import type { Cloud, CloudRegion } from "../../src/cloud/index.ts";
import { ec2Answer, error, instancesAnswer, RawAws, REGION } from "./raw-aws.ts";

let aws: RawAws;
let cloud: Cloud;
let region: CloudRegion;

beforeAll(async () => {
  aws = await RawAws.start();
});
beforeEach(() => {
  aws.calls.length = 0;
  cloud = aws.cloud();
  region = cloud.region(REGION);
});
afterEach(() => cloud.close());
afterAll(() => aws.stop());

const ID = "i-0123456789abcdef0";
const PAGE = { body: "<html><body><p>Welcome</body></html>" };
const terminating = ec2Answer(
  "TerminateInstances",
  `<instancesSet><item><instanceId>${ID}</instanceId><currentState><name>shutting-down</name></currentState></item></instancesSet>`,
);

it("an answer that cannot be read is asked for again", async () => {
  aws.answer((_, before) => (before < 2 ? PAGE : terminating));
  expect(await region.cleanup.ec2.terminate(ID)).toEqual({ kind: "terminating", state: "shutting-down" });
  expect(aws.count("TerminateInstances")).toBe(3);
});

it("but not for ever", async () => {
  aws.answer(PAGE);
  await expect(region.ec2.terminate(ID)).rejects.toMatchObject({ kind: "garbage", definite: false });
  expect(aws.count("TerminateInstances")).toBe(3);
});

it("and the waiting for it ends with the caller's wish", async () => {
  aws.answer(PAGE);
  const cancel = new AbortController();
  const asked = region.ec2.terminate(ID, { signal: cancel.signal });
  setTimeout(() => cancel.abort(new Error("no longer wanted")), 100);
  await expect(asked).rejects.toThrow("no longer wanted");
});

it("“not found” about instances that are looked for says that they are not shown", async () => {
  aws.answer(error("InvalidInstanceID.NotFound", `The instance ID '${ID}' does not exist`, 400));
  expect(await region.ec2.findInstances([ID])).toEqual(new Map());
  aws.answer(instancesAnswer([{ id: ID, state: "running" }]));
  expect([...(await region.ec2.findInstances([ID])).keys()]).toEqual([ID]);
});
