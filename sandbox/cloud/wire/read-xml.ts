import type { Problem } from "../schema/check.ts";
import type { Shape } from "../schema/shape.ts";
import { scalarOf } from "./query.ts";

/**
 * An element with its children in order; text only where it has no children. No attributes: S3's bodies use
 * none.
 */
export interface XmlElement {
  readonly name: string;
  readonly children: readonly XmlElement[];
  readonly text: string;
}

const TOKEN = /<\?[^>]*\?>|<!--[\s\S]*?-->|<(\/?)([\w:.-]+)[^>]*?(\/?)>|([^<]+)/g;
const DEEPEST = 50;

interface OpenElement {
  readonly name: string;
  readonly children: XmlElement[];
  text: string;
}

/**
 * Reads the small XML bodies that REST-XML requests carry; undefined for anything that is not well formed.
 */
export function parseXml(text: string): XmlElement | undefined {
  const top: OpenElement = { name: "", children: [], text: "" };
  const open: OpenElement[] = [top];
  let position = 0;
  for (const match of text.matchAll(TOKEN)) {
    if (match.index !== position) return undefined;
    position += match[0].length;
    const [, closing, name, selfClosing, chars] = match;
    const current = open.at(-1) ?? top;
    if (chars !== undefined) current.text += unescapeXml(chars);
    if (name === undefined) continue;
    if (closing) {
      if (open.length === 1 || current.name !== name) return undefined;
      open.pop();
      (open.at(-1) ?? top).children.push(current);
    } else if (selfClosing) {
      current.children.push({ name, children: [], text: "" });
    } else {
      if (open.length > DEEPEST) return undefined;
      open.push({ name, children: [], text: "" });
    }
  }
  return open.length === 1 && position === text.length && top.children.length === 1
    ? top.children[0]
    : undefined;
}

/** An element as a value of the shape; what does not fit is added to the problems. */
export function valueFromXml(shape: Shape, element: XmlElement, path: string, problems: Problem[]): unknown {
  if (shape.kind === "list") {
    return element.children.map((child, index) =>
      valueFromXml(shape.item.shape, child, `${path}[${index}]`, problems),
    );
  }
  if (shape.kind !== "structure") {
    const value = scalarOf(shape, element.text.trim());
    if (value === undefined) problems.push({ kind: "wrong-type", path, detail: `wanted a ${shape.kind}` });
    return value;
  }
  const result: Record<string, unknown> = {};
  for (const child of element.children) {
    const member = [...shape.members.values()].find(
      (candidate) => (candidate.text("xmlName") ?? candidate.name) === child.name,
    );
    const where = `${path}.${child.name}`;
    if (!member) {
      problems.push({
        kind: "unknown-member",
        path: where,
        detail: `${shape.name} has no element ${child.name}`,
      });
    } else if (member.shape.kind === "list" && member.traits.xmlFlattened !== undefined) {
      const items = (result[member.name] ?? []) as unknown[];
      result[member.name] = [...items, valueFromXml(member.shape.item.shape, child, where, problems)];
    } else {
      result[member.name] = valueFromXml(member.shape, child, where, problems);
    }
  }
  return result;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function unescapeXml(text: string): string {
  return text.replace(/&(#x[0-9a-f]+|#\d+|\w+);/gi, (whole, entity: string) => {
    if (entity.startsWith("#x")) return String.fromCodePoint(Number.parseInt(entity.slice(2), 16));
    if (entity.startsWith("#")) return String.fromCodePoint(Number.parseInt(entity.slice(1), 10));
    return ENTITIES[entity] ?? whole;
  });
}
