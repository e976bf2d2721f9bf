import { createHash } from "node:crypto";
import type { JsonValue } from "../util/json.ts";
import { checkEnvironments } from "./checks/environments.ts";
import { checkSlots } from "./checks/slots.ts";
import { checkSteps } from "./checks/steps.ts";
import { checkTests } from "./checks/tests.ts";
import { checkWrittenSecrets, findOddities } from "./checks/warnings.ts";
import { explain, type Tree } from "./explain.ts";
import { checkFields } from "./field-checks.ts";
import { type ConfigProblem, type Finding, inOrder, type Path, pathText } from "./problem.ts";
import { type Config, configSchema } from "./schema/config.ts";
import { slot as slotSchema } from "./schema/slot.ts";
import { DEFAULTS, fillSlotFields, type MergedSlots, mergeSlots } from "./slots.ts";
import { NO_PLACES, type ParsedSource, type Places, parseSource } from "./source.ts";
import { at, canonicalJson, isMap, withValue } from "./tree.ts";
import { type Environment, type Filled, fillVariables } from "./variables.ts";

export interface LoadedConfig {
  /** The file's name for messages; undefined when the configuration did not come from a file. */
  readonly file: string | undefined;
  /** Complete: variables filled, defaults applied, durations in milliseconds. */
  readonly config: Config;
  /** As written, variables not filled: may be kept and filled again with `configFromRaw`. */
  readonly raw: JsonValue;
  /** SHA-256 of `raw`, whatever the order of its keys. */
  readonly hash: string;
  /** Values from the environment that must be hidden wherever text leaves the process. */
  readonly secrets: ReadonlyMap<string, string>;
  readonly warnings: readonly ConfigProblem[];
}

export type LoadResult =
  | { readonly ok: true; readonly loaded: LoadedConfig }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/**
 * Reads a configuration file. Never throws for anything that a person can write into it: every problem is
 * found at once and named with its line.
 */
export function loadConfig(text: string, env: Environment, options: { file?: string } = {}): LoadResult {
  const source = parseSource(text);
  if (source.raw === undefined) return { ok: false, problems: inOrder(source.problems) };
  return assemble({ ...source, raw: source.raw, file: options.file }, env);
}

/** Fills and checks a configuration that was kept as `raw`; its problems have no lines. */
export function configFromRaw(raw: JsonValue, env: Environment): LoadResult {
  return assemble({ raw, places: NO_PLACES, problems: [], file: undefined }, env);
}

interface Source extends ParsedSource {
  readonly raw: JsonValue;
  readonly file: string | undefined;
}

function assemble({ raw, places, problems: before, file }: Source, env: Environment): LoadResult {
  const filled = fillVariables(raw, env);
  const merged = mergeSlots(filled.tree);
  const { config, findings } = validate(merged, filled);
  const written = (finding: Finding) => ({ ...finding, path: merged.origin(finding.path) });
  const all = leading(new Set(before.map((problem) => problem.path)), [
    filled.findings,
    checkFields(raw),
    checkWrittenSecrets(raw),
    findings,
    crossChecks(merged.tree).map(written),
    findOddities(raw, merged.tree).map(written),
  ]);
  const placed = all.map((finding) => place(finding, places));
  const problems = inOrder([...before, ...placed].map((problem) => withoutSecrets(problem, filled.secrets)));
  const errors = problems.filter((problem) => problem.severity === "error");
  if (errors.length > 0 || config === undefined) return { ok: false, problems: errors };
  const hash = createHash("sha256").update(canonicalJson(raw)).digest("hex");
  const loaded = { file, config: complete(config), raw, hash, secrets: filled.secrets, warnings: problems };
  return { ok: true, loaded };
}

function crossChecks(tree: JsonValue): Finding[] {
  return [...checkSlots(tree), ...checkSteps(tree), ...checkTests(tree), ...checkEnvironments(tree)];
}

/** Where one value has problems of several kinds, the first kind says what to change; the rest follow from it. */
function leading(named: Set<string>, groups: readonly (readonly Finding[])[]): Finding[] {
  return groups.flatMap((group) => {
    const fresh = group.filter((finding) => !named.has(pathText(finding.path)));
    for (const finding of fresh) named.add(pathText(finding.path));
    return fresh;
  });
}

/** A last guard: a message that quotes a value must not quote one that came from the environment. */
function withoutSecrets(problem: ConfigProblem, secrets: ReadonlyMap<string, string>): ConfigProblem {
  let message = problem.message;
  for (const [name, value] of secrets) {
    if (value.length >= 6) message = message.replaceAll(value, `\${${name}}`);
  }
  return { ...problem, message };
}

function place(finding: Finding, places: Places): ConfigProblem {
  const { line, column } = finding.atKey ? places.key(finding.path) : places.value(finding.path);
  return {
    path: pathText(finding.path),
    line,
    column,
    message: finding.message,
    suggestion: finding.suggestion,
    severity: finding.severity ?? "error",
    kind: finding.kind,
  };
}

function validate(merged: MergedSlots, filled: Filled): { config: Config | undefined; findings: Finding[] } {
  const tree = retyped(merged, filled);
  const facts = (value: JsonValue): Tree => ({
    value,
    filledBy: (path) => filled.filled.get(JSON.stringify(merged.origin(path))),
    schemaPath: (path) => path,
  });
  const parsed = configSchema.safeParse(tree);
  const findings = parsed.success ? [] : explain(parsed.error.issues, facts(tree));
  const inSlots = findings.map((finding) => ({ ...finding, path: merged.origin(finding.path) }));
  return { config: parsed.data, findings: [...inSlots, ...checkDefaults(filled, facts(filled.tree))] };
}

/** Defaults that every slot overrides must be right as well; what they leave out, slots say. */
function checkDefaults(filled: Filled, facts: Tree): Finding[] {
  const defaults = at(filled.tree, ...DEFAULTS);
  if (defaults === undefined) return [];
  const named = isMap(defaults) ? fillSlotFields(defaults, "slot") : defaults;
  const parsed = slotSchema.safeParse(named);
  if (parsed.success) return [];
  const present = parsed.error.issues.filter((issue) => at(defaults, ...(issue.path as Path)) !== undefined);
  return explain(present, facts, DEFAULTS);
}

/**
 * A number or truth value from the environment arrives as text. Where exactly that is wanted, and the text
 * is one, it becomes one; text that stands in the file as text does not.
 */
function retyped(merged: MergedSlots, filled: Filled): JsonValue {
  const parsed = configSchema.safeParse(merged.tree);
  let tree = merged.tree;
  for (const issue of parsed.success ? [] : parsed.error.issues) {
    if (issue.code !== "invalid_type") continue;
    const path = issue.path as Path;
    const value = at(tree, ...path);
    if (typeof value !== "string" || !filled.fromEnvironment(merged.origin(path))) continue;
    const typed = typedValue(value, issue.expected);
    if (typed !== undefined) tree = withValue(tree, path, typed);
  }
  return tree;
}

function typedValue(text: string, wanted: string): JsonValue | undefined {
  if ((wanted === "number" || wanted === "int") && /^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (wanted === "boolean" && (text === "true" || text === "false")) return text === "true";
  return undefined;
}

/** What one section leaves to another. */
function complete(config: Config): Config {
  const slots = Object.entries(config.slots).map(([name, slot]) => [
    name,
    slot.repositories.length > 0 ? slot : { ...slot, repositories: config.github.repositories },
  ]);
  return { ...config, slots: Object.fromEntries(slots) as Config["slots"] };
}
