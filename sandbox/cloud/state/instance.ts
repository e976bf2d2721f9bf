import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { messageOf } from "../../../src/util/errors.ts";
import type { Delays, ImageConfig } from "../config.ts";
import type { HostJob, InstanceHost, RunningHost } from "../ports.ts";
import type { Clock } from "./clock.ts";

/** EC2's instance states with the code that travels with each (API reference, InstanceState). */
export const STATE_CODES = {
  pending: 0,
  running: 16,
  "shutting-down": 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
} as const;
export type InstanceStateName = keyof typeof STATE_CODES;

export interface Volume {
  readonly volumeId: string;
  readonly deviceName: string;
  readonly size: number;
  readonly type: "gp2" | "gp3" | "io1" | "io2" | "st1" | "sc1" | "standard";
  readonly iops: number | undefined;
  readonly throughput: number | undefined;
  readonly encrypted: boolean;
  readonly deleteOnTermination: boolean;
  readonly snapshotId: string | undefined;
  readonly createdAt: Date;
  readonly tags: ReadonlyMap<string, string>;
}

/** All that a launch decides about an instance; nothing of it changes later. */
export interface LaunchFacts {
  readonly instanceId: string;
  readonly reservationId: string;
  readonly launchIndex: number;
  readonly clientToken: string | undefined;
  readonly region: string;
  readonly zone: string;
  readonly subnetId: string;
  readonly vpcId: string;
  readonly instanceType: string;
  readonly image: ImageConfig;
  readonly keyName: string | undefined;
  readonly authorizedKeys: readonly string[];
  readonly groupIds: readonly string[];
  readonly address: string;
  readonly userData: string | undefined;
  /** ARN of an instance profile; shown, and without further effect. */
  readonly instanceProfile: string | undefined;
  readonly shutdownBehavior: "stop" | "terminate";
  readonly disableApiTermination: boolean;
  readonly metadata: MetadataOptions;
  readonly volumes: readonly Volume[];
  readonly tags: ReadonlyMap<string, string>;
}

export interface MetadataOptions {
  readonly httpTokens: "optional" | "required";
  readonly httpEndpoint: "enabled" | "disabled";
  readonly httpPutResponseHopLimit: number;
  readonly instanceMetadataTags: "enabled" | "disabled";
}

/** When what happened (milliseconds since the epoch), so that a benchmark can tell the cloud's own time. */
export interface Timeline {
  pending: number;
  running?: number;
  sshReady?: number;
  shuttingDown?: number;
  terminated?: number;
  stopped?: number;
}

export interface InstanceSurroundings {
  readonly clock: Clock;
  readonly host: InstanceHost;
  readonly delays: () => Delays;
  readonly ports: { readonly ssh: number; readonly http: number };
  readonly folder: string;
  mayConnect(instance: Instance, source: string, port: number): boolean;
  onChange(instance: Instance): void;
  /** The instance is no longer described. */
  onGone(instance: Instance): void;
}

/**
 * One instance through its life:
 * pending → running (→ SSH listens) → stopping → stopped → pending …, and from any of them shutting-down →
 * terminated → gone. The machine behind it is off before `stopped` or `terminated` is reached.
 */
export class Instance {
  readonly facts: LaunchFacts;
  readonly tags: Map<string, string>;
  readonly timeline: Timeline;
  readonly visibleFrom: number;
  state: InstanceStateName = "pending";
  stateReason: { readonly code: string; readonly message: string } | undefined;
  stateTransitionReason = "";
  launchedAt: Date;
  readonly #around: InstanceSurroundings;
  readonly #transitions: { readonly state: InstanceStateName; readonly at: number }[];
  #host: RunningHost | undefined;
  #booting: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #ending: Promise<void> | undefined;
  #boots = 0;
  #destroyed = false;

  constructor(facts: LaunchFacts, around: InstanceSurroundings) {
    const now = around.clock.now();
    this.facts = facts;
    this.#around = around;
    this.tags = new Map(facts.tags);
    this.launchedAt = new Date(now);
    this.timeline = { pending: now };
    this.visibleFrom = now + around.delays().consistency;
    this.#transitions = [{ state: "pending", at: now }];
    this.#powerOn();
  }

  /** The state as descriptions show it: as it was a little while ago, where the cloud is configured so. */
  describedState(now: number): InstanceStateName {
    const seen = now - this.#around.delays().staleRead;
    return this.#transitions.findLast(({ at }) => at <= seen)?.state ?? "pending";
  }

  get isAlive(): boolean {
    return this.state !== "terminated" && this.state !== "shutting-down";
  }

  get host(): RunningHost | undefined {
    return this.#host;
  }

  async jobs(): Promise<readonly HostJob[]> {
    return (await this.#host?.jobs()) ?? [];
  }

  start(): void {
    this.launchedAt = new Date(this.#around.clock.now());
    this.stateReason = undefined;
    this.stateTransitionReason = "";
    this.#enter("pending");
    this.#powerOn();
  }

  /**
   * Ends it for good. Repeating it changes nothing. Resolves when the machine is off and `terminated`
   * reached.
   */
  terminate(reason: "user" | "instance"): Promise<void> {
    if (this.state === "terminated" || this.state === "shutting-down")
      return this.#ending ?? Promise.resolve();
    this.#explain(reason);
    this.timeline.shuttingDown = this.#around.clock.now();
    this.#enter("shutting-down");
    this.#ending = this.#powerOff(this.#around.delays().terminate).then(() => this.#terminated());
    return this.#ending;
  }

  stop(reason: "user" | "instance"): void {
    if (this.state !== "running" && this.state !== "pending") return;
    this.#explain(reason);
    this.#enter("stopping");
    void this.#powerOff(this.#around.delays().stop).then(() => {
      if (this.state !== "stopping") return;
      this.timeline.stopped = this.#around.clock.now();
      this.#enter("stopped");
    });
  }

  #powerOn(): void {
    const { clock, delays } = this.#around;
    this.#cancelTimer = clock.after(delays().pending, () => {
      this.timeline.running = clock.now();
      this.#enter("running");
      this.#cancelTimer = clock.after(delays().sshReady, () => {
        this.#booting = this.#boot();
      });
    });
  }

  async #boot(): Promise<void> {
    const firstBoot = this.#boots++ === 0;
    try {
      await mkdir(this.#around.folder, { recursive: true });
      const host = await this.#around.host.start(this.#spec(firstBoot));
      this.#host = host;
      this.timeline.sshReady ??= this.#around.clock.now();
    } catch (error) {
      if (this.#destroyed) return;
      console.error(`Instance ${this.facts.instanceId} did not boot: ${messageOf(error)}`);
      this.stateReason = {
        code: "Server.InternalError",
        message: "Server.InternalError: Internal error on launch",
      };
      queueMicrotask(() => void this.terminate("instance"));
    }
  }

  #spec(firstBoot: boolean): Parameters<InstanceHost["start"]>[0] {
    const { facts } = this;
    return {
      instanceId: facts.instanceId,
      address: facts.address,
      sshPort: this.#around.ports.ssh,
      httpPort: this.#around.ports.http,
      folder: this.#around.folder,
      userData: facts.userData,
      authorizedKeys: facts.authorizedKeys,
      image: { imageId: facts.image.id, name: facts.image.name, settings: facts.image.settings },
      tags: Object.fromEntries(this.tags),
      firstBoot,
      mayConnect: (source, port) => this.#around.mayConnect(this, source, port),
      onShutdown: () => this.shutDownFromInside(),
    };
  }

  /** `shutdown` inside the machine stops or terminates it, as InstanceInitiatedShutdownBehavior says. */
  shutDownFromInside(): void {
    if (this.state !== "running" || this.#destroyed) return;
    if (this.facts.shutdownBehavior === "terminate") void this.terminate("instance");
    else this.stop("instance");
  }

  async #powerOff(atLeast: number): Promise<void> {
    this.#cancelTimer?.();
    const waited = new Promise<void>((resolve) => {
      this.#around.clock.after(atLeast, resolve);
    });
    await this.#booting;
    await this.#host?.stop();
    this.#host = undefined;
    await waited;
  }

  async #terminated(): Promise<void> {
    if (existsSync(this.#around.folder)) await rm(this.#around.folder, { recursive: true, force: true });
    const { clock, delays } = this.#around;
    this.timeline.terminated = clock.now();
    this.#enter("terminated");
    clock.after(delays().terminatedVisible, () => this.#around.onGone(this));
  }

  /** Without waiting for any delay: for the cloud's own end and its reset. */
  async destroy(): Promise<void> {
    this.#destroyed = true;
    this.#cancelTimer?.();
    await this.#booting;
    await this.#host?.stop();
    this.#host = undefined;
    await rm(this.#around.folder, { recursive: true, force: true });
  }

  #explain(reason: "user" | "instance"): void {
    const when = new Date(this.#around.clock.now()).toISOString().replace("T", " ").slice(0, 19);
    this.stateTransitionReason = reason === "user" ? `User initiated (${when} GMT)` : "";
    this.stateReason ??=
      reason === "user"
        ? {
            code: "Client.UserInitiatedShutdown",
            message: "Client.UserInitiatedShutdown: User initiated shutdown",
          }
        : {
            code: "Client.InstanceInitiatedShutdown",
            message: "Client.InstanceInitiatedShutdown: Instance initiated shutdown",
          };
  }

  #enter(state: InstanceStateName): void {
    this.state = state;
    this.#transitions.push({ state, at: this.#around.clock.now() });
    this.#around.onChange(this);
  }
}
