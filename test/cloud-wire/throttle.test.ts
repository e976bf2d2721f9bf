import { DescribeInstancesCommand, RunInstancesCommand } from "@aws-sdk/client-ec2";
import { DescribeTargetHealthCommand } from "@aws-sdk/client-elastic-load-balancing-v2";
import { GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { Throttle } from "../../sandbox/cloud/server/throttle.ts";
import { type Account, openAccount, plainLaunch, refusal, TARGET_GROUP } from "./account.ts";

let account: Account;
beforeAll(async () => {
  account = await openAccount();
});
beforeEach(() => account.post("reset"));
afterAll(() => account.close());

async function outcomes(count: number, call: () => Promise<unknown>): Promise<Record<string, number>> {
  const all = await Promise.all(
    Array.from({ length: count }, () =>
      call().then(
        () => "fine",
        (error: Error) => error.name,
      ),
    ),
  );
  return Object.fromEntries([...Map.groupBy(all, (one) => one)].map(([name, same]) => [name, same.length]));
}
const run = () => account.ec2.send(new RunInstancesCommand(plainLaunch()));

it("without throttling nobody is refused", async () => {
  expect(await outcomes(12, run)).toEqual({ fine: 12 });
});

it("RunInstances: five at once, then RequestLimitExceeded, HTTP 503", async () => {
  await account.post("config", { throttling: true });
  const seen = await outcomes(12, run);
  expect(seen.fine).toBeGreaterThanOrEqual(5);
  expect(seen.fine).toBeLessThan(12);
  expect(seen.RequestLimitExceeded).toBe(12 - (seen.fine ?? 0));
  await account.post("faults", [{ action: "ec2:RunInstances", mode: "throttle" }]);
  expect((await refusal(run())).status).toBe(503);
});

it("each service and each action has its own bucket", async () => {
  await account.post("config", { throttling: true });
  await outcomes(12, run);
  await account.ec2.send(new DescribeInstancesCommand({}));
  const health = new DescribeTargetHealthCommand({ TargetGroupArn: TARGET_GROUP });
  const seen = await outcomes(60, () => account.elb.send(health));
  expect(seen.Throttling).toBeGreaterThan(0);
  expect(seen.fine).toBeGreaterThanOrEqual(40);
  expect(await outcomes(60, () => account.sts.send(new GetCallerIdentityCommand({})))).toEqual({ fine: 60 });
});

it("a bucket fills again at its rate, up to its size", () => {
  const throttle = new Throttle();
  const admitted = (now: number, calls: number) =>
    Array.from({ length: calls }, () => throttle.admits("ec2", "RunInstances", "us-east-1", now)).filter(
      Boolean,
    ).length;
  expect(admitted(0, 20)).toBe(5);
  expect(admitted(1_000, 20)).toBe(2);
  expect(admitted(60_000, 20)).toBe(5);
  expect(throttle.admits("ec2", "RunInstances", "eu-west-1", 60_000)).toBe(true);
});
