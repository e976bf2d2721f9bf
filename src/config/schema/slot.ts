import { z } from "zod";
import {
  ami,
  duration,
  expected,
  gibibytes,
  HOST_KEY_PATTERN,
  host,
  instanceType,
  listenerRuleArn,
  NETWORK_PATTERN,
  port,
  privateKey,
  region,
  repository,
  securityGroup,
  subnet,
  TEXT_KIND,
  targetGroupArn,
  text,
  url,
  wholeNumber,
} from "./scalars.ts";

export const SWAPS = ["replace", "overlap", "switch"] as const;
export type Swap = (typeof SWAPS)[number];
export const AFTER_TESTS = ["terminate", "keep"] as const;
export const VOLUME_TYPES = ["gp3", "gp2", "io1", "io2", "st1", "sc1", "standard"] as const;

/** Text in which `{slot}`, `{SLOT}` and `{region}` are filled when the file is read. */
function inSlot<T extends z.ZodType>(schema: T): T {
  return schema.meta({ [TEXT_KIND]: "slot" });
}

const rootVolume = z
  .strictObject({
    size: gibibytes().optional().describe("GiB; never less than the image's own snapshot."),
    type: z.enum(VOLUME_TYPES).prefault("gp3").describe("The kind of EBS volume."),
    iops: wholeNumber(100, 256_000).optional().describe("Operations a second, where the type allows it."),
    throughput: wholeNumber(125, 2_000).optional().describe("MiB a second, for gp3."),
  })
  .prefault({});

/** Which address of the instance the bot connects to: one of these words, or a name of its own. */
export const SSH_ADDRESSES = ["publicIp", "privateIp"] as const;

const sshAddress = host().refine(
  (written) => (SSH_ADDRESSES as readonly string[]).includes(written) || /[.:]|^localhost$/.test(written),
  expected("publicIp, privateIp or a host name with a dot"),
);

const slotHostKey = z
  .string(expected("inject, or the host's public key such as ssh-ed25519 AAAA…"))
  .refine(
    (written) => written === "inject" || HOST_KEY_PATTERN.test(written),
    expected("inject, or the host's public key such as ssh-ed25519 AAAA…"),
  );

const ssh = z.strictObject(
  {
    user: text("a user name").prefault("ubuntu").describe("The user on the instance."),
    port: port().prefault(22).describe("The port of the SSH server."),
    address: inSlot(sshAddress).prefault("publicIp").describe("`publicIp`, `privateIp` or a host name."),
    hostKey: slotHostKey
      .prefault("inject")
      .describe(
        "`inject`: Slipway gives each new instance a host key that it knows. Or the pinned key itself.",
      ),
    readyWithin: duration().prefault("5m").describe("How long the SSH server may take to answer."),
    reconnectWithin: duration()
      .prefault("5m")
      .describe("How long a connection that was lost in the middle of a step is tried again."),
    privateKey: privateKey().describe("The key to log in with, taken from the environment; base64 will do."),
  },
  expected("a map with at least privateKey"),
);

const ingress = z
  .strictObject({
    port: port().optional().describe("The port that is opened; `ssh.port` if left out."),
    from: z
      .string(expected("self or a network such as 10.0.0.0/16"))
      .refine(
        (written) => written === "self" || isNetwork(written),
        expected("self or a network such as 10.0.0.0/16"),
      )
      .prefault("self")
      .describe("`self`: the bot's own address. Or a network."),
  })
  .prefault({});

function isNetwork(written: string): boolean {
  if (!NETWORK_PATTERN.test(written)) return false;
  const [address, bits] = written.split("/");
  return Number(bits) <= 32 && (address ?? "").split(".").every((part) => Number(part) <= 255);
}

const bake = z.strictObject({
  keep: wholeNumber(1, 100).prefault(3).describe("How many baked images are kept."),
  variables: z
    .array(
      z.strictObject({
        repository: repository().describe("The repository whose Actions variable is set."),
        name: inSlot(text("a variable's name such as {SLOT}_AMI_ID")).describe(
          "`{SLOT}` is the slot in capitals.",
        ),
      }),
    )
    .prefault([])
    .describe("GitHub Actions variables that name the new image."),
});

const oneOrMore = z
  .union([instanceType().transform((one) => [one]), z.array(instanceType())], {
    error: "expected an instance type such as t3.2xlarge, or a list of them",
  })
  .refine((list) => list.length > 0, expected("at least one instance type"));

/** A slot after `slots.defaults` has been merged into it. */
export const slot = z
  .strictObject({
    repositories: z
      .array(repository())
      .optional()
      .describe("Repositories that may be launched here; `github.repositories` if left out."),
    url: inSlot(url()).describe("Where people and tests reach the slot; `{slot}` and `{region}` are filled."),
    region: region().describe("The AWS region."),
    instanceType: oneOrMore.describe("One or several, tried in turn when AWS has no capacity."),
    ami: ami().describe("The image to launch."),
    subnets: z
      .array(subnet(), expected("a list of subnet ids"))
      .min(1, expected("at least one subnet"))
      .describe("Tried in turn when AWS has no capacity."),
    securityGroup: securityGroup().describe("The instance's security group; may be shared between slots."),
    keyName: inSlot(text("an EC2 key pair's name")).optional().describe("The EC2 key pair."),
    rootVolume: rootVolume.describe("The root volume."),
    ssh: ssh.describe("How the bot reaches the instance."),
    ingress: ingress.describe("The rule that is opened for the bot and always revoked."),
    targetPort: port().prefault(80).describe("The instance's port behind the load balancer."),
    targetGroup: targetGroupArn().optional().describe("The target group; for `swap: replace` and `overlap`."),
    targetGroups: z
      .array(targetGroupArn(), expected("a list of two target groups' ARNs"))
      .length(2, expected("exactly two target groups"))
      .optional()
      .describe("The two target groups of `swap: switch`."),
    listenerRule: listenerRuleArn().optional().describe("The listener rule that `swap: switch` turns."),
    swap: z
      .enum(SWAPS)
      .prefault("replace")
      .describe("`replace`: old out first. `overlap`: new in first. `switch`: two groups and one rule."),
    healthyWithin: duration().prefault("5m").describe("How long a new target may take to become healthy."),
    deregisterWithin: duration().prefault("6m").describe("How long an old target may take to drain."),
    ttl: duration().prefault("4h").describe("How long a kept environment lives."),
    maxTtl: duration()
      .prefault("24h")
      .describe("How long it can live with every extension, from its launch."),
    afterTests: z.enum(AFTER_TESTS).prefault("terminate").describe("What becomes of the instance."),
    tags: z
      .record(z.string().max(128), inSlot(z.string(expected("text")).max(256)))
      .prefault({})
      .describe("Tags of everything that is created."),
    bake: bake.optional().describe("What `/stg bake` does with a new image."),
  })
  .transform((merged) => ({
    ...merged,
    repositories: merged.repositories ?? [],
    ingress: { ...merged.ingress, port: merged.ingress.port ?? merged.ssh.port },
  }));

/** One staging slot, complete: what it says itself and what it has from `slots.defaults`. */
export type SlotConfig = z.output<typeof slot>;
