import { existingVolumes } from "../actions/ec2/fixtures.ts";
import type { Cloud } from "../state/cloud.ts";
import type { Instance } from "../state/instance.ts";
import type { Region } from "../state/region.ts";

/** `GET _sandbox/state`: what lives in the account beyond its set-up. */
export async function snapshot(cloud: Cloud): Promise<object> {
  const regions = cloud.regions();
  const living = regions.flatMap(({ instances }) =>
    [...instances.values()].filter(({ state }) => state !== "terminated"),
  );
  const withJobs = await Promise.all(living.map(async (one) => ({ one, jobs: await one.jobs() })));
  return {
    instances: withJobs.map(({ one, jobs }) => instanceSummary(one, jobs.length)),
    rules: regions.flatMap(madeRules),
    targets: regions.flatMap((region) => targetsOf(region, "registered")),
    draining: regions.flatMap((region) => targetsOf(region, "draining")),
    volumes: regions.flatMap((region) =>
      existingVolumes(region)
        .filter(({ instanceId }) => instanceId === undefined)
        .map(({ volume }) => ({ id: volume.volumeId, region: region.name, size: volume.size })),
    ),
    tasks: [],
    jobs: withJobs.flatMap(({ one, jobs }) =>
      jobs.map((job) => ({ instanceId: one.facts.instanceId, ...job })),
    ),
    ports: living.flatMap(({ host, facts }) =>
      (host?.ports() ?? []).map((port) => ({ instanceId: facts.instanceId, address: facts.address, port })),
    ),
  };
}

function instanceSummary(instance: Instance, runningJobs: number): object {
  const { facts } = instance;
  return {
    id: facts.instanceId,
    region: facts.region,
    zone: facts.zone,
    type: facts.instanceType,
    image: facts.image.id,
    state: instance.state,
    address: facts.address,
    clientToken: facts.clientToken ?? null,
    tags: Object.fromEntries(instance.tags),
    launchedAt: instance.launchedAt.toISOString(),
    runningJobs,
  };
}

function madeRules(region: Region): object[] {
  return [...region.groups.values()].flatMap((group) =>
    [...group.rules.values()]
      .filter(({ initial }) => !initial)
      .map((rule) => ({
        id: rule.ruleId,
        region: region.name,
        group: group.groupId,
        protocol: rule.protocol,
        fromPort: rule.fromPort,
        toPort: rule.toPort,
        cidr: rule.cidrIpv4 ?? rule.cidrIpv6 ?? null,
        tags: Object.fromEntries(rule.tags),
      })),
  );
}

function targetsOf(region: Region, which: "registered" | "draining"): object[] {
  return [...region.targetGroups.values()].flatMap((group) =>
    (which === "registered" ? group.registered() : group.draining()).map((target) => ({
      targetGroup: group.arn,
      region: region.name,
      id: target.instanceId,
      port: target.port,
      state: target.health().state,
    })),
  );
}

/**
 * `GET _sandbox/critical-path`: when each instance's own steps happened (ISO 8601; null: not yet), so that a
 * benchmark can take the cloud's delays off what it measures.
 */
export function criticalPath(cloud: Cloud, since: string | undefined): object {
  const start = since === undefined ? 0 : Date.parse(since);
  const instances = cloud
    .regions()
    .flatMap((region) =>
      [...region.instances.values()]
        .filter(({ timeline }) => timeline.pending >= start)
        .map((instance) => instanceTimes(instance, region)),
    );
  return { instances, targets: cloud.regions().flatMap(({ targetTimes }) => targetTimes.since(start)) };
}

function instanceTimes({ facts, timeline }: Instance, region: Region): object {
  return {
    id: facts.instanceId,
    region: region.name,
    pending: iso(timeline.pending),
    running: iso(timeline.running),
    sshReady: iso(timeline.sshReady),
    shuttingDown: iso(timeline.shuttingDown),
    stopped: iso(timeline.stopped),
    terminated: iso(timeline.terminated),
  };
}

function iso(time: number | undefined): string | null {
  return time === undefined ? null : new Date(time).toISOString();
}
