import type { z } from "zod";
import type { JsonValue } from "../util/json.ts";
import { keysAt, nodesAt } from "./json-schema.ts";
import { type Finding, nearest, type Path } from "./problem.ts";
import { STEP_KINDS } from "./schema/steps.ts";
import { VERIFY_KINDS } from "./schema/verify.ts";
import { at, isMap } from "./tree.ts";

type Issue = z.core.$ZodIssue;

export interface Tree {
  readonly value: JsonValue;
  /** Variables that filled the scalar at a path of the value, if any: its text must not be shown. */
  readonly filledBy: (path: Path) => readonly string[] | undefined;
  /** The path in the file's own schema, where keys and descriptions are looked up. */
  readonly schemaPath: (path: Path) => Path;
}

/** Zod's issues in plain words: what is expected, and what was found. */
export function explain(issues: readonly Issue[], tree: Tree, base: Path = []): Finding[] {
  return issues.flatMap((issue) => explainOne(issue, tree, base));
}

function explainOne(issue: Issue, tree: Tree, base: Path): Finding[] {
  const path = [...base, ...(issue.path as (string | number)[])];
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownKey([...path, key], tree));
    case "invalid_union":
      return explainUnion(issue, path, tree);
    case "invalid_key":
      return [{ path, atKey: true, message: `${issue.issues[0]?.message ?? "expected another name"}` }];
    case "invalid_value":
      return [wrongWord(path, issue.values.map(String), tree)];
    default:
      return [mismatch(path, wordsOf(issue), tree)];
  }
}

function wordsOf(issue: Issue): string {
  if (issue.message.startsWith("expected ") || issue.code === "custom") return issue.message;
  if (issue.code === "invalid_type") return `expected ${TYPE_WORDS[issue.expected] ?? issue.expected}`;
  if (issue.code === "too_big") return `expected at most ${issue.maximum} characters`;
  return `expected another value (${issue.message})`;
}

const TYPE_WORDS: Record<string, string> = {
  object: "a map of keys and values",
  record: "a map of keys and values",
  array: "a list",
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
};

function mismatch(path: Path, words: string, tree: Tree): Finding {
  const value = at(tree.value, ...path);
  if (value === undefined) return { path, message: `missing; ${words}` };
  if (!words.startsWith("expected ")) return { path, message: words };
  return { path, message: `${words}, found ${found(path, value, tree)}` };
}

function wrongWord(path: Path, allowed: readonly string[], tree: Tree): Finding {
  const value = at(tree.value, ...path);
  const words = allowed.length === 1 ? `expected ${allowed[0]}` : `expected one of ${allowed.join(", ")}`;
  const secret = tree.filledBy(path) !== undefined;
  const suggestion = typeof value === "string" && !secret ? nearest(value, allowed) : undefined;
  return { ...mismatch(path, words, tree), suggestion };
}

function unknownKey(path: Path, tree: Tree): Finding {
  const key = String(path.at(-1));
  const known = keysAt(tree.schemaPath(path.slice(0, -1))).filter((name) => name !== "defaults");
  if (known.includes(key)) return misplacedKey(path, key, tree);
  const list = known.length > 0 && known.length <= 12 ? `; keys here are ${known.join(", ")}` : "";
  return { path, atKey: true, message: `unknown key${list}`, suggestion: nearest(key, known) };
}

/** A key that belongs to another kind of step or check. */
function misplacedKey(path: Path, key: string, tree: Tree): Finding {
  const parent = tree.schemaPath(path.slice(0, -1));
  const owners = nodesAt(parent).filter((node) => Object.hasOwn(node.properties ?? {}, key));
  const kinds = owners.flatMap((node) =>
    (kindsOf(parent) ?? []).filter((kind) => node.required?.includes(kind)),
  );
  const where = kinds.length > 0 ? `; it goes with ${kinds.join(" or ")}` : " among these";
  return { path, atKey: true, message: `unknown key here${where}` };
}

/** What stands there, without ever showing what came from the environment. */
function found(path: Path, value: JsonValue, tree: Tree): string {
  const variables = tree.filledBy(path);
  if (variables !== undefined) {
    const empty = value === "" ? "nothing in " : "";
    return `${empty}the value of ${variables.map((name) => `\${${name}}`).join(" and ")}`;
  }
  if (value === null) return "nothing";
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}…` : value);
  if (typeof value === "number") return `the number ${value}`;
  if (typeof value === "boolean") return String(value);
  return Array.isArray(value)
    ? value.length === 0
      ? "an empty list"
      : `a list of ${value.length}`
    : "a map";
}

type UnionIssue = Extract<Issue, { code: "invalid_union" }>;

function explainUnion(issue: UnionIssue, path: Path, tree: Tree): Finding[] {
  const discriminated = issue as { discriminator?: string; options?: unknown[] };
  if (discriminated.discriminator !== undefined && discriminated.options !== undefined) {
    return [wrongWord(path, discriminated.options.map(String), tree)];
  }
  const value = at(tree.value, ...path);
  const kinds = kindsOf(tree.schemaPath(path));
  if (kinds !== undefined && isMap(value)) {
    const present = kinds.filter((kind) => Object.hasOwn(value, kind));
    if (present.length !== 1) return [notOneKind(path, value, kinds, present)];
  }
  const branch = nearestBranch(issue.errors, value);
  // A message of the union's own says more than a branch that does not fit at all.
  const fits = branch.some((inner) => inner.path.length > 0 || inner.code !== "invalid_type");
  if (issue.message.startsWith("expected ") && !(fits && typeof value === "object")) {
    return [mismatch(path, issue.message, tree)];
  }
  return explain(branch, tree, path);
}

/** The keys of which a step or a check has exactly one; undefined for other unions. */
function kindsOf(schemaPath: Path): readonly string[] | undefined {
  const keys = new Set(keysAt(schemaPath));
  if (keys.has("waitFor")) return STEP_KINDS.filter((kind) => keys.has(kind));
  if (keys.has("logs") && keys.has("queue")) return VERIFY_KINDS;
  if (keys.has("json") && keys.has("text")) return ["json", "text"];
  return undefined;
}

function notOneKind(
  path: Path,
  value: object,
  kinds: readonly string[],
  present: readonly string[],
): Finding {
  if (present.length > 1) {
    return {
      path,
      message: `has ${present.join(" and ")}; expected one of ${kinds.join(", ")}, not several`,
    };
  }
  const likely = Object.keys(value)
    .map((key) => [key, nearest(key, kinds)] as const)
    .find(([, kind]) => kind !== undefined);
  if (likely !== undefined) {
    return { path: [...path, likely[0]], atKey: true, message: "unknown key", suggestion: likely[1] };
  }
  return { path, message: `expected one of the keys ${kinds.join(", ")}` };
}

/** The branch of a union that was probably meant: the one with the least that is missing or too much. */
function nearestBranch(
  branches: readonly (readonly Issue[])[],
  value: JsonValue | undefined,
): readonly Issue[] {
  const cost = (issue: Issue): number => {
    if (issue.code === "unrecognized_keys") return 10 * issue.keys.length;
    if (issue.path.length === 0) return 100;
    return at(value, ...(issue.path as (string | number)[])) === undefined ? 10 : 1;
  };
  const total = (branch: readonly Issue[]) => branch.reduce((sum, issue) => sum + cost(issue), 0);
  return [...branches].sort((a, b) => total(a) - total(b))[0] ?? [];
}
