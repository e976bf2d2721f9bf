import type { HealthChecker, ProbeOutcome } from "../ports.ts";
import type { Clock } from "./clock.ts";
import type { TargetTimeline } from "./target-times.ts";

export const TARGET_STATES = ["initial", "healthy", "unhealthy", "unused", "draining"] as const;
export type TargetState = (typeof TARGET_STATES)[number];

/**
 * Reason codes as documented for TargetHealth; see describe-target-health.ts for which goes with which state.
 */
export type TargetReason =
  | "Elb.RegistrationInProgress"
  | "Elb.InitialHealthChecking"
  | "Target.ResponseCodeMismatch"
  | "Target.Timeout"
  | "Target.FailedHealthChecks"
  | "Target.NotInUse"
  | "Target.InvalidState"
  | "Target.DeregistrationInProgress";

export interface HealthSettings {
  readonly protocol: "HTTP" | "TCP";
  readonly path: string;
  readonly matcher: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
}

export interface RegistrationSurroundings {
  readonly clock: Clock;
  readonly checker: HealthChecker;
  readonly health: () => HealthSettings;
  readonly registrationMs: () => number;
  readonly firstCheckMs: () => number;
  /** Is the group named by any listener or rule? A weight of 0 counts. */
  isInUse(): boolean;
  isInstanceRunning(instanceId: string): boolean;
  readonly timeline: TargetTimeline;
}

/**
 * One target in one group:
 * initial → healthy on the first passing check, ↔ unhealthy by the thresholds of consecutive checks, draining
 * from deregistration until the delay is over. A target of a group that nothing uses, or whose instance is
 * stopped, is unused and not probed; it begins at initial again afterwards.
 */
export class Registration {
  readonly instanceId: string;
  readonly address: string;
  readonly port: number;
  #state: TargetState = "initial";
  #reason: TargetReason | undefined = "Elb.RegistrationInProgress";
  #status: number | undefined;
  #passes = 0;
  #failures = 0;
  #cancel: (() => void) | undefined;
  #abort = new AbortController();
  readonly #around: RegistrationSurroundings;

  constructor(instanceId: string, address: string, port: number, around: RegistrationSurroundings) {
    this.instanceId = instanceId;
    this.address = address;
    this.port = port;
    this.#around = around;
    this.begin();
  }

  get isDraining(): boolean {
    return this.#state === "draining";
  }

  /** May requests go to it? */
  get isHealthy(): boolean {
    return this.health().state === "healthy";
  }

  health(): { state: TargetState; reason: TargetReason | undefined; status: number | undefined } {
    if (this.#state === "draining")
      return { state: "draining", reason: "Target.DeregistrationInProgress", status: undefined };
    if (!this.#around.isInstanceRunning(this.instanceId)) {
      return { state: "unused", reason: "Target.InvalidState", status: undefined };
    }
    if (!this.#around.isInUse()) return { state: "unused", reason: "Target.NotInUse", status: undefined };
    return { state: this.#state, reason: this.#reason, status: this.#status };
  }

  /** (Re)starts health checking from `initial`. */
  begin(): void {
    this.#stopChecks();
    this.#state = "initial";
    this.#reason = "Elb.RegistrationInProgress";
    this.#status = undefined;
    this.#passes = 0;
    this.#failures = 0;
    const { clock, registrationMs, firstCheckMs } = this.#around;
    const registration = registrationMs();
    this.#cancel = clock.after(registration, () => {
      this.#reason = "Elb.InitialHealthChecking";
      this.#cancel = clock.after(Math.max(0, firstCheckMs() - registration), () => void this.#check());
    });
  }

  /** No requests and no checks from now on. */
  drain(): void {
    this.#stopChecks();
    this.#state = "draining";
    this.#around.timeline.deregistered = this.#around.clock.now();
  }

  drained(): void {
    this.#around.timeline.drained = this.#around.clock.now();
  }

  close(): void {
    this.#stopChecks();
  }

  async #check(): Promise<void> {
    const started = this.#around.clock.now();
    if (this.#around.isInUse() && this.#around.isInstanceRunning(this.instanceId)) {
      const { signal } = this.#abort;
      const { protocol, path, matcher, timeoutMs } = this.#around.health();
      const spec = { protocol, path, matcher, timeoutMs, address: this.address, port: this.port };
      const outcome = await this.#around.checker.probe(spec, signal);
      if (signal.aborted) return;
      this.#note(outcome);
    } else {
      this.#backToInitial();
    }
    const elapsed = this.#around.clock.now() - started;
    const wait = Math.max(0, this.#around.health().intervalMs - elapsed);
    this.#cancel = this.#around.clock.after(wait, () => void this.#check());
  }

  #note(outcome: ProbeOutcome): void {
    if (outcome.passed) this.#pass();
    else this.#fail(outcome);
  }

  /**
   * "After your target is registered, it must pass one health check to be considered healthy": the threshold
   * counts only for a return.
   * https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
   */
  #pass(): void {
    this.#failures = 0;
    this.#passes++;
    const enough = this.#state === "initial" ? 1 : this.#around.health().healthyThreshold;
    if (this.#state === "healthy" || this.#passes < enough) return;
    this.#state = "healthy";
    this.#reason = undefined;
    this.#status = undefined;
    this.#around.timeline.firstHealthy ??= this.#around.clock.now();
  }

  #fail(outcome: Extract<ProbeOutcome, { passed: false }>): void {
    this.#passes = 0;
    this.#failures++;
    if (this.#state !== "unhealthy" && this.#failures < this.#around.health().unhealthyThreshold) return;
    this.#state = "unhealthy";
    this.#reason = `Target.${outcome.reason}`;
    this.#status = outcome.status;
  }

  #backToInitial(): void {
    this.#state = "initial";
    this.#reason = "Elb.InitialHealthChecking";
    this.#passes = 0;
    this.#failures = 0;
  }

  #stopChecks(): void {
    this.#cancel?.();
    this.#abort.abort();
    this.#abort = new AbortController();
  }
}
