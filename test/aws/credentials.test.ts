import { createServer, type Server } from "node:http";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Cloud, createCloud } from "../../src/cloud/index.ts";
import { instancesAnswer, RawAws, REGION, targetsAnswer } from "./raw-aws.ts";

/** The SDK's own credential chain, fed by a server such as a container or an instance has beside it. */

let aws: RawAws;
let provider: Server;
let given = 0;
let lifetimeMs = 3_600_000;
let cloud: Cloud;
const saved = { ...process.env };

beforeAll(async () => {
  aws = await RawAws.start();
  provider = createServer((_, response) => {
    given += 1;
    response.setHeader("content-type", "application/json");
    response.end(
      JSON.stringify({
        AccessKeyId: `AKID${given}`,
        SecretAccessKey: "secret",
        Token: "token",
        Expiration: new Date(Date.now() + lifetimeMs).toISOString(),
      }),
    );
  });
  await new Promise<void>((resolve) => provider.listen(0, "127.0.0.1", resolve));
});
beforeEach(() => {
  aws.calls.length = 0;
  given = 0;
  const address = provider.address();
  if (address === null || typeof address === "string") throw new Error("not listening");
  delete process.env.AWS_ACCESS_KEY_ID;
  delete process.env.AWS_SECRET_ACCESS_KEY;
  process.env.AWS_SHARED_CREDENTIALS_FILE = "/nonexistent";
  process.env.AWS_CONFIG_FILE = "/nonexistent";
  process.env.AWS_CONTAINER_CREDENTIALS_FULL_URI = `http://127.0.0.1:${address.port}/`;
  process.env.AWS_ENDPOINT_URL = aws.endpoint;
  aws.answer(({ action }) => (action === "DescribeInstances" ? instancesAnswer([]) : targetsAnswer([])));
  cloud = createCloud();
});
afterEach(() => {
  cloud.close();
  process.env = { ...saved };
});
afterAll(async () => {
  await aws.stop();
  await new Promise<void>((resolve) => provider.close(() => resolve()));
});

const keys = () => aws.calls.map((call) => /Credential=(\w+)\//.exec(call.headers.authorization ?? "")?.[1]);
const ARN = "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/stg1/1";

describe("credentials", () => {
  it("are fetched once for all clients of all regions", async () => {
    lifetimeMs = 3_600_000;
    await cloud.region(REGION).ec2.findByToken("t");
    await cloud.region(REGION).cleanup.ec2.findByToken("t");
    await cloud.region("ap-south-1").balancing.targets(ARN);
    expect(keys()).toEqual(["AKID1", "AKID1", "AKID1"]);
    expect(given).toBe(1);
  });

  it("are renewed when they end, in the middle of everything", async () => {
    lifetimeMs = 500;
    await cloud.region(REGION).ec2.findByToken("t");
    await new Promise((resolve) => setTimeout(resolve, 700));
    await cloud.region(REGION).cleanup.balancing.targets(ARN);
    expect(new Set(keys()).size).toBe(2);
  });
});

describe("endpoints", () => {
  it("may be set per service by the SDK's own variables", async () => {
    cloud.close();
    process.env.AWS_ENDPOINT_URL = "http://127.0.0.1:1";
    process.env.AWS_ENDPOINT_URL_EC2 = aws.endpoint;
    process.env.AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2 = aws.endpoint;
    cloud = createCloud();
    await cloud.region(REGION).ec2.findByToken("t");
    await cloud.region(REGION).balancing.targets(ARN);
    expect(aws.calls.map((call) => call.action)).toEqual(["DescribeInstances", "DescribeTargetHealth"]);
    await expect(cloud.identity(REGION)).rejects.toMatchObject({ kind: "network" });
  });
});
