import type { Sighting } from "./absence.ts";
import type { CallOptions } from "./call.ts";
import type { ClientSet } from "./clients.ts";
import {
  type ClosedIngress,
  closeIngress,
  findRule,
  findRules,
  type IngressKey,
  type IngressRequest,
  type IngressRule,
  type OpenedIngress,
  openIngress,
} from "./ec2-ingress.ts";
import {
  describeInstances,
  findInstances,
  runInstance,
  type TerminateAnswer,
  terminate,
} from "./ec2-instances.ts";
import { describeImage, type Image } from "./image.ts";
import type { Instance } from "./instance.ts";
import type { LaunchRequest } from "./launch-request.ts";
import { TAG, type Tags, tagFilters } from "./tags.ts";
import type { Timers } from "./timers.ts";

/** Whose instances to look for; without a generation those of all launches, without a run all of ours. */
export interface OwnerQuery {
  readonly installation: string;
  readonly run?: string | undefined;
  readonly slot?: string | undefined;
  readonly generation?: number | undefined;
}

/** By what an instance may be found. Its id is unknown while the launching call's outcome is. */
export interface SightingQuery {
  readonly id?: string | undefined;
  readonly clientToken?: string | undefined;
  readonly owner: OwnerQuery;
}

/** EC2 of one region. Every method throws AwsFault, or the signal's reason. */
export interface Ec2 {
  readonly region: string;
  describeImage(id: string, options?: CallOptions): Promise<Image>;
  /** Sends the journaled request, in one attempt. See `runInstance`. */
  runInstance(request: LaunchRequest, userData: string, options?: CallOptions): Promise<Instance>;
  findByToken(clientToken: string, options?: CallOptions): Promise<Instance[]>;
  findByTags(owner: OwnerQuery, options?: CallOptions): Promise<Instance[]>;
  findInstances(ids: readonly string[], options?: CallOptions): Promise<Map<string, Instance>>;
  /**
   * One look by tags and, where they do not show it, by id and token, for `recordSighting` and
   * `judgeAbsence`.
   */
  sight(query: SightingQuery, options?: CallOptions): Promise<Sighting>;
  terminate(id: string, options?: CallOptions): Promise<TerminateAnswer>;
  openIngress(request: IngressRequest, options?: CallOptions): Promise<OpenedIngress>;
  findRule(key: IngressKey, options?: CallOptions): Promise<IngressRule | undefined>;
  findRules(tags: Tags, options?: CallOptions): Promise<IngressRule[]>;
  closeIngress(
    rule: { readonly groupId: string; readonly ruleId: string },
    options?: CallOptions,
  ): Promise<ClosedIngress>;
}

export interface Ec2Context {
  readonly clients: ClientSet;
  /** For RunInstances alone: a single attempt. */
  readonly launchClients: ClientSet;
  readonly timers: Timers;
}

export function createEc2(context: Ec2Context): Ec2 {
  const { clients, launchClients, timers } = context;
  const port: Ec2 = {
    region: clients.caller.region,
    describeImage: (id, options = {}) => describeImage(clients, id, options),
    runInstance: (request, userData, options = {}) => runInstance(launchClients, request, userData, options),
    findByToken: (token, options = {}) =>
      describeInstances(clients, [{ Name: "client-token", Values: [token] }], options),
    findByTags: (owner, options = {}) => describeInstances(clients, tagFilters(queryTags(owner)), options),
    findInstances: (ids, options = {}) => findInstances(clients, ids, options),
    sight: (query, options = {}) => sight(port, timers, query, options),
    terminate: (id, options = {}) => terminate(clients, id, options),
    openIngress: (request, options = {}) => openIngress({ clients, timers }, request, options),
    findRule: (key, options = {}) => findRule(clients, key, options),
    findRules: (tags, options = {}) => findRules(clients, tags, options),
    closeIngress: (rule, options = {}) => closeIngress({ clients, timers }, rule, options),
  };
  return port;
}

/**
 * Looks by tags first: they were set by the launching call itself, so whatever it made shows up there, and
 * this one call is enough while it does. What tags do not show is looked for by id and by token too, before
 * anybody may speak of absence.
 */
async function sight(
  ec2: Ec2,
  timers: Timers,
  { id, clientToken, owner }: SightingQuery,
  options: CallOptions,
): Promise<Sighting> {
  const tagged = await ec2.findByTags(owner, options);
  const shown = id === undefined ? tagged.length > 0 : tagged.some((instance) => instance.id === id);
  if (shown) return { at: timers.now(), instances: tagged };
  const [byId, byToken] = await Promise.all([
    id === undefined ? [] : ec2.findInstances([id], options).then((found) => [...found.values()]),
    clientToken === undefined ? [] : ec2.findByToken(clientToken, options),
  ]);
  const each = new Map<string, Instance>();
  // Of several looks at one instance the most alive counts.
  for (const instance of [...tagged, ...byId, ...byToken]) {
    const known = each.get(instance.id);
    if (!known || known.state === "terminated") each.set(instance.id, instance);
  }
  return { at: timers.now(), instances: [...each.values()] };
}

function queryTags(owner: OwnerQuery): Tags {
  return {
    [TAG.installation]: owner.installation,
    ...(owner.run === undefined ? {} : { [TAG.run]: owner.run }),
    ...(owner.slot === undefined ? {} : { [TAG.slot]: owner.slot }),
    ...(owner.generation === undefined ? {} : { [TAG.generation]: String(owner.generation) }),
  };
}
