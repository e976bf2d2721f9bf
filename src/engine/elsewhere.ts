import type { JsonValue } from "../util/json.ts";
import type { ObligationView } from "./types.ts";

/**
 * Pure: the resource other than `own` that has something open whose facts name one of these things. What it holds
 * is not to be touched from here: its holder counts on it, and its cleanup will change it.
 */
export function heldElsewhere(
  open: readonly Pick<ObligationView, "resource" | "facts">[],
  own: string,
  names: readonly string[],
): string | null {
  const other = open.find(({ resource, facts }) => resource !== own && isNamed(facts, names));
  return other?.resource ?? null;
}

function isNamed(value: JsonValue | undefined, names: readonly string[]): boolean {
  if (typeof value === "string") return names.includes(value);
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).some((inner: JsonValue | undefined) => isNamed(inner, names));
}
