import { formatDuration } from "./duration.ts";
import type { Config } from "./schema/config.ts";
import type { EnvironmentConfig } from "./schema/environments.ts";
import type { SlotConfig } from "./schema/slot.ts";
import type { ServiceStepOrGroup } from "./schema/steps.ts";

/** A part of the file that is read and checked, but that this version does nothing with yet. */
export interface LaterSection {
  readonly path: string;
  readonly what: string;
}

/** Everything in this configuration that waits for a later version. */
export function laterSections(config: Config): LaterSection[] {
  const later: LaterSection[] = Object.entries(config.environments).map(([name, { kind }]) => ({
    path: `environments.${name}`,
    what: `deploying to environments (${kind})`,
  }));
  if (config.github.repositories.length > 0) {
    later.push({ path: "github", what: "commands in pull request comments" });
  }
  const baked = Object.keys(config.slots).filter((name) => config.slots[name]?.bake !== undefined);
  if (baked.length > 0) later.push({ path: "slots.*.bake", what: `baking images (${baked.join(", ")})` });
  if (config.tests !== undefined && config.tests.runner !== "local") {
    later.push({ path: "tests.runner", what: `running tests on ${config.tests.runner}` });
  }
  if (config.tests?.image !== undefined) {
    later.push({ path: "tests.image", what: "building an image with the tests" });
  }
  if (config.tests?.results !== undefined) {
    later.push({ path: "tests.results", what: "keeping results in S3" });
  }
  return later;
}

/** What would be used of a valid configuration, a line each. */
export function describeConfig(config: Config): string[] {
  const slots = Object.entries(config.slots);
  return [
    `installation ${config.installation}`,
    config.slack === undefined ? "no Slack workspace" : `Slack workspace ${config.slack.team}`,
    ...(slots.length === 0
      ? ["no slots"]
      : slots.map(([name, slot]) => `slot ${name}: ${describeSlot(slot)}`)),
    `service update: ${describeSteps(config.serviceUpdate.steps)}`,
    config.tests === undefined ? "no tests" : describeTests(config.tests),
    ...Object.entries(config.environments).map(
      ([name, environment]) => `environment ${name}: ${describeEnvironment(environment)}`,
    ),
  ];
}

function describeSlot(slot: SlotConfig): string {
  const types = slot.instanceType.join(" or ");
  return `${slot.url}, ${slot.region}, ${types}, swap ${slot.swap}, kept ${formatDuration(slot.ttl)}`;
}

function describeSteps(steps: readonly ServiceStepOrGroup[]): string {
  if (steps.length === 0) return "no steps";
  const all = steps.flatMap((one) => (one.kind === "parallel" ? one.parallel : [one]));
  return `${all.length} steps (${all.map((one) => one.name).join(", ")})`;
}

function describeTests(tests: NonNullable<Config["tests"]>): string {
  return `tests: ${tests.runner}, ${tests.browsers.join(", ")}, up to ${formatDuration(tests.timeout)}`;
}

function describeEnvironment(environment: EnvironmentConfig): string {
  return `${environment.kind}, ${environment.repository} ${environment.branch}, on ${environment.trigger}`;
}
