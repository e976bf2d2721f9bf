import { z } from "zod";
import type { Path } from "./problem.ts";
import { configSchema } from "./schema/config.ts";
import { TEXT_KIND } from "./schema/scalars.ts";

/** The parts of JSON Schema that ours uses. */
export interface SchemaNode {
  type?: string;
  description?: string;
  properties?: Record<string, SchemaNode>;
  additionalProperties?: SchemaNode | boolean;
  propertyNames?: SchemaNode;
  required?: string[];
  items?: SchemaNode;
  anyOf?: SchemaNode[];
  oneOf?: SchemaNode[];
  enum?: unknown[];
  const?: unknown;
  pattern?: string;
  default?: unknown;
  [more: string]: unknown;
}

/** What a scalar is: shell text is never filled, templates are when used, slot texts when loaded. */
export type TextKind = "shell" | "template" | "slot" | "plain";

let built: SchemaNode | undefined;

/** The schema of the file, before the form for editors is made of it. */
export function inputSchema(): SchemaNode {
  built ??= withSlotDefaults(
    z.toJSONSchema(configSchema, { io: "input", unrepresentable: "any" }) as SchemaNode,
  );
  return built;
}

/** `slots.defaults` takes every key of a slot; what it says need not be said again. */
function withSlotDefaults(schema: SchemaNode): SchemaNode {
  const slots = schema.properties?.slots;
  const slot = slots?.additionalProperties;
  if (slots === undefined || typeof slot !== "object") throw new Error("the schema has no slots");
  const partial = withoutRequired(slot);
  const defaults = { ...partial, description: "Merged into each slot: maps deeply, lists replace." };
  slots.properties = { defaults };
  slots.additionalProperties = partial;
  return schema;
}

/** Keys that a slot needs, from itself or from the defaults. */
export const NEEDED = "x-slipway-needed";

function withoutRequired(node: SchemaNode): SchemaNode {
  const { required, ...rest } = node;
  if (required !== undefined) rest[NEEDED] = required;
  if (rest.properties === undefined) return rest;
  const properties = Object.entries(rest.properties).map(([key, value]) => [key, withoutRequired(value)]);
  return { ...rest, properties: Object.fromEntries(properties) as Record<string, SchemaNode> };
}

/** The schema nodes that may describe the value at a path. */
export function nodesAt(path: Path): SchemaNode[] {
  let nodes = alternatives(inputSchema());
  for (const part of path) nodes = nodes.flatMap((node) => childrenOf(node, part)).flatMap(alternatives);
  return nodes;
}

function childrenOf(node: SchemaNode, part: string | number): SchemaNode[] {
  if (typeof part === "number") return node.items === undefined ? [] : [node.items];
  const own = Object.hasOwn(node.properties ?? {}, part) ? node.properties?.[part] : undefined;
  if (own !== undefined) return [own];
  return typeof node.additionalProperties === "object" ? [node.additionalProperties] : [];
}

function alternatives(node: SchemaNode): SchemaNode[] {
  const inner = [...(node.anyOf ?? []), ...(node.oneOf ?? [])];
  return [node, ...inner.flatMap(alternatives)];
}

/** What the scalar at a path is, as far as fields and shells are concerned. */
export function textKindAt(path: Path): TextKind {
  for (const node of nodesAt(path)) {
    const kind = node[TEXT_KIND];
    if (kind === "shell" || kind === "template" || kind === "slot") return kind;
  }
  return "plain";
}

/** Every key that the map at a path may have; empty where keys are free. */
export function keysAt(path: Path): string[] {
  const keys = nodesAt(path).flatMap((node) => [
    ...Object.keys(node.properties ?? {}),
    ...(node.propertyNames?.enum ?? []).map(String),
  ]);
  return [...new Set(keys)];
}

const FROM_ENVIRONMENT = {
  type: "string",
  pattern: "\\$\\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\\}",
  description: "Filled from the environment.",
};

/**
 * The JSON Schema of the file, for editors: durations are text, and wherever a value of a fixed form is
 * wanted a text with an environment variable in it will do.
 */
export function jsonSchema(): SchemaNode {
  const root = forEditors(inputSchema());
  return {
    ...root,
    $id: "https://slipway.invalid/slipway.schema.json",
    title: "Slipway configuration",
    $defs: { fromEnvironment: FROM_ENVIRONMENT },
  };
}

function forEditors(node: SchemaNode): SchemaNode {
  const { [TEXT_KIND]: _kind, [NEEDED]: _needed, ...rest } = node;
  if (rest.properties !== undefined) rest.properties = mapValues(rest.properties, forEditors);
  if (typeof rest.additionalProperties === "object") {
    rest.additionalProperties = forEditors(rest.additionalProperties);
  }
  if (rest.items !== undefined) rest.items = forEditors(rest.items);
  if (rest.anyOf !== undefined) rest.anyOf = rest.anyOf.map(forEditors);
  if (rest.oneOf !== undefined) rest.oneOf = rest.oneOf.map(forEditors);
  return hasFixedForm(rest) ? orVariable(rest) : rest;
}

function hasFixedForm(node: SchemaNode): boolean {
  if (node.const !== undefined) return false;
  const scalar = node.type === "string" || node.type === "integer" || node.type === "boolean";
  return scalar && (node.type !== "string" || node.pattern !== undefined || node.enum !== undefined);
}

function orVariable(node: SchemaNode): SchemaNode {
  const { description, default: byDefault, ...form } = node;
  return {
    ...(description === undefined ? {} : { description }),
    ...(byDefault === undefined ? {} : { default: byDefault }),
    anyOf: [form, { $ref: "#/$defs/fromEnvironment" }],
  };
}

function mapValues<T>(map: Record<string, T>, change: (value: T) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]));
}
