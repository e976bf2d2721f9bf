import { randomBytes } from "node:crypto";
import { Agent, createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { BalancerRoute, BalancerSpec, BalancerTarget, OpenBalancer } from "../ports.ts";
import { forward, refuse } from "./forward.ts";
import { endUpgrade, passUpgrade } from "./upgrade.ts";

/** An Application Load Balancer's default idle time-out. */
const IDLE_TIMEOUT_MS = 60_000;

/**
 * One load balancer that really forwards. It asks the state model where each request goes and takes the
 * group's targets in turn. A request that is on its way to a target finishes there, whatever the state model
 * says later, which is what draining is.
 */
export class Balancer implements OpenBalancer {
  readonly #spec: BalancerSpec;
  readonly #server: Server;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #turns = new Map<string, number>();
  readonly #served = new Map<string, number>();
  readonly #upgraded = new Set<Duplex>();
  readonly #idleTimeoutMs: number;
  address = "";
  port = 0;

  private constructor(spec: BalancerSpec, idleTimeoutMs: number) {
    this.#spec = spec;
    this.#idleTimeoutMs = idleTimeoutMs;
    this.#server = createServer((request, response) => this.#serve(request, response));
    this.#server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
    // The balancer is the one who waits for a client's next request; see Node's default of 5 s.
    this.#server.keepAliveTimeout = idleTimeoutMs;
    this.#server.requestTimeout = 0;
  }

  static async open(spec: BalancerSpec, idleTimeoutMs = IDLE_TIMEOUT_MS): Promise<Balancer> {
    const balancer = new Balancer(spec, idleTimeoutMs);
    await new Promise<void>((resolve, reject) => {
      balancer.#server.once("error", reject);
      balancer.#server.listen(spec.port, spec.address, () => {
        // Later ones (too many open files) concern one connection, not the balancer.
        balancer.#server.on("error", () => {});
        resolve();
      });
    });
    const bound = balancer.#server.address() as AddressInfo;
    balancer.address = bound.address;
    balancer.port = bound.port;
    return balancer;
  }

  /** Requests sent to each instance so far. */
  served(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#served);
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    response.on("error", () => {});
    const route = this.#route(request);
    if (route.kind === "fixed") {
      response.writeHead(route.status, { server: "awselb/2.0", "content-type": route.contentType });
      response.end(route.body);
      return;
    }
    const target = this.#take(route.targetGroup, route.targets);
    if (target === undefined) {
      refuse(response, 503);
      return;
    }
    const traceId = `Root=1-${Math.floor(Date.now() / 1000).toString(16)}-${randomBytes(12).toString("hex")}`;
    const idleTimeoutMs = this.#idleTimeoutMs;
    forward({ request, response, target, agent: this.#agent, idleTimeoutMs, traceId });
  }

  #upgrade(request: IncomingMessage, client: Duplex, head: Buffer): void {
    this.#upgraded.add(client);
    client.once("close", () => this.#upgraded.delete(client));
    const route = this.#route(request);
    const target = route.kind === "forward" ? this.#take(route.targetGroup, route.targets) : undefined;
    if (target === undefined) endUpgrade(client, "503 Service Unavailable");
    else passUpgrade(request, client, head, target);
  }

  #route(request: IncomingMessage): BalancerRoute {
    return this.#spec.decide({
      method: request.method ?? "GET",
      host: request.headers.host ?? "",
      path: (request.url ?? "/").split("?", 1)[0] ?? "/",
      sourceAddress: request.socket.remoteAddress ?? "",
    });
  }

  #take(group: string, targets: readonly BalancerTarget[]): BalancerTarget | undefined {
    const turn = this.#turns.get(group) ?? 0;
    this.#turns.set(group, turn + 1);
    const target = targets[turn % targets.length];
    if (target === undefined) return undefined;
    this.#served.set(target.instanceId, (this.#served.get(target.instanceId) ?? 0) + 1);
    return target;
  }

  close(): Promise<void> {
    for (const client of this.#upgraded) client.destroy();
    this.#agent.destroy();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}
