import type { JsonObject, JsonValue } from "../util/json.ts";
import type { Path } from "./problem.ts";

/** Plain data being looked at before anything about its shape is known. */

export function isMap(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function at(tree: JsonValue | undefined, ...path: Path): JsonValue | undefined {
  let value = tree;
  for (const part of path) {
    if (Array.isArray(value) && typeof part === "number") value = value[part];
    else if (isMap(value) && typeof part === "string" && Object.hasOwn(value, part)) value = value[part];
    else return undefined;
  }
  return value;
}

export function entries(value: JsonValue | undefined): [string, JsonValue][] {
  if (!isMap(value)) return [];
  return Object.entries(value).map(([key, item]) => [key, item ?? null]);
}

export function items(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]) : [];
}

/** The same tree with every scalar changed. */
export function mapScalars(
  tree: JsonValue,
  change: (value: JsonValue, path: Path) => JsonValue,
  path: Path = [],
): JsonValue {
  if (Array.isArray(tree)) {
    return (tree as readonly JsonValue[]).map((item, index) => mapScalars(item, change, [...path, index]));
  }
  if (!isMap(tree)) return change(tree, path);
  return Object.fromEntries(
    entries(tree).map(([key, item]) => [key, mapScalars(item, change, [...path, key])]),
  );
}

/** A copy of the tree with one value replaced. */
export function withValue(tree: JsonValue, path: Path, value: JsonValue): JsonValue {
  const wanted = JSON.stringify(path);
  return mapScalars(tree, (old, here) => (JSON.stringify(here) === wanted ? value : old));
}

/** JSON with sorted keys: equal data gives equal text. */
export function canonicalJson(value: JsonValue | undefined): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (!isMap(value)) return JSON.stringify(value ?? null);
  const sorted = entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(",")}}`;
}
