import type { JsonObject, JsonValue } from "../util/json.ts";
import { textKindAt } from "./json-schema.ts";
import type { Path } from "./problem.ts";
import { at, entries, isMap, mapScalars } from "./tree.ts";

/** A configuration with `slots.defaults` merged into each slot. */
export interface MergedSlots {
  readonly tree: JsonValue;
  /** Where a value of the merged tree was written: in the slot, or in the defaults. */
  origin(path: Path): Path;
}

export const DEFAULTS: Path = ["slots", "defaults"];

/** Merges the defaults into each slot: maps deeply, lists and scalars replace. */
export function mergeSlots(tree: JsonValue): MergedSlots {
  const slots = at(tree, "slots");
  if (!isMap(tree) || !isMap(slots)) return { tree, origin: (path) => path };
  const defaults = slots.defaults;
  const merged = Object.fromEntries(
    entries(slots)
      .filter(([name]) => name !== "defaults")
      .map(([name, slot]) => [name, fillSlotFields(merge(defaults ?? {}, slot), name)]),
  );
  const origin = (path: Path): Path => {
    if (path[0] !== "slots" || path.length < 3 || at(tree, ...path) !== undefined) return path;
    const inDefaults = [...DEFAULTS, ...path.slice(2)];
    return at(tree, ...inDefaults) === undefined ? path : inDefaults;
  };
  return { tree: { ...tree, slots: merged }, origin };
}

/** A slot's `{slot}`, `{SLOT}` and `{region}` are known when the file is read. */
export function fillSlotFields(slot: JsonValue, name: string): JsonValue {
  const region = at(slot, "region");
  const values: Record<string, string> = { slot: name, SLOT: name.toUpperCase().replaceAll("-", "_") };
  if (typeof region === "string") values.region = region;
  return mapScalars(slot, (value, path) => {
    if (typeof value !== "string" || textKindAt([...DEFAULTS, ...path]) !== "slot") return value;
    return value.replace(/(?<!\$)\{(slot|SLOT|region)\}/g, (found, word: string) => values[word] ?? found);
  });
}

function merge(under: JsonValue, over: JsonValue): JsonValue {
  if (!isMap(under) || !isMap(over)) return over;
  const result: Record<string, JsonValue | undefined> = { ...(under as JsonObject) };
  for (const [key, value] of entries(over)) {
    const below = Object.hasOwn(under, key) ? under[key] : undefined;
    result[key] = below === undefined ? value : merge(below, value);
  }
  return result;
}
