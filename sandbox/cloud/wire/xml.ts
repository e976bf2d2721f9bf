import type { ListShape, MapShape, Member, ScalarShape, Shape, StructureShape } from "../schema/shape.ts";

/** Writes a value as XML by its published shape. Members that the shape does not have are left out (and recorded
 * as violations by the check that runs before). */
export function xmlMembers(shape: StructureShape, value: object): string {
  const record = value as Record<string, unknown>;
  let xml = "";
  for (const [name, member] of shape.members) {
    const item = record[name];
    if (item === undefined || item === null || isBoundElsewhere(member)) continue;
    xml += memberXml(elementName(member), member, item);
  }
  return xml;
}

/** In REST protocols some members travel in headers or are the whole body. */
function isBoundElsewhere(member: Member): boolean {
  const traits = member.own;
  return (
    "httpHeader" in traits ||
    "httpPayload" in traits ||
    "httpPrefixHeaders" in traits ||
    "httpQuery" in traits
  );
}

function elementName(member: Member): string {
  const name = member.own.xmlName;
  return typeof name === "string" ? name : member.name;
}

function memberXml(name: string, member: Member, value: unknown): string {
  const shape = member.shape;
  switch (shape.kind) {
    case "list":
      return listXml(name, shape, member, value);
    case "map":
      return mapXml(name, shape, member, value);
    default:
      return `<${name}>${contentXml(shape, value)}</${name}>`;
  }
}

function contentXml(shape: Shape, value: unknown): string {
  if (shape.kind === "structure") return isObject(value) ? xmlMembers(shape, value) : "";
  if (shape.kind === "list" || shape.kind === "map") return "";
  return escapeXml(scalarText(shape, value));
}

function listXml(name: string, shape: ListShape, member: Member, value: unknown): string {
  if (!Array.isArray(value)) return "";
  const flat = member.traits.xmlFlattened !== undefined;
  const itemName = flat ? name : (shape.item.text("xmlName") ?? "member");
  const items = value.map((item) => memberXml(itemName, shape.item, item)).join("");
  return flat ? items : `<${name}>${items}</${name}>`;
}

function mapXml(name: string, shape: MapShape, member: Member, value: unknown): string {
  if (!isObject(value)) return "";
  const flat = member.traits.xmlFlattened !== undefined;
  const keyName = shape.key.text("xmlName") ?? "key";
  const valueName = shape.value.text("xmlName") ?? "value";
  const entries = Object.entries(value)
    .map(([key, item]) => {
      const pair = `<${keyName}>${escapeXml(key)}</${keyName}>${memberXml(valueName, shape.value, item)}`;
      return flat ? `<${name}>${pair}</${name}>` : `<entry>${pair}</entry>`;
    })
    .join("");
  return flat ? entries : `<${name}>${entries}</${name}>`;
}

/** A scalar as both XML and headers write it. */
export function scalarText(shape: ScalarShape, value: unknown): string {
  if (value instanceof Date) {
    if (shape.timestampFormat === "http-date") return value.toUTCString();
    if (shape.timestampFormat === "epoch-seconds") return String(value.getTime() / 1000);
    return value.toISOString();
  }
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  return String(value);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
  "\r": "&#xD;",
};

export function escapeXml(text: string): string {
  return /[&<>"'\r]/.test(text) ? text.replace(/[&<>"'\r]/g, (c) => ESCAPES[c] ?? c) : text;
}
