import type { Delays, TargetGroupConfig } from "../config.ts";
import type { HealthChecker } from "../ports.ts";
import type { Clock } from "./clock.ts";
import type { HealthSettings, RegistrationSurroundings } from "./registration.ts";
import { Registration } from "./registration.ts";
import type { TargetTimes } from "./target-times.ts";

export interface TargetGroupSurroundings {
  readonly clock: Clock;
  readonly checker: HealthChecker;
  readonly delays: () => Delays;
  isInUse(arn: string): boolean;
  isInstanceRunning(instanceId: string): boolean;
  readonly times: TargetTimes;
}

/** A target group of type `instance`, with what is registered and what drains. */
export class TargetGroup {
  readonly arn: string;
  readonly name: string;
  readonly vpcId: string;
  readonly port: number;
  readonly tags = new Map<string, string>();
  /** Attributes that calls may read and change, as text, by their documented names. */
  readonly attributes: Map<string, string>;
  readonly #registrations = new Map<string, Registration>();
  readonly #draining = new Set<Registration>();
  readonly #around: TargetGroupSurroundings;
  health: HealthSettings;
  #delayMs: number;
  /** From when on a group that has just been named somewhere is seen to be: not at once, as with all of AWS. */
  #namedFrom = 0;

  constructor(config: TargetGroupConfig, arn: string, around: TargetGroupSurroundings) {
    this.arn = arn;
    this.name = config.name;
    this.vpcId = config.vpc;
    this.port = config.port;
    this.#around = around;
    const { healthCheck } = config;
    this.health = {
      protocol: healthCheck.protocol,
      path: healthCheck.path,
      matcher: healthCheck.matcher,
      intervalMs: healthCheck.intervalSeconds * 1000,
      timeoutMs: healthCheck.timeoutSeconds * 1000,
      healthyThreshold: healthCheck.healthyThreshold,
      unhealthyThreshold: healthCheck.unhealthyThreshold,
    };
    this.#delayMs = config.deregistrationDelaySeconds * 1000;
    this.attributes = defaultAttributes(config.deregistrationDelaySeconds);
  }

  set deregistrationDelaySeconds(seconds: number) {
    this.#delayMs = seconds * 1000;
    this.attributes.set(DELAY_ATTRIBUTE, String(seconds));
  }

  get deregistrationDelayMs(): number {
    return this.#delayMs;
  }

  register(instanceId: string, address: string, port: number): void {
    const key = `${instanceId}:${port}`;
    if (this.#registrations.has(key)) return;
    for (const old of this.#draining) {
      if (old.instanceId === instanceId && old.port === port) this.#forget(old);
    }
    this.#registrations.set(key, new Registration(instanceId, address, port, this.#surroundings(instanceId)));
  }

  /** Without a port: every registration of the instance. What is not registered is no error. */
  deregister(instanceId: string, port: number | undefined): void {
    for (const [key, registration] of this.#registrations) {
      if (registration.instanceId !== instanceId || (port !== undefined && registration.port !== port))
        continue;
      this.#registrations.delete(key);
      this.#startDraining(registration);
    }
  }

  registered(): readonly Registration[] {
    return [...this.#registrations.values()];
  }

  draining(): readonly Registration[] {
    return [...this.#draining];
  }

  find(instanceId: string, port: number): Registration | undefined {
    const registered = this.#registrations.get(`${instanceId}:${port}`);
    return registered ?? this.draining().find((one) => one.instanceId === instanceId && one.port === port);
  }

  /** The group came into use: its targets are checked from the start. */
  begin(): void {
    const { clock, delays } = this.#around;
    this.#namedFrom = clock.now() + delays().consistency;
    for (const registration of this.#registrations.values()) registration.begin();
  }

  /** The instance is no more: nothing of it stays registered. */
  forgetInstance(instanceId: string): void {
    for (const [key, registration] of this.#registrations) {
      if (registration.instanceId !== instanceId) continue;
      registration.close();
      this.#registrations.delete(key);
    }
    for (const registration of this.#draining) {
      if (registration.instanceId === instanceId) this.#forget(registration);
    }
  }

  close(): void {
    for (const registration of this.#registrations.values()) registration.close();
  }

  /**
   * The target is shown as draining until the whole delay is over, also when it has nothing left to finish.
   * An unused target has no connections to wait for.
   * https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
   */
  #startDraining(registration: Registration): void {
    const { state } = registration.health();
    registration.drain();
    if (state === "unused" || this.#delayMs === 0) {
      registration.drained();
      return;
    }
    this.#draining.add(registration);
    this.#around.clock.after(this.#delayMs, () => this.#forget(registration));
  }

  #forget(registration: Registration): void {
    if (this.#draining.delete(registration)) registration.drained();
  }

  #surroundings(instanceId: string): RegistrationSurroundings {
    const around = this.#around;
    return {
      clock: around.clock,
      checker: around.checker,
      health: () => this.health,
      registrationMs: () => around.delays().registration,
      firstCheckMs: () => around.delays().firstHealthCheck ?? this.health.intervalMs,
      isInUse: () => around.isInUse(this.arn) && around.clock.now() >= this.#namedFrom,
      isInstanceRunning: (id) => around.isInstanceRunning(id),
      timeline: around.times.begin(this.arn, instanceId, around.clock.now()),
    };
  }
}

export const DELAY_ATTRIBUTE = "deregistration_delay.timeout_seconds";

/**
 * The attributes that DescribeTargetGroupAttributes documents for an Application Load Balancer, with their
 * defaults.
 */
function defaultAttributes(delaySeconds: number): Map<string, string> {
  return new Map([
    [DELAY_ATTRIBUTE, String(Math.ceil(delaySeconds))],
    ["stickiness.enabled", "false"],
    ["stickiness.type", "lb_cookie"],
    ["stickiness.lb_cookie.duration_seconds", "86400"],
    ["stickiness.app_cookie.cookie_name", ""],
    ["stickiness.app_cookie.duration_seconds", "86400"],
    ["load_balancing.algorithm.type", "round_robin"],
    ["load_balancing.algorithm.anomaly_mitigation", "off"],
    ["load_balancing.cross_zone.enabled", "use_load_balancer_configuration"],
    ["slow_start.duration_seconds", "0"],
    ["target_group_health.dns_failover.minimum_healthy_targets.count", "1"],
    ["target_group_health.dns_failover.minimum_healthy_targets.percentage", "off"],
    ["target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", "1"],
    ["target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", "off"],
  ]);
}
