import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import {
  AuthorizeSecurityGroupIngressCommand,
  DescribeInstancesCommand,
  EC2Client,
  RevokeSecurityGroupIngressCommand,
  RunInstancesCommand,
} from "@aws-sdk/client-ec2";
import {
  DescribeTargetHealthCommand,
  ElasticLoadBalancingV2Client,
  RegisterTargetsCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import ssh2 from "ssh2";
import { afterAll, beforeAll, expect, it } from "vitest";
import { newSshKeys } from "../../sandbox/ssh-keys.ts";
import { accountConfig, clientOptions, GROUP, plainLaunch, TARGET_GROUP, until } from "./account.ts";

/** The cloud as a process of its own, with real machines, probes and load balancers behind the wire. */
const keys = newSshKeys();
const base = mkdtempSync(join(tmpdir(), "cloud-process-"));
let child: ChildProcess;
let endpoint: string;
let balancers: Record<string, string>;
let ec2: EC2Client;
let elb: ElasticLoadBalancingV2Client;

function started(file: string): ChildProcess {
  return spawn(process.execPath, ["sandbox/cloud/main.ts", file], { stdio: ["ignore", "pipe", "pipe"] });
}

function configFile(): string {
  const config = accountConfig({ folder: join(base, "cloud") });
  const [region] = config.regions;
  if (!region) throw new Error("no region");
  region.keyPairs = [{ name: "stg1-staging-key", publicKey: keys.public }];
  region.images = region.images.map((image) => ({ ...image, settings: {} }));
  const file = join(base, "cloud.json");
  writeFileSync(file, JSON.stringify(config));
  return file;
}

beforeAll(async () => {
  child = started(configFile());
  child.stderr?.pipe(process.stderr);
  const [line] = await once(createInterface({ input: child.stdout! }), "line");
  ({ endpoint, balancers } = JSON.parse(String(line)));
  ec2 = new EC2Client(clientOptions(endpoint));
  elb = new ElasticLoadBalancingV2Client(clientOptions(endpoint));
});

afterAll(() => {
  ec2.destroy();
  elb.destroy();
  child.kill("SIGKILL");
  rmSync(base, { recursive: true, force: true });
});

const rule = { IpProtocol: "tcp", FromPort: 2222, ToPort: 2222, IpRanges: [{ CidrIp: "127.0.0.1/32" }] };

/** Runs a command over SSH; rejects when the machine lets nobody in. */
function ssh(host: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    client.on("error", reject);
    client.on("ready", () =>
      client.exec(command, (error, channel) => {
        if (error) return reject(error);
        let output = "";
        channel.on("data", (part: Buffer) => {
          output += part;
        });
        channel.on("close", () => {
          client.end();
          resolve(output);
        });
      }),
    );
    client.connect({ host, port: 2222, username: "ubuntu", privateKey: keys.private, readyTimeout: 1_500 });
  });
}

const alive = async () =>
  (await (await fetch(`${endpoint}/_sandbox/state`)).json()) as {
    jobs: { pid: number }[];
    instances: unknown[];
  };

it("a machine is reached as its rules allow, serves through the load balancer, and ends with the process", async () => {
  const { Instances } = await ec2.send(
    new RunInstancesCommand({ ...plainLaunch(), KeyName: "stg1-staging-key" }),
  );
  const { InstanceId: id = "", PrivateIpAddress: address = "" } = Instances?.[0] ?? {};
  await until(async () => {
    const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
    return Reservations?.[0]?.Instances?.[0]?.State?.Name === "running";
  });
  await until(async () => {
    const state = (await (await fetch(`${endpoint}/_sandbox/state`)).json()) as { ports: unknown[] };
    return state.ports.length > 0;
  });

  await expect(ssh(address, "true")).rejects.toThrow();
  const ingress = { GroupId: GROUP, IpPermissions: [rule] };
  await ec2.send(new AuthorizeSecurityGroupIngressCommand(ingress));
  expect(await ssh(address, "echo $USER")).toContain("ubuntu");

  expect((await fetch(balancers.stg1 ?? "")).status).toBe(503);
  await elb.send(new RegisterTargetsCommand({ TargetGroupArn: TARGET_GROUP, Targets: [{ Id: id }] }));
  await until(async () => {
    const ask = new DescribeTargetHealthCommand({ TargetGroupArn: TARGET_GROUP });
    const { TargetHealthDescriptions } = await elb.send(ask);
    return TargetHealthDescriptions?.[0]?.TargetHealth?.Reason === "Target.ResponseCodeMismatch";
  });

  await ssh(address, "nohup sleep 300 >/dev/null 2>&1 </dev/null & echo started");
  await until(async () => (await alive()).jobs.length > 0);
  const pids = (await alive()).jobs.map(({ pid }) => pid);
  expect(pids.every(runs)).toBe(true);
  await ec2.send(new RevokeSecurityGroupIngressCommand(ingress));
  await expect(ssh(address, "true")).rejects.toThrow();

  child.kill("SIGTERM");
  const [code] = await once(child, "exit");
  expect(code).toBe(0);
  for (const pid of pids) expect(runs(pid)).toBe(false);
  expect(await listens(address, 2222)).toBe(false);
  expect(
    existsSync(join(base, "cloud", "instances")) ? readdirSync(join(base, "cloud", "instances")) : [],
  ).toEqual([]);
});

it("a wrong configuration ends the process with its mistakes", async () => {
  const file = join(base, "wrong.json");
  writeFileSync(file, JSON.stringify({ regions: [], colour: "red" }));
  const wrong = started(file);
  let complaint = "";
  wrong.stderr?.on("data", (part: Buffer) => {
    complaint += part;
  });
  const [code] = await once(wrong, "close");
  expect(code).toBe(2);
  expect(complaint).toContain("accessKeys");
  expect(complaint).toContain("colour");
});

/** A process that has ended but that nobody has waited for yet (a zombie) does not run. */
function runs(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) !== "Z";
  } catch {
    return false;
  }
}

function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}
