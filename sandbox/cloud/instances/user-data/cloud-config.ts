import { gunzipSync } from "node:zlib";
import { parse } from "yaml";
import { z } from "zod";
import { messageOf } from "../../../../src/util/errors.ts";

const writeFile = z.object({
  path: z.string().min(1),
  content: z.string().default(""),
  encoding: z.string().default("text/plain"),
  permissions: z.union([z.string(), z.number()]).optional(),
  owner: z.string().optional(),
  append: z.boolean().default(false),
  defer: z.boolean().default(false),
});

const command = z.union([z.string(), z.array(z.union([z.string(), z.number()])).min(1)]);

const schema = z.looseObject({
  ssh_keys: z.record(z.string(), z.string()).optional(),
  write_files: z.array(writeFile).optional(),
  runcmd: z.array(command).optional(),
  bootcmd: z.array(command).optional(),
});

/** What of cloud-config a machine here acts on; every other key is reported as ignored. */
const INTERPRETED = ["ssh_keys", "write_files", "runcmd", "bootcmd"];

export type CloudConfig = z.infer<typeof schema>;
export type FileToWrite = z.infer<typeof writeFile>;

export type ParsedUserData =
  | { readonly kind: "config"; readonly config: CloudConfig; readonly ignored: readonly string[] }
  | { readonly kind: "ignored"; readonly why: string }
  | { readonly kind: "invalid"; readonly problem: string };

/** Tells what user data is, by its first line, as cloud-init does; only `#cloud-config` is interpreted. */
export function parseUserData(text: string): ParsedUserData {
  const first = text.split("\n", 1)[0]?.trim() ?? "";
  if (text.trim() === "") return { kind: "ignored", why: "empty user data" };
  if (first.startsWith("#!")) return { kind: "ignored", why: "a script: user data is never run here" };
  if (!/^#cloud-config\b/.test(first)) {
    return {
      kind: "ignored",
      why: `unhandled user data: it begins with ${JSON.stringify(first.slice(0, 40))}`,
    };
  }
  let document: unknown;
  try {
    document = parse(text, { maxAliasCount: 100 });
  } catch (error) {
    return { kind: "invalid", problem: messageOf(error) };
  }
  const parsed = schema.safeParse(document ?? {});
  if (!parsed.success) return { kind: "invalid", problem: z.prettifyError(parsed.error) };
  const ignored = Object.keys(parsed.data).filter((key) => !INTERPRETED.includes(key));
  return { kind: "config", config: parsed.data, ignored };
}

const GZIP = new Set(["gz", "gzip", "gz+base64", "gz+b64", "gzip+base64", "gzip+b64"]);
const BASE64 = new Set(["b64", "base64", "gz+base64", "gz+b64", "gzip+base64", "gzip+b64"]);

/**
 * A file's bytes, from the encodings that cloud-init knows; an unknown encoding is taken as text, as it does.
 */
export function contentOf(file: FileToWrite): Buffer {
  const encoding = file.encoding.toLowerCase();
  const bytes = BASE64.has(encoding)
    ? Buffer.from(file.content, "base64")
    : Buffer.from(file.content, "utf8");
  return GZIP.has(encoding) ? gunzipSync(bytes) : bytes;
}

/** A file's mode: `"0644"` is octal text, `420` a number as YAML reads 0o644. */
export function modeOf(file: FileToWrite): number {
  if (file.permissions === undefined) return 0o644;
  return typeof file.permissions === "number" ? file.permissions : Number.parseInt(file.permissions, 8);
}
