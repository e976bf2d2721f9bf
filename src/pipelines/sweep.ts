import type { Logger } from "pino";
import { type Cloud, type IngressRule, type Instance, isAlive, TAG } from "../cloud/index.ts";
import type { Config } from "../config/index.ts";
import type { EngineApi, ObligationView } from "../engine/types.ts";
import { type Clock, sleep } from "../util/clock.ts";
import { formatDuration } from "../util/format.ts";
import type { IngressFacts } from "./owed/ingress.ts";
import type { InstanceFacts } from "./owed/instance.ts";
import { OWED } from "./owed/kinds.ts";

const EVERY_MS = 10 * 60_000;
/** A launch under way is owed long before this; only what nobody owes grows so old. In ms. */
const ORPHAN_AFTER_MS = 15 * 60_000;

export interface SweepOptions {
  readonly cloud: Cloud;
  readonly engine: EngineApi;
  config(): Config;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Swept {
  readonly instances: readonly string[];
  readonly rules: readonly string[];
}

/**
 * The last line of defence: things that carry this installation's tags and that no obligation knows (the database
 * was lost, or replaced by an older one). They are undone and told of loudly. Other installations' things, and
 * things without our tags, are never touched.
 */
export class Sweeper {
  readonly #options: SweepOptions;
  readonly #stopping = new AbortController();
  #loop: Promise<void> = Promise.resolve();
  /** When a rule, which has no age of its own, was first seen without an owner. */
  readonly #firstSeen = new Map<string, number>();

  constructor(options: SweepOptions) {
    this.#options = options;
  }

  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      for (const region of regionsOf(this.#options.config())) {
        await this.sweep(region).catch((error) => {
          if (!signal.aborted) this.#options.log.warn({ region, err: error }, "could not look for orphans");
        });
      }
      await sleep(EVERY_MS, signal);
    }
  }

  /** One look at one region. */
  async sweep(regionName: string): Promise<Swept> {
    const { cloud, config, engine } = this.#options;
    const { installation } = config();
    const { ec2 } = cloud.region(regionName).cleanup;
    const options = { signal: this.#stopping.signal };
    // First what exists, then what is owed: the other way round a launch in between would look like an orphan.
    const [instances, rules] = await Promise.all([
      ec2.findByTags({ installation }, options),
      ec2.findRules({ [TAG.installation]: installation }, options),
    ]);
    const owed = await engine.obligations({ open: true });
    const orphans = instances.filter((instance) => this.#isOrphan(instance, owed));
    for (const orphan of orphans) await ec2.terminate(orphan.id, options);
    const strays = rules.filter((rule) => this.#isStray(rule, owed));
    for (const { groupId, ruleId } of strays) {
      if (groupId !== undefined) await ec2.closeIngress({ groupId, ruleId }, options);
    }
    this.#tell(regionName, orphans, strays);
    return { instances: orphans.map(({ id }) => id), rules: strays.map(({ ruleId }) => ruleId) };
  }

  #isOrphan(instance: Instance, owed: readonly ObligationView[]): boolean {
    if (!isAlive(instance)) return false;
    const age = this.#options.clock.now() - (instance.launchedAt ?? this.#since(instance.id));
    if (age < ORPHAN_AFTER_MS) return false;
    return !owed.some(({ kind, facts }) => {
      if (kind !== OWED.instance) return false;
      const { instanceId, request } = facts as InstanceFacts;
      return instanceId === instance.id || request.clientToken === instance.clientToken;
    });
  }

  #isStray(rule: IngressRule, owed: readonly ObligationView[]): boolean {
    const known = owed.some(({ kind, facts }) => {
      if (kind !== OWED.ingress) return false;
      const { ruleId, groupId, port, cidr } = facts as IngressFacts;
      const same = groupId === rule.groupId && port === rule.fromPort && cidr === rule.cidr;
      return ruleId === rule.ruleId || same;
    });
    if (known) {
      this.#firstSeen.delete(rule.ruleId);
      return false;
    }
    return this.#options.clock.now() - this.#since(rule.ruleId) >= ORPHAN_AFTER_MS;
  }

  #since(id: string): number {
    const known = this.#firstSeen.get(id);
    if (known !== undefined) return known;
    const now = this.#options.clock.now();
    this.#firstSeen.set(id, now);
    return now;
  }

  #tell(region: string, orphans: readonly Instance[], strays: readonly IngressRule[]): void {
    const { log, clock } = this.#options;
    for (const { id, launchedAt, tags } of orphans) {
      const age = launchedAt === undefined ? "unknown" : formatDuration(clock.now() - launchedAt);
      log.error(
        { region, instance: id, age, slot: tags[TAG.slot], run: tags[TAG.run] },
        "orphan instance of this installation terminated: no run owed it",
      );
    }
    for (const { ruleId, groupId } of strays) {
      log.error(
        { region, rule: ruleId, group: groupId },
        "stray ingress rule of this installation closed: no run owed it",
      );
    }
  }
}

function regionsOf(config: Config): string[] {
  return [...new Set(Object.values(config.slots).map((slot) => slot.region))];
}
