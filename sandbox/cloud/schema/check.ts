import type { Shape, StructureShape } from "./shape.ts";

/** One way in which a message differs from the shape that the SDK publishes for it. */
export interface Problem {
  readonly kind: "unknown-member" | "missing-member" | "wrong-type" | "wrong-enum-value";
  /** Where, e.g. `Filters[0].Name`. */
  readonly path: string;
  readonly detail: string;
}

/** Tells which values a member may take, where its type is an enum. */
export type EnumLookup = (structure: string, member: string) => ReadonlySet<string> | undefined;

/** Compares a value with its published shape; an empty list means that it fits. */
export function check(shape: StructureShape, value: unknown, enums: EnumLookup): Problem[] {
  const problems: Problem[] = [];
  new Checker(enums, problems).structure(shape, value, "");
  return problems;
}

class Checker {
  readonly #enums: EnumLookup;
  readonly #problems: Problem[];

  constructor(enums: EnumLookup, problems: Problem[]) {
    this.#enums = enums;
    this.#problems = problems;
  }

  structure(shape: StructureShape, value: unknown, path: string): void {
    if (!isRecord(value)) {
      this.#wrongType(path, "a structure", value);
      return;
    }
    for (const name of shape.required) {
      if (value[name] === undefined || value[name] === null) {
        this.#add("missing-member", join(path, name), `${shape.name} requires ${name}`);
      }
    }
    for (const name of Object.keys(value)) {
      const item = value[name];
      if (item === undefined) continue;
      const member = shape.members.get(name);
      if (!member) this.#add("unknown-member", join(path, name), `${shape.name} has no member ${name}`);
      else this.#value(member.shape, item, join(path, name), this.#enums(shape.name, name));
    }
  }

  /** Items of a list and values of a map take the enum of the member that holds them. */
  #value(shape: Shape, value: unknown, path: string, allowed: ReadonlySet<string> | undefined): void {
    if (shape.kind === "structure") this.structure(shape, value, path);
    else if (shape.kind === "list") this.#list(shape.item.shape, value, path, allowed);
    else if (shape.kind === "map") this.#map(shape.value.shape, value, path, allowed);
    else if (shape.kind === "string") this.#string(value, path, allowed);
    else if (!fitsScalar(shape.kind, value)) this.#wrongType(path, `a ${shape.kind}`, value);
  }

  #list(item: Shape, value: unknown, path: string, allowed: ReadonlySet<string> | undefined): void {
    if (!Array.isArray(value)) this.#wrongType(path, "a list", value);
    else for (const [index, one] of value.entries()) this.#value(item, one, `${path}[${index}]`, allowed);
  }

  #map(item: Shape, value: unknown, path: string, allowed: ReadonlySet<string> | undefined): void {
    if (!isRecord(value)) this.#wrongType(path, "a map", value);
    else for (const [key, one] of Object.entries(value)) this.#value(item, one, `${path}[${key}]`, allowed);
  }

  #string(value: unknown, path: string, allowed: ReadonlySet<string> | undefined): void {
    if (typeof value !== "string") this.#wrongType(path, "a string", value);
    else if (allowed && !allowed.has(value)) {
      this.#add("wrong-enum-value", path, `'${value}' is none of ${firstFew(allowed)}`);
    }
  }

  #wrongType(path: string, wanted: string, value: unknown): void {
    this.#add("wrong-type", path, `wanted ${wanted}, got ${described(value)}`);
  }

  #add(kind: Problem["kind"], path: string, detail: string): void {
    this.#problems.push({ kind, path, detail });
  }
}

function fitsScalar(kind: Shape["kind"], value: unknown): boolean {
  switch (kind) {
    case "number":
      return typeof value === "number" && Number.isFinite(value);
    case "boolean":
      return typeof value === "boolean";
    case "timestamp":
      return value instanceof Date && !Number.isNaN(value.getTime());
    case "blob":
      return value instanceof Uint8Array;
    default:
      return true;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Date) &&
    !(value instanceof Uint8Array)
  );
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

function described(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return `${typeof value} ${JSON.stringify(value)?.slice(0, 60) ?? ""}`;
}

function firstFew(values: ReadonlySet<string>): string {
  const all = [...values];
  return all.length <= 12 ? all.join(", ") : `${all.slice(0, 12).join(", ")} and ${all.length - 12} more`;
}
