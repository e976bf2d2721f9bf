import { inputSchema, NEEDED, type SchemaNode } from "./json-schema.ts";
import { TEXT_KIND } from "./schema/scalars.ts";

interface Row {
  readonly key: string;
  readonly form: string;
  readonly byDefault: string;
  readonly meaning: string;
}

/** Every key of the configuration as Markdown tables, a section each; made from the schema. */
export function configReference(): string {
  const root = inputSchema();
  const sections = Object.entries(root.properties ?? {}).map(([key, node]) => {
    const needed = root.required?.includes(key) ?? false;
    const rows = [rowOf(key, node, needed), ...rowsBelow(key, sectionBody(key, node))];
    return `### \`${key}\`\n\n${table(rows)}`;
  });
  return sections.join("\n\n");
}

/** `slots.defaults` has the keys of a slot: they are listed once, with what a slot needs in the end. */
function sectionBody(key: string, node: SchemaNode): SchemaNode {
  return key === "slots" ? { ...node, properties: {} } : node;
}

function table(rows: readonly Row[]): string {
  const lines = rows.map(
    ({ key, form, byDefault, meaning }) => `| \`${key}\` | ${form} | ${byDefault} | ${meaning} |`,
  );
  return ["| key | form | default | meaning |", "|---|---|---|---|", ...lines].join("\n");
}

function rowsBelow(path: string, node: SchemaNode): Row[] {
  const rows: Row[] = [];
  const seen = new Set<string>();
  const add = (more: readonly Row[]) => {
    for (const row of more) {
      const id = `${row.key} ${row.meaning}`;
      if (!seen.has(id)) rows.push(row);
      seen.add(id);
    }
  };
  for (const branch of branches(node)) {
    for (const [key, child] of Object.entries(branch.properties ?? {})) {
      const place = `${path}.${key}`;
      add([rowOf(place, child, needs(branch, key))]);
      // Steps look alike wherever they stand; they are listed once.
      if (key !== "parallel" && place !== "environments.NAME.steps") add(rowsBelow(place, child));
    }
    if (typeof branch.additionalProperties === "object") {
      add(rowsBelow(`${path}.NAME`, branch.additionalProperties));
    }
    if (branch.items !== undefined) add(rowsBelow(`${path}[]`, branch.items));
  }
  return rows;
}

function needs(node: SchemaNode, key: string): boolean {
  const needed = node.required ?? node[NEEDED];
  return Array.isArray(needed) && needed.includes(key);
}

function branches(node: SchemaNode): SchemaNode[] {
  return [node, ...[...(node.anyOf ?? []), ...(node.oneOf ?? [])].flatMap(branches)];
}

function rowOf(key: string, node: SchemaNode, needed: boolean): Row {
  const meaning = (node.description ?? "").replaceAll("|", "\\|");
  return { key, form: formOf(node).replaceAll("|", "\\|"), byDefault: defaultOf(node, needed), meaning };
}

function defaultOf(node: SchemaNode, needed: boolean): string {
  if (node.default === undefined) return needed ? "required" : "";
  const written = JSON.stringify(node.default);
  return written === "{}" || written === "[]" ? "none" : `\`${written.replaceAll('"', "")}\``;
}

function formOf(node: SchemaNode): string {
  if (node[TEXT_KIND] === "shell") return "shell text";
  if (node.const !== undefined) return `\`${String(node.const)}\``;
  if (node.enum !== undefined) return node.enum.map((word) => `\`${String(word)}\``).join(", ");
  const inner = [...(node.anyOf ?? []), ...(node.oneOf ?? [])];
  if (inner.length > 0) return [...new Set(inner.map(formOf))].join(" or ");
  if (node.type === "array") return node.items === undefined ? "list" : `list of ${formOf(node.items)}`;
  if (node.type === "object") return "map";
  if (node.type === "integer" || node.type === "number") return rangeOf(node);
  if (node.type === "boolean") return "`true`, `false`";
  if (node.pattern?.includes("\\d+ms") === true) return "duration";
  return node[TEXT_KIND] === "template" ? "text with `{fields}`" : "text";
}

function rangeOf(node: SchemaNode): string {
  const { minimum, maximum } = node;
  return typeof minimum === "number" && typeof maximum === "number" ? `${minimum}–${maximum}` : "number";
}
