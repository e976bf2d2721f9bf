import { DescribeInstancesCommand, EC2Client } from "@aws-sdk/client-ec2";
import {
  DescribeTargetGroupsCommand,
  ElasticLoadBalancingV2Client,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import {
  AssumeRoleCommand,
  AssumeRoleWithWebIdentityCommand,
  GetCallerIdentityCommand,
  STSClient,
} from "@aws-sdk/client-sts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Account, clientOptions, KEY, openAccount, refusal } from "./account.ts";
import { rawCall } from "./raw.ts";

let account: Account;
beforeAll(async () => {
  account = await openAccount();
});
afterAll(() => account.close());

const ROLE = "arn:aws:iam::123456789012:role/slipway";

async function asked(credentials: object, region = "us-east-1") {
  const options = {
    ...clientOptions(account.cloud.endpoint),
    region,
    credentials: { ...KEY, ...credentials },
  };
  const clients = {
    ec2: new EC2Client(options),
    elb: new ElasticLoadBalancingV2Client(options),
    sts: new STSClient(options),
    s3: new S3Client({ ...options, forcePathStyle: true }),
  };
  const answers = [
    await refusal(clients.ec2.send(new DescribeInstancesCommand({}))),
    await refusal(clients.elb.send(new DescribeTargetGroupsCommand({}))),
    await refusal(clients.sts.send(new GetCallerIdentityCommand({}))),
    await refusal(clients.s3.send(new ListObjectsV2Command({ Bucket: "acme-e2e-results" }))),
  ];
  for (const client of Object.values(clients)) client.destroy();
  return answers;
}

describe("who calls", () => {
  it("must be known: each service says so in its own words", async () => {
    expect(await asked({ accessKeyId: "AKIANOBODY0000000001" })).toEqual([
      { code: "AuthFailure", status: 401 },
      { code: "InvalidClientTokenId", status: 403 },
      { code: "InvalidClientTokenId", status: 403 },
      { code: "InvalidAccessKeyId", status: 403 },
    ]);
  });

  it("must sign with the right secret", async () => {
    expect(await asked({ secretAccessKey: "another" })).toEqual([
      { code: "AuthFailure", status: 401 },
      { code: "SignatureDoesNotMatch", status: 403 },
      { code: "SignatureDoesNotMatch", status: 403 },
      { code: "SignatureDoesNotMatch", status: 403 },
    ]);
  });

  it("must sign at all, recently, for a region of the account and a service of this cloud", async () => {
    const { endpoint } = account.cloud;
    const form = { Action: "DescribeInstances", Version: "2016-11-15" };
    const unsigned = await fetch(endpoint, { method: "POST", body: new URLSearchParams(form) });
    expect(unsigned.status).toBe(403);
    expect(await unsigned.text()).toContain("MissingAuthenticationToken");
    expect((await rawCall(endpoint, "ec2", form)).status).toBe(200);
    const old = new Date(Date.now() - 20 * 60_000);
    expect((await rawCall(endpoint, "ec2", form, { date: old })).code).toBe("RequestExpired");
    expect((await rawCall(endpoint, "ec2", form, { region: "eu-north-1" })).status).toBe(403);
    expect((await rawCall(endpoint, "sqs", form)).code).toBe("UnrecognizedClientException");
  });
});

describe("STS", () => {
  it("says who calls", async () => {
    expect(await account.sts.send(new GetCallerIdentityCommand({}))).toMatchObject({
      Account: "123456789012",
      Arn: "arn:aws:iam::123456789012:user/sandbox",
    });
  });

  it("gives keys of a role for a time; they work with their session token alone", async () => {
    const answer = await account.sts.send(
      new AssumeRoleCommand({ RoleArn: ROLE, RoleSessionName: "run-7", DurationSeconds: 900 }),
    );
    const {
      AccessKeyId = "",
      SecretAccessKey = "",
      SessionToken = "",
      Expiration,
    } = answer.Credentials ?? {};
    expect(Expiration?.getTime()).toBeGreaterThan(Date.now() + 800_000);
    const credentials = {
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretAccessKey,
      sessionToken: SessionToken,
    };
    const client = new STSClient({ ...clientOptions(account.cloud.endpoint), credentials });
    const identity = await client.send(new GetCallerIdentityCommand({}));
    client.destroy();
    expect(identity.Arn).toBe("arn:aws:sts::123456789012:assumed-role/slipway/run-7");
    const { sessionToken: _left, ...withoutToken } = credentials;
    expect((await asked(withoutToken))[0]).toEqual({ code: "AuthFailure", status: 401 });
  });

  it("takes a web identity without a signature, and refuses what is no token", async () => {
    const client = new STSClient({ endpoint: account.cloud.endpoint, region: "us-east-1", maxAttempts: 1 });
    const ask = (WebIdentityToken: string) =>
      client.send(
        new AssumeRoleWithWebIdentityCommand({ RoleArn: ROLE, RoleSessionName: "ci", WebIdentityToken }),
      );
    expect((await ask("aaaa.bbbb.cccc")).Credentials?.AccessKeyId).toMatch(/^ASIA/);
    expect((await refusal(ask("a token"))).code).toBe("InvalidIdentityTokenException");
    client.destroy();
  });

  it("refuses roles of other accounts and impossible durations", async () => {
    const assume = (RoleArn: string, DurationSeconds?: number) =>
      account.sts.send(
        new AssumeRoleCommand({
          RoleArn,
          RoleSessionName: "x",
          ...(DurationSeconds === undefined ? {} : { DurationSeconds }),
        }),
      );
    expect(await refusal(assume("arn:aws:iam::999999999999:role/slipway"))).toEqual({
      code: "AccessDenied",
      status: 403,
    });
    expect((await refusal(assume(ROLE, 60))).code).toBe("ValidationError");
  });
});
