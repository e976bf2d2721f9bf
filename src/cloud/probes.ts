import {
  AuthorizeSecurityGroupIngressCommand,
  RevokeSecurityGroupIngressCommand,
  RunInstancesCommand,
} from "@aws-sdk/client-ec2";
import { messageOf, SlipwayError } from "../util/errors.ts";
import type { Cloud } from "./cloud.ts";
import { AwsFault } from "./errors.ts";
import type { Image } from "./image.ts";
import { type LaunchRequest, toRunInstances } from "./launch-request.ts";
import { TAG, tagList } from "./tags.ts";

/**
 * `allowed` AWS said that the call would succeed, or a reading call did · `denied` it would not, by
 * permission · `wrong` it would not, for another reason, which is named · `untried` AWS offers no way to ask
 * without doing it.
 */
export const PROBE_OUTCOMES = ["allowed", "denied", "wrong", "untried"] as const;
export type ProbeOutcome = (typeof PROBE_OUTCOMES)[number];

export interface Probe {
  /** As IAM writes it. */
  readonly action: string;
  /** On what, e.g. a target group. */
  readonly on: string;
  readonly outcome: ProbeOutcome;
  readonly message: string;
  readonly remedy: string | undefined;
}

export interface ProbedSlot {
  readonly region: string;
  readonly installation: string;
  readonly image: string;
  /** Builds the launch as the pipeline would, with any user data. */
  readonly launch: (image: Image) => { readonly request: LaunchRequest; readonly userData: string };
  readonly securityGroup?: string | undefined;
  readonly port: number;
  readonly targetGroups: readonly string[];
  readonly listenerRule?: string | undefined;
}

/**
 * Tries every permission that a slot needs, as far as AWS lets one try without changing anything: EC2 by
 * DryRun, reading calls by reading. Never throws: a failure is a result.
 */
export async function probeSlot(cloud: Cloud, slot: ProbedSlot): Promise<Probe[]> {
  const { ec2, balancing } = cloud.region(slot.region);
  const { listenerRule, securityGroup } = slot;
  const probes = await Promise.all([
    probeLaunch(cloud, slot),
    ask("ec2:DescribeInstances", "all instances", () => ec2.findByTags({ installation: slot.installation })),
    notTried("ec2:TerminateInstances", "instances of this installation"),
    ...(securityGroup === undefined ? [] : ingressProbes(cloud, slot, securityGroup)),
    ...slot.targetGroups.flatMap((arn) => [
      ask("elasticloadbalancing:DescribeTargetGroups", arn, () => balancing.describeTargetGroup(arn)),
      ask("elasticloadbalancing:DescribeTargetHealth", arn, () => balancing.targets(arn)),
      notTried("elasticloadbalancing:RegisterTargets", arn),
      notTried("elasticloadbalancing:DeregisterTargets", arn),
    ]),
    ...(listenerRule === undefined
      ? []
      : [
          ask("elasticloadbalancing:DescribeRules", listenerRule, () => balancing.ruleForward(listenerRule)),
          notTried("elasticloadbalancing:ModifyRule", listenerRule),
        ]),
  ]);
  return probes.flat();
}

/** The image is read, and the launch asked for as it would be made. */
async function probeLaunch(cloud: Cloud, slot: ProbedSlot): Promise<Probe[]> {
  const { ec2, caller } = cloud.clients.set(slot.region, "work");
  let image: Image | undefined;
  const looked = await ask("ec2:DescribeImages", slot.image, async () => {
    image = await cloud.region(slot.region).ec2.describeImage(slot.image);
  });
  const found = image;
  if (found === undefined) return [looked];
  const launched = await dryRun("ec2:RunInstances", slot.image, async () => {
    const { request, userData } = slot.launch(found);
    const command = new RunInstancesCommand({ ...toRunInstances(request, userData), DryRun: true });
    await caller.call("ec2:RunInstances", (abortSignal) => ec2.send(command, { abortSignal }));
  });
  return [looked, launched];
}

/** An address of the documentation's range (RFC 5737), which nobody has. */
const NOBODY = "192.0.2.1/32";

function ingressProbes(cloud: Cloud, slot: ProbedSlot, GroupId: string): Promise<Probe>[] {
  const { ec2, caller } = cloud.clients.set(slot.region, "work");
  const range = { FromPort: slot.port, ToPort: slot.port, IpRanges: [{ CidrIp: NOBODY }] };
  const IpPermissions = [{ IpProtocol: "tcp", ...range }];
  const key = { groupId: GroupId, port: slot.port, cidr: NOBODY };
  return [
    ask("ec2:DescribeSecurityGroupRules", GroupId, () => cloud.region(slot.region).ec2.findRule(key)),
    dryRun("ec2:AuthorizeSecurityGroupIngress", GroupId, () => {
      const Tags = tagList({ [TAG.installation]: slot.installation });
      const TagSpecifications = [{ ResourceType: "security-group-rule" as const, Tags }];
      const input = { GroupId, IpPermissions, TagSpecifications, DryRun: true };
      const command = new AuthorizeSecurityGroupIngressCommand(input);
      return caller.call("ec2:AuthorizeSecurityGroupIngress", (abortSignal) =>
        ec2.send(command, { abortSignal }),
      );
    }),
    dryRun("ec2:RevokeSecurityGroupIngress", GroupId, () => {
      const command = new RevokeSecurityGroupIngressCommand({ GroupId, IpPermissions, DryRun: true });
      return caller.call("ec2:RevokeSecurityGroupIngress", (abortSignal) =>
        ec2.send(command, { abortSignal }),
      );
    }),
  ];
}

async function ask(action: string, on: string, look: () => Promise<unknown>): Promise<Probe> {
  try {
    await look();
    return { action, on, outcome: "allowed", message: "works", remedy: undefined };
  } catch (error) {
    return failed(action, on, error);
  }
}

/** EC2 answers a permitted dry run with the error `DryRunOperation` (HTTP 412). */
async function dryRun(action: string, on: string, send: () => Promise<unknown>): Promise<Probe> {
  try {
    await send();
  } catch (error) {
    if (error instanceof AwsFault && error.awsCode === "DryRunOperation") {
      return { action, on, outcome: "allowed", message: "AWS would allow it", remedy: undefined };
    }
    return failed(action, on, error);
  }
  const message = "AWS did not say whether it would allow it";
  return { action, on, outcome: "wrong", message, remedy: "Look whether the endpoint supports DryRun." };
}

function failed(action: string, on: string, error: unknown): Probe {
  const denied = error instanceof AwsFault && error.kind === "denied";
  const remedy = error instanceof SlipwayError ? error.remedy : undefined;
  return { action, on, outcome: denied ? "denied" : "wrong", message: messageOf(error), remedy };
}

async function notTried(action: string, on: string): Promise<Probe> {
  const message = "AWS offers no way to try it without doing it";
  return { action, on, outcome: "untried", message, remedy: undefined };
}
