import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { CloudConfig, ConfigChange, Delays } from "../config.ts";
import type { CloudHosts, OpenBalancer } from "../ports.ts";
import { AddressPool } from "./addresses.ts";
import { Buckets } from "./buckets.ts";
import { Clock, seededRandom } from "./clock.ts";
import { Credentials } from "./credentials.ts";
import { Region } from "./region.ts";

/** The whole account: every region, and what belongs to none. */
export class Cloud {
  readonly config: CloudConfig;
  readonly clock = new Clock();
  readonly credentials: Credentials;
  readonly buckets: Buckets;
  readonly addresses: AddressPool;
  readonly #hosts: CloudHosts;
  readonly #folder: string;
  readonly #open: OpenBalancer[] = [];
  random: () => number;
  delays: Delays;
  throttling: boolean;
  denied: readonly string[];
  #regions: Map<string, Region>;

  constructor(config: CloudConfig, hosts: CloudHosts, folder: string) {
    this.config = config;
    this.#hosts = hosts;
    this.#folder = folder;
    this.delays = config.delays;
    this.throttling = config.throttling;
    this.denied = config.denied;
    this.random = seededRandom(config.seed);
    this.credentials = new Credentials(config.accountId, config.accessKeys);
    this.buckets = new Buckets(join(folder, "buckets"), config.buckets);
    this.addresses = new AddressPool(config.addressBlock);
    this.#regions = this.#makeRegions();
  }

  /** Claims addresses and opens the load balancers. Call once, before anything else. */
  async open(): Promise<void> {
    // What a cloud that was killed has left here belongs to instances that are no more.
    await this.#removeFiles();
    await mkdir(this.#folder, { recursive: true });
    await this.addresses.reserve(1);
    for (const region of this.#regions.values()) {
      for (const balancer of region.loadBalancers) {
        const { name, address, port } = balancer;
        const open = await this.#hosts.balancers.open({
          name,
          address,
          port,
          // Looked up anew: a reset makes new regions behind the same open port.
          decide: (request) => this.region(region.name)?.route(name, request) ?? CLOSED,
        });
        balancer.port = open.port;
        this.#open.push(open);
      }
    }
  }

  region(name: string): Region | undefined {
    return this.#regions.get(name);
  }

  regions(): readonly Region[] {
    return [...this.#regions.values()];
  }

  /** Everything as the configuration has it, at once; open ports stay. */
  async reset(): Promise<void> {
    this.#hosts.instances.configure({});
    const old = this.regions();
    this.clock.stopAll();
    await Promise.all(old.map((region) => region.close()));
    await this.buckets.clear();
    this.credentials.forgetIssued();
    this.random = seededRandom(this.config.seed);
    this.delays = this.config.delays;
    this.throttling = this.config.throttling;
    this.denied = this.config.denied;
    this.#regions = this.#makeRegions();
    for (const region of this.regions()) {
      const before = old.find(({ name }) => name === region.name);
      for (const balancer of region.loadBalancers) {
        balancer.port =
          before?.loadBalancers.find(({ name }) => name === balancer.name)?.port ?? balancer.port;
      }
    }
  }

  /**
   * Changes how things go from now on. Throws, with nothing changed, when the machines' settings are wrong.
   */
  change(change: ConfigChange): void {
    if (change.machines) this.#hosts.instances.configure(change.machines);
    const given = Object.entries(change.delays ?? {}).filter(([, value]) => value !== undefined);
    this.delays = { ...this.delays, ...Object.fromEntries(given) };
    this.throttling = change.throttling ?? this.throttling;
    this.denied = change.denied ?? this.denied;
    for (const { region, type, zone, available } of change.capacity ?? []) {
      for (const one of this.regions()) {
        if (region !== undefined && one.name !== region) continue;
        if (available === null) one.capacity.delete(`${type}|${zone}`);
        else one.capacity.set(`${type}|${zone}`, available);
      }
    }
    for (const { id, state } of change.images ?? []) {
      for (const region of this.regions()) {
        if (region.imageStates.has(id)) region.imageStates.set(id, state);
      }
    }
  }

  /** Stops every machine and closes every port that the state model opened. */
  async close(): Promise<void> {
    this.clock.stopAll();
    await Promise.all(this.#open.map((balancer) => balancer.close()));
    await Promise.all(this.regions().map((region) => region.close()));
    await this.addresses.close();
    await this.#removeFiles();
  }

  async #removeFiles(): Promise<void> {
    await this.buckets.clear();
    await rm(join(this.#folder, "instances"), { recursive: true, force: true });
  }

  #makeRegions(): Map<string, Region> {
    return new Map(
      this.config.regions.map((config) => [
        config.name,
        new Region(config, {
          clock: this.clock,
          hosts: this.#hosts,
          delays: () => this.delays,
          random: () => this.random(),
          folder: join(this.#folder, "instances"),
          accountId: this.config.accountId,
          ports: this.config.instancePorts,
          freeAddress: (address) => this.addresses.free(address),
        }),
      ]),
    );
  }
}

const CLOSED = { kind: "fixed", status: 503, contentType: "text/plain", body: "closed" } as const;
