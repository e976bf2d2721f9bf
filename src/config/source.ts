import {
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
} from "yaml";
import type { JsonValue } from "../util/json.ts";
import { type ConfigProblem, type Path, pathText } from "./problem.ts";

/** More than any real configuration; a bound for everything that follows. */
export const LARGEST_BYTES = 256 * 1024;
const DEEPEST = 24;
const CORE_TAG = /^tag:yaml.org,2002:(?:str|int|float|bool|null|map|seq)$/;

/** The places of keys and values of one file. */
export interface Places {
  /** Where the value stands; of the nearest thing around it when there is none. */
  value(path: Path): { line: number; column: number };
  /** Where its key stands. */
  key(path: Path): { line: number; column: number };
}

/** Places of a configuration that was never a file. */
export const NO_PLACES: Places = {
  value: () => ({ line: 0, column: 0 }),
  key: () => ({ line: 0, column: 0 }),
};

export interface ParsedSource {
  /** The file as plain data, variables not filled; undefined when it cannot be read at all. */
  readonly raw: JsonValue | undefined;
  readonly places: Places;
  readonly problems: readonly ConfigProblem[];
}

/** Reads one YAML document as plain data: no aliases, anchors, tags, merge keys or repeated keys. */
export function parseSource(text: string): ParsedSource {
  const size = Buffer.byteLength(text);
  if (size > LARGEST_BYTES) {
    return failed(`the file has ${Math.ceil(size / 1024)} KiB; ${LARGEST_BYTES / 1024} KiB are the most`);
  }
  const lines = new LineCounter();
  try {
    const documents = parseAllDocuments(text, {
      lineCounter: lines,
      prettyErrors: false,
      uniqueKeys: false,
      merge: false,
      schema: "core",
      logLevel: "silent",
    });
    return new SourceReader(lines).read(Array.isArray(documents) ? documents : []);
  } catch (error) {
    // A stack that is used up is how the parser meets thousands of nested brackets.
    if (error instanceof RangeError) return failed("the file is nested too deeply");
    throw error;
  }
}

function failed(message: string): ParsedSource {
  const problem = { path: "", line: 1, column: 1, message, severity: "error" as const };
  return { raw: undefined, places: NO_PLACES, problems: [problem] };
}

class SourceReader implements Places {
  readonly #lines: LineCounter;
  readonly #values = new Map<string, number>();
  readonly #keys = new Map<string, number>();
  readonly #problems: ConfigProblem[] = [];

  constructor(lines: LineCounter) {
    this.#lines = lines;
  }

  read(documents: readonly Document[]): ParsedSource {
    const [document, second] = documents;
    if (document === undefined || document.contents === null) {
      return failed("the file is empty; begin with `installation: NAME`");
    }
    if (second !== undefined) {
      this.#problem([], second.range?.[0] ?? 0, "a second document begins here; the file must hold one");
    }
    const faults = [...document.errors, ...document.warnings];
    for (const fault of faults) this.#problem([], fault.pos[0], yamlMessage(fault.code, fault.message));
    if (faults.length > 0) return { raw: undefined, places: this, problems: this.#problems };
    const raw = this.#convert(document.contents as Node, [], 0);
    return { raw, places: this, problems: this.#problems };
  }

  value(path: Path): { line: number; column: number } {
    return this.#at(this.#nearest(this.#values, path));
  }

  key(path: Path): { line: number; column: number } {
    return this.#at(this.#keys.get(JSON.stringify(path)) ?? this.#nearest(this.#values, path));
  }

  #nearest(offsets: ReadonlyMap<string, number>, path: Path): number {
    for (let length = path.length; length >= 0; length--) {
      const around = JSON.stringify(path.slice(0, length));
      // Something missing in a map is shown at the map's key, which is where a person looks for it.
      const found =
        length < path.length ? (this.#keys.get(around) ?? offsets.get(around)) : offsets.get(around);
      if (found !== undefined) return found;
    }
    return 0;
  }

  #at(offset: number): { line: number; column: number } {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }

  #problem(path: Path, offset: number, message: string): void {
    this.#problems.push({ path: pathText(path), ...this.#at(offset), message, severity: "error" });
  }

  #convert(node: Node | null, path: Path, depth: number): JsonValue {
    const offset = node?.range?.[0];
    if (offset !== undefined) this.#values.set(JSON.stringify(path), offset);
    if (node === null) return null;
    if (depth > DEEPEST) {
      this.#problem(path, offset ?? 0, `nested more than ${DEEPEST} levels deep`);
      return null;
    }
    if (isAlias(node)) {
      this.#problem(path, offset ?? 0, "aliases (*name) are not allowed; write the value out");
      return null;
    }
    const marked = node as { anchor?: string; tag?: string; range?: [number, number, number] };
    if (marked.anchor !== undefined) {
      this.#problem(path, offset ?? 0, "anchors (&name) are not allowed; write the value out");
    }
    if (marked.tag !== undefined && !CORE_TAG.test(marked.tag)) {
      this.#problem(
        path,
        offset ?? 0,
        `tags (${marked.tag.replace(/^tag:yaml.org,2002:/, "!!")}) are not allowed`,
      );
      return null;
    }
    if (isMap(node)) return this.#convertMap(node.items, path, depth);
    if (isSeq(node)) {
      return node.items.map((item, index) =>
        this.#convert(isPair(item) ? null : (item as Node | null), [...path, index], depth + 1),
      );
    }
    return isScalar(node) ? this.#convertScalar(node.value, path, offset ?? 0) : null;
  }

  #convertScalar(value: unknown, path: Path, offset: number): JsonValue {
    if (value === null || typeof value === "string" || typeof value === "boolean") return value;
    if (typeof value === "number" && Number.isFinite(value)) return value;
    this.#problem(path, offset, "expected text, a number or true or false");
    return null;
  }

  #convertMap(items: readonly { key: unknown; value: unknown }[], path: Path, depth: number): JsonValue {
    const result: Record<string, JsonValue> = {};
    const first = new Map<string, number>();
    for (const { key, value } of items) {
      const offset = (key as Node | null)?.range?.[0] ?? this.#values.get(JSON.stringify(path)) ?? 0;
      const name = isScalar(key) ? keyName(key) : undefined;
      const here = [...path, name ?? "?"];
      const refusal = name === undefined ? "a key must be a plain word" : refusedKey(name);
      if (name === undefined || refusal !== undefined) {
        this.#problem(here, offset, refusal ?? "");
        continue;
      }
      const before = first.get(name);
      if (before !== undefined) {
        this.#problem(here, offset, `written twice; the first is in line ${this.#at(before).line}`);
        continue;
      }
      first.set(name, offset);
      this.#keys.set(JSON.stringify(here), offset);
      result[name] = this.#convert(value as Node | null, here, depth + 1);
      if (!this.#values.has(JSON.stringify(here))) this.#values.set(JSON.stringify(here), offset);
    }
    return result;
  }
}

/** Keys that YAML takes for numbers or truth values are names as they are written. */
function keyName(key: { value: unknown; source?: string }): string | undefined {
  if (typeof key.value === "string") return key.value;
  return key.value === null ? undefined : (key.source ?? String(key.value));
}

function refusedKey(name: string): string | undefined {
  if (name === "<<") return "merge keys (<<) are not allowed; in slots, `defaults` does this";
  if (name === "__proto__" || name === "constructor" || name === "prototype") {
    return "this key is not allowed";
  }
  return undefined;
}

const PLAIN_WORDS: Record<string, string> = {
  TAB_AS_INDENT: "a tab is used for indentation; YAML wants spaces",
  BAD_INDENT: "the indentation does not fit the lines around it",
  MULTILINE_IMPLICIT_KEY: "a `:` is missing here, or the indentation is wrong",
  MISSING_CHAR: "a closing quote, bracket or brace, or a `:`, is missing",
  BLOCK_AS_IMPLICIT_KEY: "a map begins within a line; put the value in quotes if it contains `: `",
  TAG_RESOLVE_FAILED: "tags (!name) are not allowed",
};

function yamlMessage(code: string, message: string): string {
  if (code === "BAD_INDENT" && message.startsWith("Flow")) return PLAIN_WORDS.MISSING_CHAR ?? message;
  const plain = PLAIN_WORDS[code];
  return plain === undefined ? `not readable as YAML: ${message}` : plain;
}
