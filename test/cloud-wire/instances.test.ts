import {
  CreateTagsCommand,
  DeleteTagsCommand,
  DescribeInstanceStatusCommand,
  DescribeInstancesCommand,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Account, launched, openAccount, plainLaunch, refusal, stateOf, until } from "./account.ts";

let account: Account;
beforeAll(async () => {
  account = await openAccount();
});
afterAll(() => account.close());

const UNKNOWN = "i-0123456789abcdef0";
const describeById = (id: string) => account.ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
const terminate = (id: string) => account.ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
const start = async () => {
  const { Instances } = await account.ec2.send(new RunInstancesCommand(plainLaunch()));
  return Instances?.[0]?.InstanceId ?? "";
};

describe("an instance's life", () => {
  it("is pending, running, shutting-down, terminated, and it stays visible at its end", async () => {
    const { Instances } = await account.ec2.send(new RunInstancesCommand(plainLaunch()));
    expect(Instances?.[0]?.State).toEqual({ Name: "pending", Code: 0 });
    const id = Instances?.[0]?.InstanceId ?? "";
    await until(async () => (await stateOf(account, id)) === "running");
    await until(() => account.hosts.started.some(({ instanceId }) => instanceId === id));
    const answer = await terminate(id);
    expect(answer.TerminatingInstances?.[0]).toMatchObject({
      PreviousState: { Name: "running", Code: 16 },
      CurrentState: { Name: "shutting-down", Code: 32 },
    });
    await until(async () => (await stateOf(account, id)) === "terminated");
    const { Reservations } = await describeById(id);
    const shown = Reservations?.[0]?.Instances?.[0];
    expect(shown?.PublicIpAddress).toBeUndefined();
    expect(shown?.StateReason?.Code).toBe("Client.UserInitiatedShutdown");
  });

  it("ends with the machine off: nothing listens at its address before it is terminated", async () => {
    const id = await launched(account);
    await until(() => account.hosts.started.some(({ instanceId }) => instanceId === id));
    const running = account.hosts.running;
    await terminate(id);
    await until(async () => (await stateOf(account, id)) === "terminated");
    expect(account.hosts.running).toBe(running - 1);
  });

  it("may end before the machine ever started", async () => {
    await account.post("config", { delays: { sshReady: 99_999 } });
    const id = await start();
    await terminate(id);
    await account.post("config", { delays: { sshReady: 20 } });
    await until(async () => (await stateOf(account, id)) === "terminated");
    expect(account.hosts.started.some(({ instanceId }) => instanceId === id)).toBe(false);
  });

  it("ends a second time without an error", async () => {
    const id = await launched(account);
    await Promise.all([terminate(id), terminate(id)]);
    await until(async () => (await stateOf(account, id)) === "terminated");
    expect((await terminate(id)).TerminatingInstances?.[0]?.CurrentState?.Name).toBe("terminated");
  });

  it("is over when the machine does not boot, with the server to blame", async () => {
    account.hosts.failBoot = true;
    const id = await start();
    await until(async () => (await stateOf(account, id)) === "terminated");
    account.hosts.failBoot = false;
    const { Reservations } = await describeById(id);
    expect(Reservations?.[0]?.Instances?.[0]?.StateReason?.Code).toBe("Server.InternalError");
  });

  it("can be stopped and started: the same disk, not a first boot", async () => {
    const id = await launched(account);
    await until(() => account.hosts.started.some(({ instanceId }) => instanceId === id));
    await account.ec2.send(new StopInstancesCommand({ InstanceIds: [id] }));
    await until(async () => (await stateOf(account, id)) === "stopped");
    await account.ec2.send(new StartInstancesCommand({ InstanceIds: [id] }));
    await until(() => account.hosts.started.filter(({ instanceId }) => instanceId === id).length === 2);
    const [first, second] = account.hosts.started.filter(({ instanceId }) => instanceId === id);
    expect(second).toMatchObject({ folder: first?.folder, address: first?.address, firstBoot: false });
  });
});

describe("a shutdown from inside", () => {
  it.each([
    ["terminate", "terminated"],
    ["stop", "stopped"],
    [undefined, "stopped"],
  ] as const)("with the behaviour %s ends %s", async (behaviour, state) => {
    const id = await launched(
      account,
      behaviour === undefined ? {} : { InstanceInitiatedShutdownBehavior: behaviour },
    );
    await until(() => account.hosts.started.some(({ instanceId }) => instanceId === id));
    account.hosts.started.find(({ instanceId }) => instanceId === id)?.onShutdown("shutdown -h now");
    await until(async () => (await stateOf(account, id)) === state);
    const { Reservations } = await describeById(id);
    expect(Reservations?.[0]?.Instances?.[0]?.StateReason?.Code).toBe("Client.InstanceInitiatedShutdown");
  });
});

describe("what is not there", () => {
  it("is InvalidInstanceID.NotFound by id, and nothing by filter", async () => {
    expect(await refusal(describeById(UNKNOWN))).toEqual({ code: "InvalidInstanceID.NotFound", status: 400 });
    expect((await refusal(terminate(UNKNOWN))).code).toBe("InvalidInstanceID.NotFound");
    expect((await refusal(describeById("stg1"))).code).toBe("InvalidInstanceID.Malformed");
    expect(await stateOf(account, UNKNOWN)).toBeUndefined();
  });

  it("ends the whole call: with one unknown id nothing is terminated", async () => {
    const id = await launched(account);
    const both = new TerminateInstancesCommand({ InstanceIds: [id, UNKNOWN] });
    expect((await refusal(account.ec2.send(both))).code).toBe("InvalidInstanceID.NotFound");
    expect(await stateOf(account, id)).toBe("running");
  });
});

describe("eventual consistency", () => {
  afterEach(() => account.post("config", { delays: { consistency: 0, staleRead: 0 } }));

  it("hides a new instance for a while from everybody who asks", async () => {
    await account.post("config", { delays: { consistency: 2_000 } });
    const id = await start();
    expect((await refusal(describeById(id))).code).toBe("InvalidInstanceID.NotFound");
    expect((await refusal(terminate(id))).code).toBe("InvalidInstanceID.NotFound");
    const tag = new CreateTagsCommand({ Resources: [id], Tags: [{ Key: "a", Value: "b" }] });
    expect((await refusal(account.ec2.send(tag))).code).toBe("InvalidInstanceID.NotFound");
    expect(await stateOf(account, id)).toBeUndefined();
    await until(async () => (await stateOf(account, id)) === "running");
    await terminate(id);
  });

  it("shows an old state for a while after a change", async () => {
    const id = await launched(account);
    await account.post("config", { delays: { staleRead: 1_500 } });
    await until(async () => (await stateOf(account, id)) === "running");
    await terminate(id);
    expect(await stateOf(account, id)).toBe("running");
    await until(async () => (await stateOf(account, id)) === "terminated");
  });
});

describe("descriptions", () => {
  it("filter by tag, tag key, state, and with wildcards; an unknown filter is refused", async () => {
    const id = await launched(account, {
      TagSpecifications: [{ ResourceType: "instance", Tags: [{ Key: "slipway:run", Value: "acme-42" }] }],
    });
    const found = async (Name: string, ...Values: string[]) => {
      const { Reservations } = await account.ec2.send(
        new DescribeInstancesCommand({ Filters: [{ Name, Values }] }),
      );
      return Reservations?.flatMap(({ Instances = [] }) => Instances.map(({ InstanceId }) => InstanceId));
    };
    expect(await found("tag:slipway:run", "acme-42")).toEqual([id]);
    expect(await found("tag:slipway:run", "acme-*")).toEqual([id]);
    expect(await found("tag:slipway:run", "other", "acme-4?")).toEqual([id]);
    expect(await found("tag:slipway:run", "acme")).toEqual([]);
    expect(await found("tag-key", "slipway:run")).toEqual([id]);
    expect(await found("instance-state-name", "running")).toContain(id);
    expect(await found("instance-state-name", "pending")).not.toContain(id);
    const unknown = new DescribeInstancesCommand({ Filters: [{ Name: "colour", Values: ["red"] }] });
    expect((await refusal(account.ec2.send(unknown))).code).toBe("InvalidParameterValue");
  });

  it("come in pages; a token of somebody else's and a page beside ids are refused", async () => {
    await Promise.all(Array.from({ length: 7 }, start));
    const ids = new Set<string | undefined>();
    let token: string | undefined;
    let pages = 0;
    do {
      const page = await account.ec2.send(
        new DescribeInstancesCommand({ MaxResults: 5, ...(token === undefined ? {} : { NextToken: token }) }),
      );
      for (const { Instances = [] } of page.Reservations ?? [])
        for (const one of Instances) ids.add(one.InstanceId);
      token = page.NextToken;
      pages++;
    } while (token !== undefined);
    const all = await account.ec2.send(new DescribeInstancesCommand({}));
    expect(ids.size).toBe(all.Reservations?.flatMap(({ Instances = [] }) => Instances).length);
    expect(pages).toBeGreaterThan(1);
    const foreign = new DescribeInstancesCommand({ MaxResults: 5, NextToken: "AAAA" });
    expect((await refusal(account.ec2.send(foreign))).code).toBe("InvalidNextToken");
    const both = new DescribeInstancesCommand({ MaxResults: 5, InstanceIds: [UNKNOWN] });
    expect((await refusal(account.ec2.send(both))).code).toBe("InvalidParameterCombination");
  });

  it("of status tell whether the machine is reached", async () => {
    const id = await launched(account);
    const ask = new DescribeInstanceStatusCommand({ InstanceIds: [id] });
    await until(async () => {
      const { InstanceStatuses } = await account.ec2.send(ask);
      return InstanceStatuses?.[0]?.InstanceStatus?.Status === "ok";
    });
    await terminate(id);
    expect((await account.ec2.send(ask)).InstanceStatuses).toEqual([]);
  });

  it("show tags as they are changed: with a value, a tag goes only if it has that value", async () => {
    const id = await launched(account);
    const tagsOf = async () => {
      const { Reservations } = await describeById(id);
      return Reservations?.[0]?.Instances?.[0]?.Tags;
    };
    const Tags = [{ Key: "a", Value: "1" }];
    await account.ec2.send(new CreateTagsCommand({ Resources: [id], Tags }));
    expect(await tagsOf()).toEqual(Tags);
    await account.ec2.send(new DeleteTagsCommand({ Resources: [id], Tags: [{ Key: "a", Value: "2" }] }));
    expect(await tagsOf()).toEqual(Tags);
    await account.ec2.send(new DeleteTagsCommand({ Resources: [id], Tags: [{ Key: "a" }] }));
    expect(await tagsOf()).toEqual([]);
  });
});
