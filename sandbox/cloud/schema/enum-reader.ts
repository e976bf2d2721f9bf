import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** `Structure.Member` → the name of the enum whose values it takes. */
export type EnumMembers = Readonly<Record<string, string>>;

/**
 * The SDK's runtime schemas call an enum a string; only its type declarations tell which member takes which
 * enum. This reads them out of the package's `dist-types/models/*.d.ts`, for the structures asked for. A
 * list's member takes the enum of its items, a map's that of its values.
 */
export function readEnumMembers(packageName: string, structures: ReadonlySet<string>): EnumMembers {
  const folder = join(packageFolder(packageName), "dist-types", "models");
  const files = readdirSync(folder).filter((file) => /^(models_\d+|enums)\.d\.ts$/.test(file));
  const texts = files.sort().map((file) => withoutComments(readFileSync(join(folder, file), "utf8")));
  const enums = new Set(
    texts.flatMap((text) => [...text.matchAll(/export type (\w+) = \(typeof \1\)/g)].map((m) => m[1] ?? "")),
  );
  const found: Record<string, string> = {};
  for (const text of texts) {
    for (const [, declared = "", body = ""] of text.matchAll(
      /export interface (\w+)[^{]*\{\n([\s\S]*?)\n\}/g,
    )) {
      const structure = publishedName(declared);
      if (!structures.has(structure)) continue;
      for (const [, member = "", type = ""] of body.matchAll(/^ {4}(\w+)\??: (.+);$/gm)) {
        const name = enumIn(type, enums);
        if (name) found[`${structure}.${member}`] = name;
      }
    }
  }
  return Object.fromEntries(Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function enumIn(type: string, enums: ReadonlySet<string>): string | undefined {
  const bare = type.replace(/ \| undefined$/, "").replace(/^Record<\w+, (.+)>$/, "$1");
  const item = bare.replace(/^\(?(\w+)(?: \| undefined)?\)?\[\]$/, "$1");
  return enums.has(item) ? item : undefined;
}

/** Names that clash with JavaScript's own are declared with an underscore in front (`_Object`). */
function publishedName(declared: string): string {
  return declared.replace(/^_/, "");
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\n/gm, "");
}

function packageFolder(packageName: string): string {
  const entry = createRequire(import.meta.url).resolve(packageName);
  return dirname(dirname(entry));
}
