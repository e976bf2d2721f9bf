import {
  AuthorizeSecurityGroupIngressCommand,
  DescribeInstancesCommand,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import {
  DescribeTargetHealthCommand,
  RegisterTargetsCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import {
  type Account,
  GROUP,
  launched,
  openAccount,
  refusal,
  stateOf,
  TARGET_GROUP,
  until,
} from "./account.ts";

let account: Account;
beforeAll(async () => {
  account = await openAccount();
});
beforeEach(() => account.post("reset"));
afterAll(() => account.close());

const rule = { IpProtocol: "tcp", FromPort: 22, ToPort: 22, IpRanges: [{ CidrIp: "127.0.0.1/32" }] };

async function madeThings(): Promise<string> {
  const id = await launched(account, {
    ClientToken: "made",
    TagSpecifications: [{ ResourceType: "instance", Tags: [{ Key: "run", Value: "7" }] }],
  });
  await account.ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId: GROUP, IpPermissions: [rule] }));
  await account.elb.send(new RegisterTargetsCommand({ TargetGroupArn: TARGET_GROUP, Targets: [{ Id: id }] }));
  await until(() => account.hosts.started.some(({ instanceId }) => instanceId === id));
  return id;
}

it("state: nothing but what calls have made", async () => {
  expect(await account.get("state")).toEqual({
    instances: [],
    rules: [],
    targets: [],
    draining: [],
    volumes: [],
    tasks: [],
    jobs: [],
    ports: [],
  });
  const id = await madeThings();
  expect(await account.get("state")).toMatchObject({
    instances: [{ id, state: "running", clientToken: "made", tags: { run: "7" }, runningJobs: 1 }],
    rules: [{ group: GROUP, fromPort: 22, cidr: "127.0.0.1/32" }],
    targets: [{ targetGroup: TARGET_GROUP, id, port: 8080 }],
    tasks: [],
    jobs: [{ instanceId: id, command: "sleep 1" }],
    ports: [{ instanceId: id, port: 2222 }],
  });
  await account.ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
  await until(async () => (await stateOf(account, id)) === "terminated");
  expect(await account.get("state")).toMatchObject({ instances: [], jobs: [], ports: [] });
});

it("calls: every one with its parameters, status and error code, in order", async () => {
  const missing = { InstanceIds: ["i-0123456789abcdef0"] };
  await refusal(account.ec2.send(new DescribeInstancesCommand(missing)));
  await account.elb.send(new DescribeTargetHealthCommand({ TargetGroupArn: TARGET_GROUP }));
  const all = (await account.get("calls")) as { at: string }[];
  expect(all).toMatchObject([
    { action: "ec2:DescribeInstances", parameters: missing, status: 400, code: "InvalidInstanceID.NotFound" },
    {
      action: "elasticloadbalancing:DescribeTargetHealth",
      parameters: { TargetGroupArn: TARGET_GROUP },
      status: 200,
      region: "us-east-1",
    },
  ]);
  expect(await account.get("calls?action=ec2:*")).toHaveLength(1);
  expect(await account.get(`calls?since=${all[1]?.at}`)).not.toHaveLength(0);
  expect(await account.get("calls?since=2999-01-01T00:00:00Z")).toEqual([]);
});

it("reset: machines off, rules, targets and calls gone, at once", async () => {
  await madeThings();
  expect(account.hosts.running).toBeGreaterThan(0);
  await account.post("config", { delays: { pending: 99_999 }, throttling: true });
  await account.post("reset");
  expect(account.hosts.running).toBe(0);
  expect(await account.get("calls")).toEqual([]);
  expect(await account.get("state")).toMatchObject({ instances: [], rules: [], targets: [], jobs: [] });
  expect(await account.get("config")).toMatchObject({ delays: { pending: 30 }, throttling: false });
});

it("config: a wrong change is refused whole", async () => {
  expect(await account.post("config", { delays: { pending: "soon" } })).toHaveProperty("error");
  expect(await account.post("config", { colour: "red" })).toHaveProperty("error");
  expect(await account.get("config")).toMatchObject({ delays: { pending: 30 } });
});

it("checkip: the caller's address as plain text", async () => {
  const answer = await fetch(`${account.cloud.endpoint}/_sandbox/checkip`);
  expect(await answer.text()).toBe("127.0.0.1\n");
});

it("critical-path: when each step of an instance and of a target happened", async () => {
  const since = new Date().toISOString();
  const id = await madeThings();
  await until(async () => {
    const path = (await account.get("critical-path")) as { targets: { firstHealthy: string | null }[] };
    return path.targets[0]?.firstHealthy !== null;
  });
  const path = (await account.get(`critical-path?since=${since}`)) as {
    instances: Record<string, string>[];
    targets: Record<string, string>[];
  };
  const [instance] = path.instances;
  expect(instance).toMatchObject({ id, terminated: null });
  expect(Date.parse(instance?.running ?? "") - Date.parse(instance?.pending ?? "")).toBeGreaterThanOrEqual(
    25,
  );
  expect(Date.parse(path.targets[0]?.firstHealthy ?? "")).toBeGreaterThan(
    Date.parse(instance?.sshReady ?? ""),
  );
});

it("instance: turns one machine off from inside, and names what it does not know", async () => {
  const id = await madeThings();
  await account.post("instance", { id, change: "power-off" });
  await until(async () => (await stateOf(account, id)) === "stopped");
  expect(await account.post("instance", { id: "i-0", change: "freeze" })).toHaveProperty("error");
  expect(await account.get("nothing")).toHaveProperty("routes");
});

it("a port that is taken ends the start with an error, and leaves nothing open", async () => {
  const { port } = new URL(account.cloud.endpoint);
  const running = account.hosts.running;
  await expect(openAccount({ port: Number(port) })).rejects.toMatchObject({ code: "EADDRINUSE" });
  expect(account.hosts.running).toBe(running);
  expect(await account.get("config")).toHaveProperty("delays");
});
