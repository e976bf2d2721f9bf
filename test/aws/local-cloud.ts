import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { newSshKeys } from "../../sandbox/ssh-keys.ts";
import { type Cloud, type CloudOptions, createCloud } from "../../src/cloud/index.ts";

/** The local cloud as a process of its own, with real machines behind its wire protocol. */

export const REGION = "us-east-1";
export const AMI = "ami-02dff3992891505ba";
export const SUBNET_A = "subnet-0000000a";
export const SUBNET_B = "subnet-0000000b";
export const GROUP = "sg-0d56a7433d4b2a364";
export const SSH_PORT = 2222;
export const HTTP_PORT = 8080;
const ELB = "arn:aws:elasticloadbalancing:us-east-1:123456789012";
export const BLUE = `${ELB}:targetgroup/blue/0123456789abcde3`;
export const GREEN = `${ELB}:targetgroup/green/0123456789abcde4`;
export const UNUSED = `${ELB}:targetgroup/unused/0123456789abcde5`;
export const LISTENER = `${ELB}:listener/app/stg/50dc6c495c0c9188/f2f7dc8efc522ab2`;
export const RULE = `${ELB}:listener-rule/app/stg/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee`;

const KEY_PAIR = newSshKeys();
/** The key of the key pair `stg`, to log in with. */
export const LOGIN_KEY = KEY_PAIR.private;

export type FaultMode =
  | "error-before"
  | "error-after"
  | "hang-before"
  | "hang-after"
  | "throttle"
  | "notfound"
  | "garbage";

export interface CloudFault {
  readonly action: string;
  readonly mode: FaultMode;
  readonly code?: string;
  readonly times?: number;
}

interface Snapshot {
  readonly instances: readonly { readonly id: string; readonly state: string }[];
}

export class LocalCloud {
  readonly endpoint: string;
  readonly balancers: Readonly<Record<string, string>>;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(child: ChildProcess, folder: string, line: string) {
    const { endpoint, balancers } = JSON.parse(line) as Pick<LocalCloud, "endpoint" | "balancers">;
    this.#child = child;
    this.#folder = folder;
    this.endpoint = endpoint;
    this.balancers = balancers;
  }

  static async start(delays: Readonly<Record<string, number>> = {}): Promise<LocalCloud> {
    const folder = await mkdtemp(join(tmpdir(), "slipway-test-cloud-"));
    const file = join(folder, "cloud.json");
    await writeFile(file, JSON.stringify({ ...configuration(delays), folder: join(folder, "disk") }));
    const program = join(import.meta.dirname, "../../sandbox/cloud/main.ts");
    const child = spawn(process.execPath, [program, file], { stdio: ["ignore", "pipe", "inherit"] });
    if (!child.stdout) throw new Error("no output");
    const ended = once(child, "exit").then(() => {
      throw new Error("the local cloud ended at its start");
    });
    const [line] = (await Promise.race([once(createInterface(child.stdout), "line"), ended])) as [string];
    ended.catch(() => {});
    return new LocalCloud(child, folder, line);
  }

  /** The bot's side, which finds this cloud by the SDK's own variables. */
  connect(options: CloudOptions = {}): Cloud {
    process.env.AWS_ENDPOINT_URL = this.endpoint;
    process.env.AWS_ACCESS_KEY_ID = "AKIASANDBOX000000001";
    process.env.AWS_SECRET_ACCESS_KEY = "a-secret-of-the-sandbox";
    const ownAddressUrl = `${this.endpoint}/_sandbox/checkip`;
    return createCloud({ limits: { connect: 5_000, request: 1_500 }, ownAddressUrl, ...options });
  }

  async faults(...faults: readonly CloudFault[]): Promise<void> {
    await this.#post("faults", faults);
  }

  async change(config: object): Promise<void> {
    await this.#post("config", config);
  }

  async reset(): Promise<void> {
    await this.#post("reset", null);
  }

  async get<T>(path: string): Promise<T> {
    return (await (await fetch(`${this.endpoint}/_sandbox/${path}`)).json()) as T;
  }

  async calls(action: string): Promise<number> {
    return (await this.get<unknown[]>(`calls?action=${action}`)).length;
  }

  /** Instances that are not terminated, as the cloud itself counts them. */
  async alive(): Promise<string[]> {
    const { instances } = await this.get<Snapshot>("state");
    return instances.filter((one) => one.state !== "terminated").map((one) => one.id);
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await ended;
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #post(path: string, body: unknown): Promise<void> {
    const init = { method: "POST", body: JSON.stringify(body) };
    const answer = await fetch(`${this.endpoint}/_sandbox/${path}`, init);
    if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
  }
}

function configuration(delays: Readonly<Record<string, number>>) {
  const group = (name: string, arn: string) => ({
    name,
    arn,
    vpc: "vpc-01",
    port: HTTP_PORT,
    deregistrationDelaySeconds: 0.2,
    // 503 is what a machine's own proxy says while no service has been started on it.
    healthCheck: {
      path: "/health",
      matcher: "200,503",
      intervalSeconds: 0.1,
      timeoutSeconds: 1,
      unhealthyThreshold: 2,
    },
  });
  return {
    accessKeys: [{ id: "AKIASANDBOX000000001", secret: "a-secret-of-the-sandbox" }],
    delays: { pending: 50, sshReady: 50, terminate: 50, firstHealthCheck: 50, ...delays },
    instancePorts: { ssh: SSH_PORT, http: HTTP_PORT },
    buckets: ["results"],
    regions: [
      {
        name: REGION,
        vpcs: [{ id: "vpc-01", default: true }],
        subnets: [
          { id: SUBNET_A, vpc: "vpc-01", zone: "us-east-1a" },
          { id: SUBNET_B, vpc: "vpc-01", zone: "us-east-1b" },
        ],
        securityGroups: [
          {
            id: GROUP,
            name: "staging",
            vpc: "vpc-01",
            ingress: [{ fromPort: 22, toPort: 22, cidr: "198.51.100.0/24", description: "by hand" }],
          },
        ],
        images: [{ id: AMI, name: "platform", rootVolumeSize: 30 }],
        keyPairs: [{ name: "stg", publicKey: KEY_PAIR.public }],
        targetGroups: [group("blue", BLUE), group("green", GREEN), group("unused", UNUSED)],
        loadBalancers: [
          {
            name: "stg",
            default: { fixed: { status: 404, body: "nothing here" } },
            listenerArn: LISTENER,
            rules: [
              {
                arn: RULE,
                priority: 10,
                path: ["/*"],
                action: {
                  forward: [
                    { targetGroup: "blue", weight: 1 },
                    { targetGroup: "green", weight: 0 },
                  ],
                },
              },
            ],
          },
        ],
        capacity: [{ type: "t3a.2xlarge", zone: "us-east-1a", available: 0 }],
      },
    ],
  };
}
