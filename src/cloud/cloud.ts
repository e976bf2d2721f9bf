import { OwnAddress } from "./address.ts";
import { createLoadBalancing, type LoadBalancing } from "./alb.ts";
import type { AwsCall, CallOptions } from "./call.ts";
import { Clients, type TimeLimits } from "./clients.ts";
import { createEc2, type Ec2 } from "./ec2.ts";
import { type CallerIdentity, callerIdentity } from "./identity.ts";
import { createObjects, type Objects } from "./objects.ts";
import { createPoller, type Poller } from "./poller.ts";
import { systemTimers, type Timers } from "./timers.ts";

export interface CloudOptions {
  /** Told of every call after its end, for metrics. Must not throw. */
  readonly onCall?: (call: AwsCall) => void;
  readonly limits?: TimeLimits;
  /** `network.ownAddressUrl`. */
  readonly ownAddressUrl?: string | undefined;
  readonly timers?: Timers;
  /** In [0, 1), for jitter. */
  readonly random?: () => number;
}

/** What a pipeline uses of one region. */
export interface CloudRegion {
  readonly region: string;
  readonly ec2: Ec2;
  readonly balancing: LoadBalancing;
  /** All waiting, shared by every run. */
  readonly poller: Poller;
  readonly objects: Objects;
  /**
   * The same for obligations' handlers and the janitor, on clients of their own that nothing else slows down.
   */
  readonly cleanup: { readonly ec2: Ec2; readonly balancing: LoadBalancing };
}

/** AWS, as far as the bot uses it. One for the whole process. */
export interface Cloud {
  region(name: string): CloudRegion;
  identity(region: string, options?: CallOptions): Promise<CallerIdentity>;
  readonly ownAddress: OwnAddress;
  readonly clients: Clients;
  /** Closes all connections; calls under way fail. */
  close(): void;
}

export function createCloud(options: CloudOptions = {}): Cloud {
  const { timers = systemTimers, random = Math.random, ownAddressUrl, ...clientOptions } = options;
  const clients = new Clients({ ...clientOptions, timers });
  const regions = new Map<string, CloudRegion>();
  return {
    clients,
    ownAddress: new OwnAddress({ url: ownAddressUrl, timers }),
    region(name) {
      const known = regions.get(name);
      if (known) return known;
      const made = createRegion(clients, name, timers, random);
      regions.set(name, made);
      return made;
    },
    identity: (region, callOptions) => callerIdentity(clients, region, callOptions),
    close() {
      regions.clear();
      clients.close();
    },
  };
}

function createRegion(clients: Clients, region: string, timers: Timers, random: () => number): CloudRegion {
  const launchClients = clients.set(region, "launch");
  const work = clients.set(region, "work");
  const poll = clients.set(region, "poll");
  const cleanup = clients.set(region, "cleanup");
  const polled = createEc2({ clients: poll, launchClients, timers });
  return {
    region,
    ec2: createEc2({ clients: work, launchClients, timers }),
    balancing: createLoadBalancing(work),
    poller: createPoller({ ec2: polled, balancing: createLoadBalancing(poll), timers, random }),
    objects: createObjects(work),
    cleanup: {
      ec2: createEc2({ clients: cleanup, launchClients, timers }),
      balancing: createLoadBalancing(cleanup),
    },
  };
}
