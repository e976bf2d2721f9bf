import type { CloudConfigInput } from "../cloud/config.ts";
import {
  ACCOUNT,
  IMAGE,
  KEY_NAME,
  REGION,
  SLOTS,
  type SlotPlan,
  SSH_PORT,
  SUBNETS,
  TARGET_PORT,
  VPC,
} from "./plan.ts";
import type { SandboxSecrets } from "./secrets.ts";

export interface CloudPlaces {
  readonly port: number;
  readonly folder: string;
  /** The port of each slot's load balancer. */
  readonly slotPorts: Readonly<Record<string, number>>;
}

/** The account in which the sandbox's bot works: an image, a network, and what each slot has for good. */
export function cloudConfig(places: CloudPlaces, secrets: SandboxSecrets): CloudConfigInput {
  return {
    accountId: ACCOUNT,
    port: places.port,
    folder: places.folder,
    accessKeys: [{ id: secrets.accessKeyId, secret: secrets.secretAccessKey }],
    instancePorts: { ssh: SSH_PORT, http: TARGET_PORT },
    delays: { pending: 400, sshReady: 300, terminate: 400 },
    buckets: ["slipway-sandbox-results"],
    regions: [
      {
        name: REGION,
        vpcs: [{ id: VPC, default: true }],
        subnets: SUBNETS.map((subnet) => ({ ...subnet, vpc: VPC })),
        securityGroups: [...new Set(SLOTS.map((slot) => slot.securityGroup))].map((id) => ({
          id,
          name: `slots-${id.slice(-3)}`,
          vpc: VPC,
          ingress: [{ fromPort: TARGET_PORT, toPort: TARGET_PORT, cidr: "127.0.0.0/8" }],
        })),
        images: [{ id: IMAGE, name: "platform-staging", rootVolumeSize: 8 }],
        keyPairs: [{ name: KEY_NAME, publicKey: secrets.sshPublicKey }],
        targetGroups: SLOTS.flatMap((slot) => slot.targetGroups.map(targetGroup)),
        loadBalancers: SLOTS.map((slot) => loadBalancer(slot, places.slotPorts[slot.name] ?? 0)),
      },
    ],
  };
}

type RegionInput = CloudConfigInput["regions"][number];

function targetGroup(
  group: SlotPlan["targetGroups"][number],
): NonNullable<RegionInput["targetGroups"]>[number] {
  return {
    ...group,
    vpc: VPC,
    port: TARGET_PORT,
    healthCheck: {
      path: "/health",
      matcher: "200",
      intervalSeconds: 0.5,
      timeoutSeconds: 2,
      healthyThreshold: 2,
      unhealthyThreshold: 2,
    },
    deregistrationDelaySeconds: 1,
  };
}

function loadBalancer(slot: SlotPlan, port: number): NonNullable<RegionInput["loadBalancers"]>[number] {
  const [first] = slot.targetGroups;
  const forward = { forward: [{ targetGroup: first?.name ?? slot.name }] };
  const empty = { fixed: { status: 503, body: `Nothing runs on ${slot.name}.\n` } };
  const common = { name: slot.name, arn: slot.loadBalancer, listenerArn: slot.listener, port };
  if (slot.swap !== "switch") return { ...common, default: forward };
  return {
    ...common,
    default: empty,
    rules: [{ arn: slot.rule, priority: 10, path: ["/*"], action: forward }],
  };
}
