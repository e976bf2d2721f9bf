import type { HealthChecker, LoadBalancerHost } from "../ports.ts";
import { Balancer } from "./balancer.ts";
import { probeTarget } from "./probe.ts";

export { BALANCER_ADDRESS } from "./address.ts";
export { Balancer } from "./balancer.ts";
export { matches } from "./probe.ts";

/**
 * Load balancers that really forward; the idle time (ms) after which a silent target is 504 can be shortened.
 */
export function createLoadBalancerHost(options: { readonly idleTimeoutMs?: number } = {}): LoadBalancerHost {
  return { open: (spec) => Balancer.open(spec, options.idleTimeoutMs) };
}

export function createHealthChecker(): HealthChecker {
  return probeTarget;
}
