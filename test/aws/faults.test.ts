import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type AwsCall, AwsFault, type Cloud, type CloudOptions } from "../../src/cloud/index.ts";
import { ec2Answer, elbError, error, instancesAnswer, RawAws, REGION } from "./raw-aws.ts";
import { launchRequest, USER_DATA } from "./samples.ts";

let aws: RawAws;
let cloud: Cloud | undefined;
const calls: AwsCall[] = [];

beforeAll(async () => {
  aws = await RawAws.start();
});
afterEach(() => {
  cloud?.close();
  aws.calls.length = 0;
  calls.length = 0;
});
afterAll(() => aws.stop());

function region(options: CloudOptions = {}) {
  cloud = aws.cloud({ onCall: (call) => calls.push(call), ...options });
  return cloud.region(REGION);
}

async function faultOf(promise: Promise<unknown>): Promise<AwsFault> {
  const caught = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(caught instanceof AwsFault)) throw new Error(`not an AwsFault: ${String(caught)}`);
  return caught;
}

const launchFault = (options: CloudOptions = {}) =>
  faultOf(region(options).ec2.runInstance(launchRequest(), USER_DATA));

describe("what a failed RunInstances means", () => {
  const capacity = [
    ["InsufficientInstanceCapacity", 500, "zone"],
    ["InsufficientHostCapacity", 500, "zone"],
    ["InsufficientReservedInstanceCapacity", 400, "zone"],
    ["Unsupported", 400, "zone"],
    ["InsufficientFreeAddressesInSubnet", 400, "zone"],
    ["InstanceLimitExceeded", 400, "type"],
    ["VcpuLimitExceeded", 400, "type"],
    ["MaxSpotInstanceCountExceeded", 400, "type"],
    ["VolumeLimitExceeded", 400, "none"],
  ] as const;
  it.each(capacity)(
    "%s with HTTP %i is a definite lack of room; elsewhere: %s",
    async (code, status, where) => {
      aws.answer(error(code, "no room", status));
      const fault = await launchFault();
      expect(fault).toMatchObject({ kind: "capacity", definite: true, awsCode: code, elsewhere: where });
      expect(fault.code).toBe("aws_no_capacity");
      expect(fault.remedy).toMatch(/type|quota/);
      expect(aws.count("RunInstances")).toBe(1);
    },
  );

  const definite = [
    ["RequestLimitExceeded", 503, "throttled"],
    ["Throttling", 400, "throttled"],
    ["IdempotentParameterMismatch", 400, "mismatch"],
    ["UnauthorizedOperation", 403, "denied"],
    ["AuthFailure", 401, "denied"],
    ["RequestExpired", 400, "denied"],
    ["InvalidAMIID.NotFound", 400, "not_found"],
    ["InvalidSubnetID.NotFound", 400, "not_found"],
    ["InvalidKeyPair.NotFound", 400, "not_found"],
    ["InvalidParameterValue", 400, "invalid"],
    ["SomethingNew", 400, "invalid"],
  ] as const;
  it.each(definite)("%s with HTTP %i is %s, and surely launched nothing", async (code, status, kind) => {
    aws.answer(error(code, "the reason", status));
    expect(await launchFault()).toMatchObject({ kind, definite: true, awsCode: code, httpStatus: status });
    expect(aws.count("RunInstances")).toBe(1);
  });

  const unknown = [
    ["an internal error of AWS", error("InternalError", "an internal error", 500), "server"],
    ["AWS being unavailable", error("ServiceUnavailable", "try later", 503), "server"],
    ["a gateway's 502 page", { status: 502, body: "<html><body>Bad gateway</body></html>" }, "server"],
    ["a gateway's 504 text", { status: 504, body: "upstream timed out" }, "server"],
    ["a page instead of an answer", { body: "<html><body>Welcome</body></html>" }, "garbage"],
    ["text instead of XML", { body: "garbage, not XML at all" }, "garbage"],
    ["cut-off XML", { body: "<RunInstancesResponse><instancesSet><item>" }, "garbage"],
    ["an empty answer", { body: "" }, "garbage"],
    ["a proxy's 403 page", { status: 403, body: "<html>Forbidden</html>" }, "garbage"],
    ["an answer without instances", ec2Answer("RunInstances", "<instancesSet/>"), "garbage"],
    ["a dropped connection", "reset", "network"],
    ["a connection that drops within the answer", "half", "network"],
    ["no answer", "hang", "timeout"],
  ] as const;
  it.each(unknown)("%s leaves the effect unknown", async (_, answer, kind) => {
    aws.answer(answer);
    const impatient = answer === "hang" ? { limits: { connect: 5_000, request: 300 } } : {};
    const fault = await launchFault(impatient);
    expect(fault).toMatchObject({ kind, definite: false });
    expect(fault.message).toMatch(/us-east-1/);
    expect(aws.count("RunInstances")).toBe(1);
  });

  it("says so when nobody listens at the endpoint, which is definite", async () => {
    const gone = await RawAws.start();
    cloud = gone.cloud();
    const { ec2 } = cloud.region(REGION);
    await gone.stop();
    const fault = await faultOf(ec2.runInstance(launchRequest(), USER_DATA));
    expect(fault).toMatchObject({ kind: "network", definite: true, code: "aws_unreachable" });
  });

  it("ends at the deadline even when the SDK itself does not", async () => {
    aws.answer("hang");
    const { ec2 } = region({ limits: { connect: 1, request: 0 } });
    expect(await faultOf(ec2.runInstance(launchRequest(), USER_DATA))).toMatchObject({
      code: "aws_timeout",
      definite: false,
    });
  });

  it("gives the caller's own reason when the caller stops waiting, and counts it as cancelled", async () => {
    aws.answer("hang");
    const { ec2 } = region();
    const controller = new AbortController();
    const reason = new Error("the run was cancelled");
    const launched = ec2.runInstance(launchRequest(), USER_DATA, { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 50);
    await expect(launched).rejects.toBe(reason);
    expect(calls).toMatchObject([{ action: "ec2:RunInstances", purpose: "launch", outcome: "cancelled" }]);
  });
});

describe("refused permissions", () => {
  it("names the action that AWS names, else the one that was called", async () => {
    aws.answer(
      error(
        "UnauthorizedOperation",
        "You are not authorized to perform this operation. User: arn:aws:iam::1:user/bot is not authorized to " +
          "perform: ec2:CreateTags on resource: * . Encoded authorization failure message: 4rTyaaaaaaaaaaa",
        403,
      ),
    );
    const named = await launchFault();
    expect(named.remedy).toContain("ec2:CreateTags");
    expect(named.remedy).toContain("decode-authorization-message");
    expect(named.message).not.toContain("4rTy");
    aws.answer(error("UnauthorizedOperation", "You are not authorized to perform this operation.", 403));
    expect((await launchFault()).remedy).toContain("ec2:RunInstances");
  });

  it("speaks of credentials where they are the matter", async () => {
    aws.answer(error("ExpiredToken", "The security token is expired", 400));
    expect((await launchFault()).remedy).toMatch(/Renew the bot's AWS credentials/);
    aws.answer(error("RequestExpired", "Request has expired", 400));
    expect((await launchFault()).remedy).toMatch(/clock/);
  });
});

describe("the SDK's own attempts", () => {
  it("are one for launches and polls, several for other work and cleanup", async () => {
    aws.answer(error("InternalError", "an internal error", 500));
    const { ec2, cleanup } = region();
    await faultOf(ec2.runInstance(launchRequest(), USER_DATA));
    expect(aws.count("RunInstances")).toBe(1);
    const work = await faultOf(ec2.terminate("i-0123456789abcdef0"));
    expect(aws.count("TerminateInstances")).toBe(3);
    expect(work.fields).toMatchObject({ attempts: 3 });
    await faultOf(cleanup.ec2.terminate("i-0123456789abcdef0"));
    expect(aws.count("TerminateInstances")).toBe(3 + 5);
  });

  it("make a refusal after an unknown attempt indefinite", async () => {
    // The first attempt may have opened the port before its error: the refusal of the second proves nothing.
    aws.answer((_, before) =>
      before === 0 ? error("InternalError", "oops", 500) : error("InvalidParameterValue", "no", 400),
    );
    const { ec2 } = region();
    const fault = await faultOf(ec2.describeImage("ami-1"));
    expect(fault).toMatchObject({ kind: "invalid", definite: false });
  });

  it("heal a passing error by themselves", async () => {
    aws.answer((_, before) => (before === 0 ? error("InternalError", "oops", 500) : instancesAnswer([{}])));
    const { ec2 } = region();
    expect(await ec2.findByToken("token")).toHaveLength(1);
    expect(calls).toMatchObject([{ action: "ec2:DescribeInstances", outcome: "ok", purpose: "work" }]);
  });
});

describe("load balancing's codes", () => {
  it.each([
    ["TargetGroupNotFound", "not_found"],
    ["AccessDenied", "denied"],
    ["Throttling", "throttled"],
    ["ValidationError", "invalid"],
  ] as const)("%s is %s", async (code, kind) => {
    aws.answer(elbError(code, "the reason", 400));
    const { balancing } = region();
    const fault = await faultOf(balancing.targets("arn:aws:elasticloadbalancing:x:1:targetgroup/stg1/1"));
    expect(fault).toMatchObject({ kind, action: "elasticloadbalancing:DescribeTargetHealth" });
  });
});

describe("requests", () => {
  it("name the bot in their user agent and are signed for the region", async () => {
    aws.answer(instancesAnswer([]));
    await region().ec2.findByToken("token");
    expect(aws.calls[0]?.headers["user-agent"]).toMatch(/\bslipway\b/);
    expect(aws.calls[0]?.headers.authorization).toMatch(/us-east-1\/ec2\/aws4_request/);
  });

  it("say that credentials are missing without sending anything", async () => {
    const { ec2 } = region();
    const saved = { ...process.env };
    process.env.AWS_ACCESS_KEY_ID = "";
    process.env.AWS_SECRET_ACCESS_KEY = "";
    process.env.AWS_EC2_METADATA_DISABLED = "true";
    process.env.AWS_SHARED_CREDENTIALS_FILE = "/nonexistent";
    process.env.AWS_CONFIG_FILE = "/nonexistent";
    try {
      const fault = await faultOf(ec2.findByToken("token"));
      expect(fault).toMatchObject({ kind: "denied", definite: true });
      expect(fault.message).toMatch(/credentials/);
      expect(aws.calls).toHaveLength(0);
    } finally {
      process.env = saved;
    }
  });
});
