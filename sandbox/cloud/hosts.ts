import { sampleApplication } from "../sample/index.ts";
import { createHealthChecker, createLoadBalancerHost } from "./balancers/index.ts";
import { createInstanceHost } from "./instances/index.ts";
import type { CloudHosts } from "./ports.ts";

/**
 * Everything real that the local cloud runs: machines with the sample platform, load balancers, health
 * checks.
 */
export function createCloudHosts(options: { readonly idleTimeoutMs?: number } = {}): CloudHosts {
  return {
    instances: createInstanceHost(sampleApplication),
    balancers: createLoadBalancerHost(options),
    health: createHealthChecker(),
  };
}
