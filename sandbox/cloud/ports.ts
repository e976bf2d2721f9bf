/**
 * What the cloud's state model (state/) asks of the parts that run real things: instances/ (an SSH server and
 * a web application per instance) and balancers/ (one probe, and HTTP forwarding). All state, all delays
 * between states and every AWS rule live in state/; the parts behind these ports know no AWS vocabulary
 * beyond names.
 */

/**
 * Everything a machine needs to boot. The folder is its disk; it exists, and keeps its content over a reboot.
 */
export interface InstanceSpec {
  readonly instanceId: string;
  /** The machine's own loopback address, 127.0.x.y; both its public and its private address. */
  readonly address: string;
  readonly sshPort: number;
  readonly httpPort: number;
  /**
   * Absolute path. The cloud makes it (copied from a baked image where there is one) and removes it at the
   * end.
   */
  readonly folder: string;
  /** User data as the client meant it, base64 already taken off; undefined when none was given. */
  readonly userData: string | undefined;
  /** Public keys in OpenSSH form (one line each) of the key pair named at launch. */
  readonly authorizedKeys: readonly string[];
  readonly image: InstanceImage;
  readonly tags: Readonly<Record<string, string>>;
  /** False on a reboot of the same folder: user data's once-per-instance parts do not run again. */
  readonly firstBoot: boolean;
  /** Do the instance's security groups let this source in on this port now? Asked per new SSH connection. */
  mayConnect(sourceAddress: string, port: number): boolean;
  /**
   * The machine turned itself off (`shutdown`, `poweroff`, the dead-man timer); called once, after it is off.
   */
  onShutdown(reason: string): void;
}

export interface InstanceImage {
  readonly imageId: string;
  readonly name: string;
  /**
   * From the cloud's configuration, untouched: e.g. the host key that the image carries, application delays.
   */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** A process that lives in an instance on its own: not the SSH server, not the sample web application. */
export interface HostJob {
  readonly pid: number;
  readonly command: string;
  readonly startedAt: string;
}

export interface RunningHost {
  /**
   * Power off: every process of the machine is killed, every port closed, when the promise resolves.
   * Idempotent.
   */
  stop(): Promise<void>;
  /** The peer goes silent: connections stay open, nothing is read or answered (a half-open connection). */
  freeze(): void;
  thaw(): void;
  /** Drops every open SSH connection, as a network fault does. */
  dropConnections(): void;
  jobs(): Promise<readonly HostJob[]>;
  /** Ports that listen now, for the sandbox's `GET state`. */
  ports(): readonly number[];
  /**
   * Changes the machine's behaviour from now on, by the keys of the image's settings (instances/settings.ts),
   * e.g. `{ auth: "refuse" }`. Other keys keep their value. Rejects on a wrong value.
   */
  reconfigure(settings: Readonly<Record<string, unknown>>): Promise<void>;
}

export interface InstanceHost {
  /**
   * Boots; resolves when the SSH port listens (the web application may follow later). Rejects if it cannot.
   */
  start(spec: InstanceSpec): Promise<RunningHost>;
  /**
   * What machines that start from now on do otherwise than their image's settings say; `{}` ends it. Throws
   * on a wrong value.
   */
  configure(settings: Readonly<Record<string, unknown>>): void;
}

/** One health probe of one target; the schedule and the thresholds are the state model's. */
export interface ProbeSpec {
  readonly protocol: "HTTP" | "TCP";
  readonly address: string;
  readonly port: number;
  readonly path: string;
  /** Success codes as ELBv2 writes them: "200", "200,302", "200-299". */
  readonly matcher: string;
  readonly timeoutMs: number;
}

/** Reasons are ELBv2's own TargetHealthReasonEnum words, without the `Target.` in front. */
export type ProbeOutcome =
  | { readonly passed: true; readonly status: number | undefined }
  | {
      readonly passed: false;
      readonly reason: "ResponseCodeMismatch" | "Timeout" | "FailedHealthChecks";
      /** The HTTP status where one came. */
      readonly status: number | undefined;
    };

export interface HealthChecker {
  /** Never rejects: a refused connection is an outcome. An aborted probe counts as failed. */
  probe(spec: ProbeSpec, signal: AbortSignal): Promise<ProbeOutcome>;
}

export interface BalancerRequest {
  readonly method: string;
  readonly host: string;
  /** Path without the query. */
  readonly path: string;
  readonly sourceAddress: string;
}

export interface BalancerTarget {
  readonly instanceId: string;
  readonly address: string;
  readonly port: number;
}

/**
 * Where a request goes. The state model has matched the rules and drawn the weighted target group already.
 */
export type BalancerRoute =
  | {
      readonly kind: "forward";
      readonly targetGroup: string;
      /** All that may serve it now, healthy ones (or all, when none is healthy: the balancer fails open). */
      readonly targets: readonly BalancerTarget[];
    }
  | {
      readonly kind: "fixed";
      readonly status: number;
      readonly contentType: string;
      readonly body: string;
    };

export interface BalancerSpec {
  readonly name: string;
  /** 127.0.0.1, and 0 for a port that the system picks. */
  readonly address: string;
  readonly port: number;
  /**
   * Asked once per request, cheaply; an empty target list is answered 503, a dead target 502, a slow one 504.
   */
  decide(request: BalancerRequest): BalancerRoute;
}

export interface OpenBalancer {
  readonly address: string;
  readonly port: number;
  close(): Promise<void>;
}

export interface LoadBalancerHost {
  open(spec: BalancerSpec): Promise<OpenBalancer>;
}

/** What the process entry gives the state model to run things with. */
export interface CloudHosts {
  readonly instances: InstanceHost;
  readonly balancers: LoadBalancerHost;
  readonly health: HealthChecker;
}
