import { createServer, type Server } from "node:net";
import type {
  BalancerSpec,
  CloudHosts,
  HostJob,
  InstanceSpec,
  OpenBalancer,
  ProbeOutcome,
  ProbeSpec,
  RunningHost,
} from "../../sandbox/cloud/ports.ts";

/**
 * Stand-ins behind the cloud's ports for tests of the wire and the state alone: a machine is an open TCP
 * port, a probe says what the test wants.
 */
export class TinyHosts implements CloudHosts {
  readonly started: InstanceSpec[] = [];
  readonly balancerSpecs: BalancerSpec[] = [];
  readonly probes: ProbeSpec[] = [];
  /** What the next probes answer. */
  outcome: ProbeOutcome = { passed: true, status: 200 };
  /** What probes of one address answer, whatever the rest does. */
  readonly outcomes = new Map<string, ProbeOutcome>();
  running = 0;
  failBoot = false;

  readonly instances = { start: (spec: InstanceSpec) => this.#start(spec), configure: () => undefined };
  readonly balancers = {
    open: async (spec: BalancerSpec): Promise<OpenBalancer> => {
      this.balancerSpecs.push(spec);
      return { address: spec.address, port: spec.port || 40_000, close: async () => undefined };
    },
  };
  readonly health = {
    probe: async (spec: ProbeSpec): Promise<ProbeOutcome> => {
      this.probes.push(spec);
      return this.outcomes.get(spec.address) ?? this.outcome;
    },
  };

  async #start(spec: InstanceSpec): Promise<RunningHost> {
    if (this.failBoot) throw new Error("no power");
    this.started.push(spec);
    const server = await listening(spec.address, spec.sshPort);
    this.running++;
    let stopping: Promise<void> | undefined;
    return {
      stop: () => {
        stopping ??= new Promise<void>((resolve) => {
          this.running--;
          server.close(() => resolve());
        });
        return stopping;
      },
      freeze: () => undefined,
      thaw: () => undefined,
      dropConnections: () => undefined,
      jobs: async (): Promise<HostJob[]> => [
        { pid: 1, command: "sleep 1", startedAt: "2026-01-01T00:00:00Z" },
      ],
      ports: () => [spec.sshPort],
      reconfigure: async () => undefined,
    };
  }
}

function listening(address: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", reject);
    server.listen(port, address, () => resolve(server));
  });
}
