import { z } from "zod";

/**
 * The local cloud's configuration: what an account holds before anybody calls it, and how long things take.
 * Every delay is in milliseconds; seconds appear only where ELBv2 itself has them (fractions are allowed
 * here, so that tests need not wait; the API then shows them rounded up).
 */
const delays = z.strictObject({
  /** RunInstances → running. */
  pending: z.number().nonnegative().default(500),
  /** running → the SSH server listens. */
  sshReady: z.number().nonnegative().default(500),
  /** TerminateInstances → terminated, at least; the machine is off before. */
  terminate: z.number().nonnegative().default(500),
  /** StopInstances → stopped, at least. */
  stop: z.number().nonnegative().default(500),
  /** terminated → no longer described. About an hour on AWS. */
  terminatedVisible: z.number().nonnegative().default(3_600_000),
  /**
   * For so long after its creation an instance or a rule is not found by those who ask for it, and a target group
   * that a listener rule has just been given is still said to be in no use.
   */
  consistency: z.number().nonnegative().default(0),
  /** Descriptions show an instance's state as it was so long ago. */
  staleRead: z.number().nonnegative().default(0),
  /**
   * A registered target's first health check comes this long after its registration; default: one interval.
   */
  firstHealthCheck: z.number().nonnegative().optional(),
  /** A registered target's time in Elb.RegistrationInProgress. */
  registration: z.number().nonnegative().default(0),
  /** Every answer is held back so long (the network's round trip). */
  latency: z.number().nonnegative().default(0),
});

const ingressRule = z.strictObject({
  protocol: z.string().default("tcp"),
  fromPort: z.number().int().default(-1),
  toPort: z.number().int().default(-1),
  cidr: z.string().optional(),
  group: z.string().optional(),
  description: z.string().optional(),
});

const image = z.strictObject({
  id: z.string(),
  name: z.string().default("base"),
  state: z.enum(["available", "pending", "failed"]).default("available"),
  architecture: z.enum(["x86_64", "arm64"]).default("x86_64"),
  rootDeviceName: z.string().default("/dev/sda1"),
  /** GiB of the root snapshot. */
  rootVolumeSize: z.number().int().positive().default(8),
  /** Handed to the machine as it is. */
  settings: z.record(z.string(), z.unknown()).default({}),
});

const healthCheck = z.strictObject({
  protocol: z.enum(["HTTP", "TCP"]).default("HTTP"),
  path: z.string().default("/"),
  matcher: z.string().default("200"),
  intervalSeconds: z.number().positive().default(30),
  timeoutSeconds: z.number().positive().default(5),
  healthyThreshold: z.number().int().positive().default(5),
  unhealthyThreshold: z.number().int().positive().default(2),
});

const targetGroup = z.strictObject({
  name: z.string(),
  arn: z.string().optional(),
  vpc: z.string(),
  port: z.number().int().default(80),
  healthCheck: healthCheck.prefault({}),
  deregistrationDelaySeconds: z.number().nonnegative().default(300),
});

const action = z.union([
  z.strictObject({
    forward: z.array(
      z.strictObject({ targetGroup: z.string(), weight: z.number().int().min(0).max(999).default(1) }),
    ),
  }),
  z.strictObject({
    fixed: z.strictObject({
      status: z.number().int(),
      body: z.string().default(""),
      contentType: z.string().default("text/plain"),
    }),
  }),
]);

const loadBalancer = z.strictObject({
  name: z.string(),
  arn: z.string().optional(),
  listenerArn: z.string().optional(),
  address: z.string().default("127.0.0.1"),
  /** 0: a free one, told on start. */
  port: z.number().int().nonnegative().default(0),
  default: action,
  rules: z
    .array(
      z.strictObject({
        arn: z.string().optional(),
        priority: z.number().int().positive(),
        host: z.array(z.string()).optional(),
        path: z.array(z.string()).optional(),
        action,
      }),
    )
    .default([]),
});

const region = z.strictObject({
  name: z.string(),
  vpcs: z.array(
    z.strictObject({
      id: z.string(),
      default: z.boolean().default(false),
      cidr: z.string().default("127.0.0.0/16"),
    }),
  ),
  subnets: z.array(
    z.strictObject({
      id: z.string(),
      vpc: z.string(),
      zone: z.string(),
      cidr: z.string().default("127.0.0.0/20"),
    }),
  ),
  securityGroups: z.array(
    z.strictObject({
      id: z.string(),
      name: z.string(),
      vpc: z.string(),
      ingress: z.array(ingressRule).default([]),
    }),
  ),
  images: z.array(image),
  keyPairs: z.array(z.strictObject({ name: z.string(), publicKey: z.string() })),
  targetGroups: z.array(targetGroup).default([]),
  loadBalancers: z.array(loadBalancer).default([]),
  /** How many instances of a type a zone still takes; unlimited where nothing is said. */
  capacity: z
    .array(z.strictObject({ type: z.string(), zone: z.string(), available: z.number().int().nonnegative() }))
    .default([]),
});

export const cloudConfigSchema = z.strictObject({
  accountId: z.string().default("123456789012"),
  host: z.string().default("127.0.0.1"),
  /** 0: a free one, told on start. */
  port: z.number().int().nonnegative().default(0),
  accessKeys: z.array(z.strictObject({ id: z.string(), secret: z.string() })).min(1),
  verifySignatures: z.boolean().default(true),
  /**
   * Where instances' disks and buckets live; a folder of its own under the system's temporary one by default.
   */
  folder: z.string().optional(),
  /** x of the instances' addresses 127.0.x.y; a block that is free on this machine by default. */
  addressBlock: z.number().int().min(1).max(254).optional(),
  instancePorts: z
    .strictObject({ ssh: z.number().int().default(2222), http: z.number().int().default(8080) })
    .prefault({}),
  delays: delays.prefault({}),
  throttling: z.boolean().default(false),
  /** Actions that the caller has no permission for, e.g. `ec2:RunInstances`, `s3:*`. */
  denied: z.array(z.string()).default([]),
  /** Seeds the draws of faults with a rate and of weighted target groups. */
  seed: z.number().int().default(1),
  regions: z.array(region).min(1),
  buckets: z.array(z.string()).default([]),
});

export type CloudConfig = z.output<typeof cloudConfigSchema>;
export type CloudConfigInput = z.input<typeof cloudConfigSchema>;
export type RegionConfig = CloudConfig["regions"][number];
export type Delays = CloudConfig["delays"];
export type ImageConfig = RegionConfig["images"][number];
export type TargetGroupConfig = RegionConfig["targetGroups"][number];
export type LoadBalancerConfig = RegionConfig["loadBalancers"][number];
export type ActionConfig = LoadBalancerConfig["default"];

/** What `POST _sandbox/config` may change while the cloud runs. */
export const configChangeSchema = z.strictObject({
  delays: delays.partial().optional(),
  throttling: z.boolean().optional(),
  denied: z.array(z.string()).optional(),
  capacity: z
    .array(
      z.strictObject({
        region: z.string().optional(),
        type: z.string(),
        zone: z.string(),
        /** null: unlimited again. */
        available: z.number().int().nonnegative().nullable(),
      }),
    )
    .optional(),
  images: z.array(z.strictObject({ id: z.string(), state: image.shape.state.unwrap() })).optional(),
  /** How machines that start from now on behave (instances/settings.ts); {} for as their images say. */
  machines: z.record(z.string(), z.unknown()).optional(),
});

export type ConfigChange = z.output<typeof configChangeSchema>;
