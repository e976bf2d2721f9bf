/**
 * The SDK publishes each operation's schema as nested tuples (`[3, namespace, name, traits, memberNames,
 * memberSchemas, requiredCount]` for a structure, and so on; see @smithy/core's NormalizedSchema). Here they
 * become shapes that are quick to walk. Every shape is made when first reached, so that of EC2's 6,000 only
 * the used ones cost anything.
 */

export type Scalar = "string" | "number" | "boolean" | "timestamp" | "blob" | "document" | "unit";

/** How a timestamp is written, after Smithy's numbers 4–7; undefined is the protocol's default. */
export type TimestampFormat = "date-time" | "http-date" | "epoch-seconds" | undefined;

export interface ScalarShape {
  readonly kind: Scalar;
  readonly timestampFormat?: TimestampFormat;
}

export interface StructureShape {
  readonly kind: "structure";
  readonly name: string;
  readonly union: boolean;
  readonly traits: Traits;
  readonly members: ReadonlyMap<string, Member>;
  /** Members that must be present. The SDK sorts them to the front and publishes how many they are. */
  readonly required: ReadonlySet<string>;
}

export interface ListShape {
  readonly kind: "list";
  readonly name: string;
  readonly item: Member;
}

export interface MapShape {
  readonly kind: "map";
  readonly key: Member;
  readonly value: Member;
}

export type Shape = ScalarShape | StructureShape | ListShape | MapShape;

export type Traits = Readonly<Record<string, unknown>>;

/** A use of a shape: a structure's member, a list's item, a map's key or value. */
export class Member {
  readonly name: string;
  /** Traits of this use alone (they name the XML element). */
  readonly own: Traits;
  readonly #schema: unknown;
  #shape: Shape | undefined;
  #merged: Traits | undefined;

  constructor(name: string, memberSchema: unknown) {
    this.name = name;
    if (Array.isArray(memberSchema) && memberSchema.length === 2) {
      this.#schema = memberSchema[0];
      this.own = traitsOf(memberSchema[1]);
    } else {
      this.#schema = memberSchema;
      this.own = NO_TRAITS;
    }
  }

  get shape(): Shape {
    this.#shape ??= shapeOf(this.#schema);
    return this.#shape;
  }

  /** Traits of the shape itself and of this use of it; the use wins. */
  get traits(): Traits {
    this.#merged ??= { ...schemaTraits(dereferenced(this.#schema)), ...this.own };
    return this.#merged;
  }

  text(trait: string): string | undefined {
    const value = this.traits[trait];
    return typeof value === "string" ? value : undefined;
  }
}

export interface Operation {
  readonly name: string;
  readonly traits: Traits;
  readonly input: StructureShape;
  readonly output: StructureShape;
}

const NO_TRAITS: Traits = {};
const FLAG_TRAITS = [
  "httpLabel",
  "idempotent",
  "idempotencyToken",
  "sensitive",
  "httpPayload",
  "httpResponseCode",
  "httpQueryParams",
];

/** Traits are an object, or a number whose bits name the ones that take no value. */
export function traitsOf(traits: unknown): Traits {
  if (typeof traits === "object" && traits !== null) return traits as Traits;
  if (typeof traits !== "number" || traits === 0) return NO_TRAITS;
  return Object.fromEntries(
    FLAG_TRAITS.filter((_, bit) => ((traits >> bit) & 1) === 1).map((flag) => [flag, 1]),
  );
}

const SCALARS: Readonly<Record<number, ScalarShape>> = {
  0: { kind: "string" },
  1: { kind: "number" },
  2: { kind: "boolean" },
  4: { kind: "timestamp" },
  5: { kind: "timestamp", timestampFormat: "date-time" },
  6: { kind: "timestamp", timestampFormat: "http-date" },
  7: { kind: "timestamp", timestampFormat: "epoch-seconds" },
  15: { kind: "document" },
  17: { kind: "number" },
  19: { kind: "number" },
  21: { kind: "blob" },
  42: { kind: "blob" },
};
const LIST_BIT = 64;
const MAP_BIT = 128;
const UNIT: ScalarShape = { kind: "unit" };

const known = new WeakMap<object, Shape>();

/**
 * The shape that one of the SDK's schemas describes. Throws when it is of a kind that the SDK did not have.
 */
export function shapeOf(schema: unknown): Shape {
  const resolved = dereferenced(schema);
  if (typeof resolved === "number") return numericShape(resolved);
  if (resolved === "unit") return UNIT;
  if (!Array.isArray(resolved)) throw new Error(`Not a schema: ${String(resolved)}`);
  const existing = known.get(resolved);
  if (existing) return existing;
  const shape = tupleShape(resolved);
  known.set(resolved, shape);
  return shape;
}

function tupleShape(schema: readonly unknown[]): Shape {
  const [kind, , name] = schema;
  switch (kind) {
    case 0:
      return shapeOf(schema[4]);
    case 1:
      return { kind: "list", name: String(name), item: new Member("member", schema[4]) };
    case 2:
      return { kind: "map", key: new Member("key", schema[4]), value: new Member("value", schema[5]) };
    case 3:
    case -3:
    case 4:
      return structureShape(schema, kind === 4);
    default:
      throw new Error(`The SDK's schema ${String(name)} is of an unknown kind ${String(kind)}`);
  }
}

function structureShape(schema: readonly unknown[], union: boolean): StructureShape {
  const names = schema[4] as readonly string[];
  const schemas = schema[5] as readonly unknown[];
  return {
    kind: "structure",
    name: String(schema[2]),
    union,
    traits: traitsOf(schema[3]),
    members: new Map(names.map((name, index) => [name, new Member(name, schemas[index])])),
    required: new Set(names.slice(0, Number(schema[6] ?? 0))),
  };
}

function numericShape(schema: number): Shape {
  if (schema >= MAP_BIT) {
    return { kind: "map", key: new Member("key", 0), value: new Member("value", schema & (LIST_BIT - 1)) };
  }
  if (schema >= LIST_BIT) {
    return { kind: "list", name: "", item: new Member("member", schema & (LIST_BIT - 1)) };
  }
  const scalar = SCALARS[schema];
  if (!scalar) throw new Error(`The SDK's schema ${schema} is of an unknown kind`);
  return scalar;
}

function dereferenced(schema: unknown): unknown {
  return typeof schema === "function" ? dereferenced(schema()) : schema;
}

function schemaTraits(schema: unknown): Traits {
  return Array.isArray(schema) && schema.length >= 5 ? traitsOf(schema[3]) : NO_TRAITS;
}

const EMPTY: StructureShape = {
  kind: "structure",
  name: "Unit",
  union: false,
  traits: NO_TRAITS,
  members: new Map(),
  required: new Set(),
};

/** Reads an operation's schema, `[9, namespace, name, traits, input, output]`. */
export function operationOf(schema: unknown): Operation {
  if (!Array.isArray(schema) || schema[0] !== 9) throw new Error("Not an operation's schema");
  return {
    name: String(schema[2]),
    traits: traitsOf(schema[3]),
    input: structureOrEmpty(schema[4]),
    output: structureOrEmpty(schema[5]),
  };
}

function structureOrEmpty(schema: unknown): StructureShape {
  const shape = shapeOf(schema);
  return shape.kind === "structure" ? shape : EMPTY;
}

/** An error as the SDK's schemas publish it: the code on the wire and the HTTP status. */
export interface PublishedError {
  readonly code: string;
  readonly status: number;
}

export function publishedError(schema: unknown): PublishedError | undefined {
  if (!Array.isArray(schema) || schema[0] !== -3) return undefined;
  const traits = traitsOf(schema[3]);
  const query = traits.awsQueryError;
  if (Array.isArray(query)) return { code: String(query[0]), status: Number(query[1]) };
  const status = Number(traits.httpError ?? (traits.error === "server" ? 500 : 400));
  return { code: String(schema[2]), status };
}
