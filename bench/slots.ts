import type { CloudConfigInput } from "../sandbox/cloud/config.ts";
import { ACCOUNT, REGION, TARGET_PORT, VPC } from "../sandbox/supervisor/plan.ts";
import type { JsonObject } from "../src/util/json.ts";

/** Many slots instead of the sandbox's four, each with a target group of its own behind one load balancer. */
export interface ManySlots {
  cloud(config: CloudConfigInput): CloudConfigInput;
  config(config: JsonObject): JsonObject;
}

export interface CloudTimes {
  readonly pending: number;
  readonly sshReady: number;
  readonly terminate: number;
  /** Of a health check, in seconds. */
  readonly healthInterval: number;
  readonly deregistration: number;
}

type Group = NonNullable<CloudConfigInput["regions"][number]["targetGroups"]>[number];

export function manySlots(count: number, times: CloudTimes): ManySlots {
  const names = Array.from({ length: count }, (_, index) => `bench${index + 1}`);
  return {
    cloud: (config) => ({
      ...config,
      delays: {
        ...config.delays,
        pending: times.pending,
        sshReady: times.sshReady,
        terminate: times.terminate,
      },
      regions: config.regions.map((region) => ({
        ...region,
        targetGroups: names.map((name) => group(name, times)),
        loadBalancers: [
          {
            name: "bench",
            default: { fixed: { status: 404 } },
            rules: names.map((name, index) => ({
              priority: index + 1,
              path: [`/${name}/*`],
              action: { forward: [{ targetGroup: name }] },
            })),
          },
        ],
      })),
    }),
    config: (config) => {
      const slots = config.slots as JsonObject;
      const defaults = slots.defaults as JsonObject;
      const { securityGroup } = slots.stg1 as JsonObject;
      const own = names.map((name) => [
        name,
        { url: `http://127.0.0.1:1/${name}/`, securityGroup, swap: "overlap", targetGroup: groupArn(name) },
      ]);
      const patient = { ...defaults, healthyWithin: "10m", deregisterWithin: "10m" };
      return {
        ...config,
        slots: {
          defaults: { ...patient, ssh: { ...(defaults.ssh as JsonObject), readyWithin: "10m" } },
          ...Object.fromEntries(own),
        },
      };
    },
  };
}

function group(name: string, times: CloudTimes): Group {
  return {
    name,
    arn: groupArn(name),
    vpc: VPC,
    port: TARGET_PORT,
    healthCheck: {
      protocol: "TCP",
      intervalSeconds: times.healthInterval,
      healthyThreshold: 1,
      timeoutSeconds: 2,
    },
    deregistrationDelaySeconds: times.deregistration,
  };
}

function groupArn(name: string): string {
  const id = Buffer.from(name).toString("hex").padEnd(16, "0").slice(0, 16);
  return `arn:aws:elasticloadbalancing:${REGION}:${ACCOUNT}:targetgroup/${name}/${id}`;
}
