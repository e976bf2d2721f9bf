import { z } from "zod";
import { SlipwayError } from "../util/errors.ts";

export const TARGET_STATES = [
  "initial",
  "healthy",
  "unhealthy",
  "unhealthy.draining",
  "unused",
  "draining",
  "unavailable",
] as const;
export type TargetState = (typeof TARGET_STATES)[number];

/** A target as it is registered. Deregistering needs exactly this Id and Port. */
export interface Target {
  /** Instance id, or an IP address, or a function's ARN, as the group's target type says. */
  readonly id: string;
  /** Undefined for a target type without ports. */
  readonly port?: number | undefined;
  /** Only for IP targets outside the group's network. */
  readonly zone?: string | undefined;
}

export interface TargetHealth extends Target {
  readonly state: TargetState;
  /** E.g. `Target.ResponseCodeMismatch`. */
  readonly reason: string | undefined;
  /** E.g. `Health checks failed with these codes: [502]`. */
  readonly description: string | undefined;
}

export const targetHealthSchema = z
  .object({
    Target: z.object({
      Id: z.string().min(1),
      Port: z.number().optional(),
      AvailabilityZone: z.string().optional(),
    }),
    TargetHealth: z.object({
      State: z.enum(TARGET_STATES),
      Reason: z.string().optional(),
      Description: z.string().optional(),
    }),
  })
  .transform(
    ({ Target: target, TargetHealth: health }): TargetHealth => ({
      id: target.Id,
      ...(target.Port === undefined ? {} : { port: target.Port }),
      ...(target.AvailabilityZone === undefined ? {} : { zone: target.AvailabilityZone }),
      state: health.State,
      reason: health.Reason,
      description: health.Description,
    }),
  );

/** The same registration: a target may be registered several times on different ports. */
export function isSameTarget(a: Target, b: Target): boolean {
  return a.id === b.id && (a.port === undefined || b.port === undefined || a.port === b.port);
}

/** Nothing is routed to it any more and no connection is drained: it may be counted as gone. */
export function isDeregistered(health: TargetHealth | undefined): boolean {
  return health === undefined || (health.state === "unused" && health.reason === "Target.NotRegistered");
}

/** Registered but never to become healthy by waiting. */
export class TargetFault extends SlipwayError {
  readonly health: TargetHealth;

  constructor(code: string, message: string, remedy: string, health: TargetHealth) {
    super(code, message, { remedy, fields: { target: health.id, port: health.port, reason: health.reason } });
    this.health = health;
  }
}

/**
 * Reasons that no waiting heals
 * (docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html): NotInUse no listener
 * forwards to the group, or the zone is not enabled for the load balancer; InvalidState the instance is
 * stopped or terminated; IpUnusable the address belongs to a load balancer.
 */
export function hopelessTarget(groupArn: string, health: TargetHealth): TargetFault | undefined {
  const group = groupName(groupArn);
  switch (health.reason) {
    case "Target.NotInUse":
      return new TargetFault(
        "target_not_in_use",
        `the target group ${group} is not used by a listener, or not in the target's zone: ${words(health)}`,
        "Let a listener rule forward to the group, and enable the subnet's zone for the load balancer.",
        health,
      );
    case "Target.InvalidState":
      return new TargetFault(
        "target_invalid_state",
        `the target ${health.id} cannot serve: its instance is not running (${words(health)})`,
        "Look why the instance stopped; then launch again.",
        health,
      );
    case "Target.IpUnusable":
      return new TargetFault(
        "target_ip_unusable",
        `the address ${health.id} cannot be a target: a load balancer uses it (${words(health)})`,
        "Register the instance's own address.",
        health,
      );
    default:
      return undefined;
  }
}

/** `unhealthy (Target.Timeout: Request timed out)`, for messages. */
export function words(health: TargetHealth): string {
  const why = [health.reason, health.description].filter((part) => part !== undefined).join(": ");
  return why === "" ? health.state : `${health.state} (${why})`;
}

/** `stg1` of `arn:…:targetgroup/stg1/0123456789abcdef`. */
export function groupName(arn: string): string {
  return /:targetgroup\/([^/]+)\//.exec(arn)?.[1] ?? arn;
}
