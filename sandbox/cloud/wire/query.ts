import type { Problem } from "../schema/check.ts";
import type { ListShape, MapShape, Member, Shape, StructureShape } from "../schema/shape.ts";

/**
 * Reads form-encoded requests of the EC2 Query and AWS Query protocols. They differ in how members are named
 * (EC2 capitalises and has names of its own) and in lists (EC2 flattens all, AWS Query writes `.member.N`).
 */
export type QueryFlavour = "ec2Query" | "awsQuery";

export interface ParsedInput {
  readonly input: Record<string, unknown>;
  readonly problems: readonly Problem[];
}

type Node = string | Branch;
type Branch = Map<string, Node>;

/** Not members of any input: the protocol's own. */
const ENVELOPE = new Set(["Action", "Version"]);

export function parseQuery(form: URLSearchParams, shape: StructureShape, flavour: QueryFlavour): ParsedInput {
  const problems: Problem[] = [];
  const tree = treeOf(form, problems);
  const reader = new QueryReader(flavour, problems);
  return { input: reader.structure(shape, tree, ""), problems };
}

function treeOf(form: URLSearchParams, problems: Problem[]): Branch {
  const root: Branch = new Map();
  for (const [key, value] of form) {
    if (ENVELOPE.has(key)) continue;
    let branch = root;
    const parts = key.split(".");
    const last = parts.pop() ?? "";
    for (const part of parts) {
      let next = branch.get(part);
      if (!(next instanceof Map)) {
        next = new Map();
        branch.set(part, next);
      }
      branch = next;
    }
    if (branch.has(last))
      problems.push({ kind: "wrong-type", path: key, detail: "given twice, or both value and tree" });
    branch.set(last, value);
  }
  return root;
}

class QueryReader {
  readonly #flavour: QueryFlavour;
  readonly #problems: Problem[];

  constructor(flavour: QueryFlavour, problems: Problem[]) {
    this.#flavour = flavour;
    this.#problems = problems;
  }

  structure(shape: StructureShape, node: Node, path: string): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    if (typeof node === "string") {
      if (node !== "") this.#wrong(path, `wanted a structure, got '${node}'`);
      return result;
    }
    const names = wireNames(shape, this.#flavour);
    for (const [key, child] of node) {
      const member = names.get(key);
      const where = path === "" ? key : `${path}.${key}`;
      if (!member) {
        this.#problems.push({
          kind: "unknown-member",
          path: where,
          detail: `${shape.name} has no member that is written ${key}`,
        });
        continue;
      }
      const value = this.#member(member, child, where);
      if (value !== undefined) result[member.name] = value;
    }
    return result;
  }

  #member(member: Member, node: Node, path: string): unknown {
    const shape = member.shape;
    if (shape.kind === "structure") return this.structure(shape, node, path);
    if (shape.kind === "list") return this.#list(shape, member, node, path);
    if (shape.kind === "map") return this.#map(shape, member, node, path);
    if (typeof node !== "string") return this.#wrong(path, `wanted a ${shape.kind}, got members`);
    return this.#scalar(shape, node, path);
  }

  #list(shape: ListShape, member: Member, node: Node, path: string): unknown[] | undefined {
    if (node === "") return [];
    if (typeof node === "string") return this.#wrong(path, `wanted a list, got '${node}'`);
    const flat = this.#flavour === "ec2Query" || member.traits.xmlFlattened !== undefined;
    const items = flat ? node : this.#inner(node, shape.item.text("xmlName") ?? "member", path);
    if (!items) return undefined;
    return inOrder(items, (index) => this.#wrong(`${path}.${index}`, "wanted a number in a list's key")).map(
      ([index, child]) => this.#member(shape.item, child, `${path}.${index}`),
    );
  }

  #map(shape: MapShape, member: Member, node: Node, path: string): Record<string, unknown> | undefined {
    if (typeof node === "string") return {};
    const flat = member.traits.xmlFlattened !== undefined;
    const entries = flat ? node : this.#inner(node, "entry", path);
    if (!entries) return undefined;
    const result: Record<string, unknown> = {};
    for (const [index, entry] of inOrder(entries, (bad) =>
      this.#wrong(`${path}.${bad}`, "wanted a number"),
    )) {
      if (typeof entry === "string") continue;
      const key = entry.get(shape.key.text("xmlName") ?? "key");
      const value = entry.get(shape.value.text("xmlName") ?? "value");
      if (typeof key !== "string" || value === undefined)
        this.#wrong(`${path}.${index}`, "wanted key and value");
      else result[key] = this.#member(shape.value, value, `${path}.${index}`);
    }
    return result;
  }

  #inner(node: Branch, name: string, path: string): Branch | undefined {
    const inner = node.get(name);
    if (inner instanceof Map && node.size === 1) return inner;
    this.#wrong(path, `wanted ${path}.${name}.N`);
    return undefined;
  }

  #scalar(shape: Shape, text: string, path: string): unknown {
    const value = scalarOf(shape, text);
    if (value === undefined) this.#wrong(path, `wanted a ${shape.kind}, got '${text.slice(0, 60)}'`);
    return value;
  }

  #wrong(path: string, detail: string): undefined {
    this.#problems.push({ kind: "wrong-type", path, detail });
    return undefined;
  }
}

/** A scalar as text on the wire → its value, or undefined when it is not one. */
export function scalarOf(shape: Shape, text: string): unknown {
  switch (shape.kind) {
    case "number": {
      const value = Number(text);
      return text.trim() !== "" && Number.isFinite(value) ? value : undefined;
    }
    case "boolean":
      return text === "true" ? true : text === "false" ? false : undefined;
    case "timestamp": {
      const date = /^\d+(\.\d+)?$/.test(text) ? new Date(Number(text) * 1000) : new Date(text);
      return Number.isNaN(date.getTime()) ? undefined : date;
    }
    case "blob":
      return new Uint8Array(Buffer.from(text, "base64"));
    default:
      return text;
  }
}

function inOrder(branch: Branch, onBadIndex: (index: string) => void): [number, Node][] {
  const items: [number, Node][] = [];
  for (const [key, node] of branch) {
    if (/^\d+$/.test(key)) items.push([Number(key), node]);
    else onBadIndex(key);
  }
  return items.sort(([a], [b]) => a - b);
}

const namesByShape = {
  ec2Query: new WeakMap<StructureShape, ReadonlyMap<string, Member>>(),
  awsQuery: new WeakMap<StructureShape, ReadonlyMap<string, Member>>(),
};

function wireNames(shape: StructureShape, flavour: QueryFlavour): ReadonlyMap<string, Member> {
  const cached = namesByShape[flavour].get(shape);
  if (cached) return cached;
  const names = new Map([...shape.members.values()].map((member) => [wireName(member, flavour), member]));
  namesByShape[flavour].set(shape, names);
  return names;
}

function wireName(member: Member, flavour: QueryFlavour): string {
  const xmlName = member.text("xmlName") ?? member.name;
  if (flavour === "awsQuery") return xmlName;
  return member.text("ec2QueryName") ?? xmlName.charAt(0).toUpperCase() + xmlName.slice(1);
}
