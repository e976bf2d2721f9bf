import { z } from "zod";
import { SlipwayError } from "../util/errors.ts";
import { type Tags, tagsSchema } from "./tags.ts";

export const INSTANCE_STATES = [
  "pending",
  "running",
  "shutting-down",
  "terminated",
  "stopping",
  "stopped",
] as const;
export type InstanceState = (typeof INSTANCE_STATES)[number];

/** An EC2 instance as one look saw it. AWS may leave out whatever is optional here, also for a moment. */
export interface Instance {
  readonly id: string;
  readonly state: InstanceState;
  /** E.g. `{ code: "Server.InsufficientInstanceCapacity", message: … }`. */
  readonly stateReason: { readonly code: string; readonly message: string } | undefined;
  /** E.g. `User initiated (2026-11-21 04:00:00 GMT)`. */
  readonly transition: string | undefined;
  readonly type: string | undefined;
  readonly imageId: string | undefined;
  readonly subnetId: string | undefined;
  readonly zone: string | undefined;
  readonly privateIp: string | undefined;
  readonly publicIp: string | undefined;
  readonly privateName: string | undefined;
  readonly publicName: string | undefined;
  /** Milliseconds since 1970. */
  readonly launchedAt: number | undefined;
  readonly clientToken: string | undefined;
  readonly tags: Tags;
}

const text = z
  .string()
  .optional()
  .transform((value) => value || undefined);

/** An instance in an answer. Without an id and a state that we know it says nothing that we may act on. */
export const instanceSchema = z
  .object({
    InstanceId: z.string().regex(/^i-[0-9a-f]+$/, "not an instance id"),
    State: z.object({ Name: z.enum(INSTANCE_STATES) }),
    StateReason: z.object({ Code: z.string().optional(), Message: z.string().optional() }).optional(),
    StateTransitionReason: text,
    InstanceType: text,
    ImageId: text,
    SubnetId: text,
    Placement: z.object({ AvailabilityZone: text }).optional(),
    PrivateIpAddress: text,
    PublicIpAddress: text,
    PrivateDnsName: text,
    PublicDnsName: text,
    LaunchTime: z.date().optional().catch(undefined),
    ClientToken: text,
    Tags: tagsSchema,
  })
  .transform((seen): Instance => {
    const reason = seen.StateReason;
    return {
      id: seen.InstanceId,
      state: seen.State.Name,
      stateReason: reason?.Code ? { code: reason.Code, message: reason.Message ?? reason.Code } : undefined,
      transition: seen.StateTransitionReason,
      type: seen.InstanceType,
      imageId: seen.ImageId,
      subnetId: seen.SubnetId,
      zone: seen.Placement?.AvailabilityZone,
      privateIp: seen.PrivateIpAddress,
      publicIp: seen.PublicIpAddress,
      privateName: seen.PrivateDnsName,
      publicName: seen.PublicDnsName,
      launchedAt: seen.LaunchTime?.getTime(),
      clientToken: seen.ClientToken,
      tags: seen.Tags,
    };
  });

/** An instance that is going or gone while somebody wanted it to run. */
export class InstanceDied extends SlipwayError {
  readonly instance: Instance;
  /**
   * True when AWS had no room after all: the next candidate of the launch may be tried under its own token.
   */
  readonly capacity: boolean;

  constructor(instance: Instance) {
    const { words, remedy, capacity } = explain(instance);
    super("instance_died", `the instance ${instance.id} is ${instance.state}: ${words}`, {
      remedy,
      fields: {
        instance: instance.id,
        state: instance.state,
        reason: instance.stateReason?.code,
        transition: instance.transition,
      },
    });
    this.instance = instance;
    this.capacity = capacity;
  }
}

interface Explanation {
  readonly words: string;
  readonly remedy: string;
  readonly capacity: boolean;
}

/**
 * State reason codes as EC2's StateReason type documents them
 * (docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StateReason.html), and what a person can do about each.
 */
const REASONS: Readonly<Record<string, Omit<Explanation, "words"> & { words: string }>> = {
  "Server.InsufficientInstanceCapacity": {
    words: "AWS had no capacity left for its type in this zone",
    remedy: "Add instance types or subnets in other zones to the slot, or try again later.",
    capacity: true,
  },
  "Server.InternalError": {
    words: "AWS had an internal error while launching it",
    remedy: "Launch again.",
    capacity: false,
  },
  "Server.ScheduledStop": {
    words: "AWS stopped it for scheduled maintenance",
    remedy: "Launch again: the new instance runs on other hardware.",
    capacity: false,
  },
  "Server.SpotInstanceTermination": {
    words: "AWS took the spot capacity back",
    remedy: "Launch again, or use on-demand types.",
    capacity: true,
  },
  "Client.InstanceInitiatedShutdown": {
    words: "it was shut down from inside (`shutdown`, or its dead-man timer)",
    remedy: "Look for a `shutdown` in the service update; the dead-man timer acts only after `maxTtl`.",
    capacity: false,
  },
  "Client.UserInitiatedShutdown": {
    words: "somebody ended it by the AWS API or console",
    remedy: "CloudTrail shows who (TerminateInstances, StopInstances). Launch again.",
    capacity: false,
  },
  "Client.InstanceTerminated": {
    words: "it was terminated while it started",
    remedy: "CloudTrail shows who ended it. Launch again.",
    capacity: false,
  },
  "Client.InternalError": {
    words: "a client error ended its launch, mostly an encrypted volume whose KMS key may not be used",
    remedy:
      "Allow the bot's role `kms:CreateGrant` and `kms:Decrypt` on the key that encrypts the AMI's snapshot.",
    capacity: false,
  },
  "Client.VolumeLimitExceeded": {
    words: "the account's limit on EBS volumes or their total size is reached",
    remedy: "Delete volumes that are no longer used, or raise the quota (Service Quotas, EBS).",
    capacity: false,
  },
  "Client.InvalidSnapshot.NotFound": {
    words: "the snapshot behind its image does not exist any more",
    remedy: "Bake a new image, or set the slot's `ami` to one whose snapshots exist.",
    capacity: false,
  },
  "Client.InvalidParameterValue": {
    words: "AWS found a parameter of the launch invalid once it began",
    remedy: "Correct what the message names in the slot's configuration.",
    capacity: false,
  },
};

function explain(instance: Instance): Explanation {
  const reason = instance.stateReason;
  const known = reason ? REASONS[reason.code] : undefined;
  const said = awsReason(instance) ?? "AWS gives no reason";
  if (known) return { ...known, words: `${known.words} (${said})` };
  return {
    words: said,
    remedy: "See the instance in the EC2 console or CloudTrail, then launch again.",
    capacity: false,
  };
}

/** Why it is in its state, in AWS's words, with AWS's code once: AWS's message mostly begins with it. */
export function awsReason({ stateReason, transition }: Instance): string | undefined {
  if (stateReason === undefined) return transition;
  const { code, message } = stateReason;
  return message.startsWith(code) ? message : `${code}: ${message}`;
}

/** Still there, or coming: everything but `terminated`. */
export function isAlive(instance: Instance): boolean {
  return instance.state !== "terminated";
}
