import type { LaunchCandidate } from "../../cloud/index.ts";
import { SlipwayError } from "../../util/errors.ts";

/** One attempt that AWS had no room for. */
export interface Refusal extends LaunchCandidate {
  /** AWS's own word: `InsufficientInstanceCapacity`. */
  readonly code: string;
  readonly message: string;
}

/** Nothing is left to try: what AWS says is told once, and of what. */
export function noCapacity(slot: string, refusals: readonly Refusal[]): SlipwayError {
  const byCode = [...Map.groupBy(refusals, ({ code }) => code)];
  const told = byCode.map(([code, all]) => `${code} for ${placesOf(all)}`).join("; ");
  return new SlipwayError("no_capacity", `AWS has no capacity for ${slot} now: ${told}.`, {
    fields: { refusals: refusals.map((one) => `${one.instanceType} in ${one.subnetId}: ${one.message}`) },
    remedy:
      "Nothing was launched. Try again later, or add instance types or subnets in other zones to the slot.",
  });
}

/** Types that were tried in the same subnets are named together. */
function placesOf(refusals: readonly Refusal[]): string {
  const byType = Map.groupBy(refusals, ({ instanceType }) => instanceType);
  const types = [...byType].map(([type, all]) => ({
    type,
    subnets: listed(all.map(({ subnetId }) => subnetId)),
  }));
  const bySubnets = Map.groupBy(types, ({ subnets }) => subnets);
  return [...bySubnets]
    .map(([subnets, all]) => `${listed(all.map(({ type }) => type))} in ${subnets}`)
    .join(", ");
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}
