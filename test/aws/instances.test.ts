import { describe, expect, it } from "vitest";
import { InstanceDied, untilRunning, untilTerminatedTwice } from "../../src/cloud/index.ts";
import { ec2Answer, error, instancesAnswer, instanceXml } from "./raw-aws.ts";
import { launchRequest, OWNER, USER_DATA } from "./samples.ts";
import { standIn } from "./stand-in.ts";

const stand = standIn();

const ID = "i-0123456789abcdef0";

describe("images", () => {
  const image = (content: string) =>
    ec2Answer("DescribeImages", `<imagesSet><item>${content}</item></imagesSet>`);

  it("are read with their root device's snapshot", async () => {
    stand.aws.answer(
      image(`<imageId>ami-1</imageId><imageState>available</imageState><name>staging</name>
<architecture>x86_64</architecture><rootDeviceName>/dev/sda1</rootDeviceName><blockDeviceMapping>
<item><deviceName>/dev/sdb</deviceName><ebs><volumeSize>500</volumeSize></ebs></item>
<item><deviceName>/dev/sda1</deviceName><ebs><volumeSize>80</volumeSize><encrypted>true</encrypted></ebs></item>
</blockDeviceMapping>`),
    );
    expect(await stand.region.ec2.describeImage("ami-1")).toEqual({
      id: "ami-1",
      name: "staging",
      state: "available",
      stateReason: undefined,
      architecture: "x86_64",
      rootDeviceName: "/dev/sda1",
      rootSnapshotSizeGiB: 80,
      rootEncrypted: true,
    });
  });

  it("may come without what AWS leaves out", async () => {
    stand.aws.answer(image("<imageId>ami-1</imageId><imageState>failed</imageState>"));
    expect(await stand.region.ec2.describeImage("ami-1")).toMatchObject({
      state: "failed",
      rootDeviceName: undefined,
      rootSnapshotSizeGiB: undefined,
    });
  });

  it("that are not in the answer are no answer", async () => {
    stand.aws.answer(ec2Answer("DescribeImages", "<imagesSet/>"));
    await expect(stand.region.ec2.describeImage("ami-1")).rejects.toMatchObject({
      code: "aws_unreadable_answer",
    });
  });
});

describe("launching", () => {
  it("sends the frozen request, and the same one again after an unknown outcome", async () => {
    stand.aws.answer((_, before) =>
      before === 0
        ? error("InternalError", "oops", 500)
        : ec2Answer("RunInstances", `<instancesSet>${instanceXml({ state: "pending" })}</instancesSet>`),
    );
    const request = JSON.parse(JSON.stringify(launchRequest()));
    await expect(stand.region.ec2.runInstance(request, USER_DATA)).rejects.toMatchObject({ definite: false });
    const instance = await stand.region.ec2.runInstance(request, USER_DATA);
    expect(instance).toMatchObject({ id: ID, state: "pending", type: "t3.large", publicIp: undefined });
    const [first, second] = stand.aws.calls.map((call) => call.parameters);
    expect(second).toEqual(first);
    expect(first).toMatchObject({
      ClientToken: request.clientToken,
      "MetadataOptions.HttpTokens": "required",
      InstanceInitiatedShutdownBehavior: "terminate",
      "BlockDeviceMapping.1.Ebs.DeleteOnTermination": "true",
      "TagSpecification.2.ResourceType": "volume",
    });
  });

  it("does not take two instances for one", async () => {
    const two = `${instanceXml()}${instanceXml({ id: "i-0123456789abcdef1" })}`;
    stand.aws.answer(ec2Answer("RunInstances", `<instancesSet>${two}</instancesSet>`));
    await expect(stand.region.ec2.runInstance(launchRequest(), USER_DATA)).rejects.toMatchObject({
      kind: "garbage",
    });
  });
});

describe("looking for instances", () => {
  it("reads every page, empty ones too", async () => {
    const pages = [
      instancesAnswer([{ id: "i-00000001" }], "page2"),
      instancesAnswer([], "page3"),
      instancesAnswer([{ id: "i-00000002", state: "terminated" }]),
    ];
    stand.aws.answer((_, before) => pages[before] ?? instancesAnswer([]));
    const found = await stand.region.ec2.findByTags({ installation: "acme", run: OWNER.run, generation: 2 });
    expect(found.map((one) => one.id)).toEqual(["i-00000001", "i-00000002"]);
    expect(stand.aws.calls.map((call) => call.parameters.NextToken)).toEqual([undefined, "page2", "page3"]);
    expect(stand.aws.calls[0]?.parameters).toMatchObject({
      MaxResults: "1000",
      "Filter.1.Name": "tag:slipway:installation",
      "Filter.1.Value.1": "acme",
      "Filter.2.Name": "tag:slipway:run",
      "Filter.3.Value.1": "2",
    });
  });

  it("does not go round in a circle of pages", async () => {
    stand.aws.answer(instancesAnswer([{}], "again"));
    await expect(stand.region.ec2.findByToken("t")).rejects.toMatchObject({ code: "aws_unreadable_answer" });
    expect(stand.aws.count("DescribeInstances")).toBe(2);
  });

  it("asks for at most 200 ids at a time, by filter, each once", async () => {
    stand.aws.answer((call) => instancesAnswer([{ id: call.parameters["Filter.1.Value.1"] ?? "" }]));
    const ids = Array.from({ length: 250 }, (_, n) => `i-${(n + 0x10000000).toString(16)}`);
    const found = await stand.region.ec2.findInstances([...ids, ...ids]);
    expect(stand.aws.count("DescribeInstances")).toBe(2);
    expect([...found.keys()]).toEqual([ids[0], ids[200]]);
    expect(stand.aws.calls[0]?.parameters).toMatchObject({ "Filter.1.Name": "instance-id" });
    expect(stand.aws.calls[0]?.parameters["InstanceId.1"]).toBeUndefined();
    expect((await stand.region.ec2.findInstances([])).size).toBe(0);
    expect(stand.aws.count("DescribeInstances")).toBe(2);
  });

  it("takes an answer without the list for no answer, not for nothing", async () => {
    stand.aws.answer(ec2Answer("DescribeInstances", "<requestId>1</requestId>"));
    await expect(stand.region.ec2.findInstances([ID])).rejects.toMatchObject({ kind: "garbage" });
    stand.aws.answer({ body: "<html><body>Maintenance</body></html>" });
    await expect(stand.region.ec2.findInstances([ID])).rejects.toMatchObject({ kind: "garbage" });
    stand.aws.answer(instancesAnswer([]));
    expect((await stand.region.ec2.findInstances([ID])).size).toBe(0);
  });

  it("refuses a state that EC2 does not have", async () => {
    stand.aws.answer(instancesAnswer([{ state: "sleeping" }]));
    await expect(stand.region.ec2.findInstances([ID])).rejects.toMatchObject({ kind: "garbage" });
  });

  it("sees by tags alone what they show", async () => {
    stand.aws.answer(instancesAnswer([{ id: "i-00000001" }, { id: "i-00000002", state: "terminated" }]));
    const owner = { installation: "acme", run: OWNER.run };
    const sighting = await stand.region.ec2.sight({ id: "i-00000001", clientToken: "t", owner });
    expect(sighting.instances.map((one) => one.id)).toEqual(["i-00000001", "i-00000002"]);
    expect(stand.aws.count("DescribeInstances")).toBe(1);
  });

  it("looks by id and token too for what tags do not show, and counts each instance once", async () => {
    stand.aws.answer(({ parameters }) => {
      const filter = parameters["Filter.1.Name"];
      if (filter === "instance-id") return instancesAnswer([]);
      return instancesAnswer([
        { id: "i-00000002", state: filter === "client-token" ? "pending" : "terminated" },
      ]);
    });
    const owner = { installation: "acme", run: OWNER.run };
    const sighting = await stand.region.ec2.sight({ id: "i-00000001", clientToken: "t", owner });
    expect(sighting.instances).toMatchObject([{ id: "i-00000002", state: "pending" }]);
    expect(stand.aws.count("DescribeInstances")).toBe(3);
  });
});

describe("terminating", () => {
  const answer = `<instancesSet><item><instanceId>${ID}</instanceId>
<currentState><code>32</code><name>shutting-down</name></currentState></item></instancesSet>`;

  it("says what AWS says", async () => {
    stand.aws.answer(ec2Answer("TerminateInstances", answer));
    expect(await stand.region.ec2.terminate(ID)).toEqual({ kind: "terminating", state: "shutting-down" });
  });

  it("does not take an unknown id for a terminated instance", async () => {
    stand.aws.answer(error("InvalidInstanceID.NotFound", `The instance ID '${ID}' does not exist`));
    expect(await stand.region.ec2.terminate(ID)).toEqual({ kind: "unknown" });
  });

  it("passes every other refusal on", async () => {
    stand.aws.answer(
      error("OperationNotPermitted", "The instance may not be terminated. disableApiTermination"),
    );
    await expect(stand.region.ec2.terminate(ID)).rejects.toMatchObject({ kind: "invalid" });
    stand.aws.answer(ec2Answer("TerminateInstances", "<instancesSet/>"));
    await expect(stand.region.ec2.terminate(ID)).rejects.toMatchObject({ kind: "garbage" });
  });
});

describe("an instance that dies while it is waited for", () => {
  const wait = () => {
    const options = { deadline: Date.now() + 20_000, what: "running" };
    return stand.region.poller
      .instance(ID, untilRunning("publicIp"), options)
      .catch((reason: unknown) => reason);
  };

  it.each([
    ["Server.InsufficientInstanceCapacity", true, /no capacity/],
    ["Client.VolumeLimitExceeded", false, /limit on EBS/],
    ["Client.InternalError", false, /KMS/],
    ["Server.InternalError", false, /internal error/],
    ["Client.UserInitiatedShutdown", false, /somebody/],
    ["Client.NeverHeardOf", false, /NeverHeardOf: why/],
  ])("is explained: %s", async (reason, capacity, words) => {
    stand.aws.answer(instancesAnswer([{ state: "shutting-down", reason, message: "why" }]));
    const death = await wait();
    expect(death).toBeInstanceOf(InstanceDied);
    expect(death).toMatchObject({ code: "instance_died", capacity, fields: { instance: ID, reason } });
    expect((death as Error).message).toMatch(words);
    expect((death as InstanceDied).remedy).toBeTruthy();
  });

  it("is explained with AWS's code once, which AWS's message mostly begins with", async () => {
    const reason = "Client.UserInitiatedShutdown";
    stand.aws.answer(
      instancesAnswer([{ state: "terminated", reason, message: `${reason}: User initiated shutdown` }]),
    );
    const death = await wait();
    expect((death as Error).message.match(/UserInitiatedShutdown/g)).toHaveLength(1);
  });

  it("is waited for while it is not shown, pending, or without an address", async () => {
    const answers = [
      instancesAnswer([]),
      instancesAnswer([{ state: "pending" }]),
      instancesAnswer([{ state: "running" }]),
      instancesAnswer([{ state: "running", publicIp: "203.0.113.9" }]),
    ];
    stand.aws.answer((_, before) => answers[before] ?? error("InternalError", "too often", 500));
    expect(await wait()).toMatchObject({ address: "203.0.113.9", instance: { id: ID, state: "running" } });
    expect(stand.aws.count("DescribeInstances")).toBe(4);
  });
});

describe("the region's poller", () => {
  it("asks for all instances of the region in one call", async () => {
    stand.aws.answer(({ parameters }, before) => {
      const ids = Object.entries(parameters).filter(([key]) => key.startsWith("Filter.1.Value."));
      const state = before < 2 ? "pending" : "running";
      return instancesAnswer(ids.map(([, id]) => ({ id, state, publicIp: "203.0.113.9" })));
    });
    const deadline = Date.now() + 20_000;
    const ids = Array.from({ length: 20 }, (_, n) => `i-${(n + 0x10000000).toString(16)}`);
    await Promise.all(
      ids.map((id) => stand.region.poller.instance(id, untilRunning("publicIp"), { deadline })),
    );
    expect(stand.aws.count("DescribeInstances")).toBe(3);
    expect(stand.region.poller.busy).toBe(false);
  });

  it("believes in an end only when it was shown twice in a row", async () => {
    const states = ["terminated", "shutting-down", "terminated", "terminated"];
    stand.aws.answer((_, before) => instancesAnswer([{ state: states[before] ?? "running" }]));
    const deadline = Date.now() + 20_000;
    await stand.region.poller.instance(ID, untilTerminatedTwice(), { deadline });
    expect(stand.aws.count("DescribeInstances")).toBe(4);
  });

  it("ends at once when it may not look", async () => {
    stand.aws.answer(
      error("UnauthorizedOperation", "You are not authorized to perform this operation.", 403),
    );
    const waiting = stand.region.poller.instance(ID, untilRunning("publicIp"), {
      deadline: Date.now() + 20_000,
    });
    await expect(waiting).rejects.toMatchObject({ kind: "denied" });
    expect(stand.aws.count("DescribeInstances")).toBe(1);
  });
});
