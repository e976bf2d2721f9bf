import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { ActionTables } from "./actions/action.ts";
import { ACTIONS } from "./actions/index.ts";
import { type CloudConfigInput, cloudConfigSchema } from "./config.ts";
import { createCloudHosts } from "./hosts.ts";
import type { CloudHosts } from "./ports.ts";
import { loadServiceModels } from "./schema/service.ts";
import { CallLog } from "./server/calls.ts";
import { Control } from "./server/control.ts";
import { Dispatcher } from "./server/dispatch.ts";
import { Faults } from "./server/faults.ts";
import { Endpoint } from "./server/http.ts";
import { Throttle } from "./server/throttle.ts";
import { Violations } from "./server/violations.ts";
import { Cloud } from "./state/cloud.ts";

/** A running cloud, as its starter sees it. */
export interface RunningCloud {
  /** What AWS_ENDPOINT_URL should say. */
  readonly endpoint: string;
  /** Where each load balancer listens, by name. */
  readonly balancers: Readonly<Record<string, string>>;
  /** Ends every instance, load balancer and connection. Idempotent. */
  close(): Promise<void>;
}

/**
 * Starts a cloud in this process.
 * @param hosts what runs the instances, load balancers and health checks
 * @throws ZodError when the configuration is not one; Error when a port or an address is taken
 */
export async function startCloudWith(
  config: CloudConfigInput,
  hosts: CloudHosts,
  actions: ActionTables = ACTIONS,
): Promise<RunningCloud> {
  const parsed = cloudConfigSchema.parse(config);
  const ownFolder = parsed.folder === undefined ? await mkdtemp(join(tmpdir(), "slipway-cloud-")) : undefined;
  const cloud = new Cloud(parsed, hosts, resolve(ownFolder ?? parsed.folder ?? ""));
  const endpoint = await endpointOf(cloud, actions);
  const end = async () => {
    await endpoint.close();
    await cloud.close();
    if (ownFolder !== undefined) await rm(ownFolder, { recursive: true, force: true });
  };
  let ending: Promise<void> | undefined;
  const close = () => {
    ending ??= end();
    return ending;
  };
  try {
    await cloud.open();
    const address = await endpoint.listen(parsed.host, parsed.port);
    return { endpoint: address, balancers: balancerAddresses(cloud), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function endpointOf(cloud: Cloud, actions: ActionTables): Promise<Endpoint> {
  const parts = {
    cloud,
    calls: new CallLog(),
    faults: new Faults(),
    throttle: new Throttle(),
    violations: new Violations(),
  };
  const dispatcher = new Dispatcher({ ...parts, models: await loadServiceModels(), actions });
  return new Endpoint(cloud, dispatcher, new Control(parts));
}

function balancerAddresses(cloud: Cloud): Record<string, string> {
  const all = cloud.regions().flatMap(({ loadBalancers }) => loadBalancers);
  return Object.fromEntries(all.map((one) => [one.name, `http://${one.address}:${one.port}`]));
}

/**
 * Starts a cloud whose instances, load balancers and health checks are the real ones. See `startCloudWith`.
 */
export function startCloud(config: CloudConfigInput): Promise<RunningCloud> {
  return startCloudWith(config, createCloudHosts());
}
