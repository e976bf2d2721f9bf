import { distance } from "fastest-levenshtein";

/** Where a value stands: keys of maps and places in lists, from the top. */
export type Path = readonly (string | number)[];

export type Severity = "error" | "warning";

export type ProblemKind = "missing_variable";

/** Something in the configuration that a person should change. Lines and columns begin at 1. */
export interface ConfigProblem {
  /** The place in words, e.g. `slots.stg1.subnets[0]`. */
  readonly path: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  /** The word that was probably meant. */
  readonly suggestion?: string | undefined;
  readonly severity: Severity;
  /** Problems that a caller may want to tell apart. */
  readonly kind?: ProblemKind | undefined;
}

/** A problem before its line is known. */
export interface Finding {
  readonly path: Path;
  readonly message: string;
  readonly suggestion?: string | undefined;
  readonly severity?: Severity;
  readonly kind?: ProblemKind;
  /** Whether the key itself is wrong, not what it holds. */
  readonly atKey?: boolean;
}

/** `["slots", "stg1", "subnets", 0]` → `slots.stg1.subnets[0]`. */
export function pathText(path: Path): string {
  return path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : index === 0 ? part : `.${part}`))
    .join("");
}

/** The most similar of the words, when it is near enough to have been meant. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  const lower = word.toLowerCase();
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of words) {
    const far = distance(lower, candidate.toLowerCase());
    if (far < bestDistance) [best, bestDistance] = [candidate, far];
  }
  if (bestDistance <= Math.max(1, Math.floor(word.length / 3))) return best;
  return words.find((candidate) => resembles(lower, candidate.toLowerCase()));
}

/** The same letters in another order, or the same beginning. */
function resembles(word: string, candidate: string): boolean {
  const letters = (text: string) => [...text].sort().join("");
  if (letters(word) === letters(candidate)) return true;
  return word.length >= 4 && candidate.startsWith(word.slice(0, Math.max(4, word.length - 1)));
}

/** Each problem once, in the order of the file. */
export function inOrder(problems: readonly ConfigProblem[]): ConfigProblem[] {
  const seen = new Map<string, ConfigProblem>();
  for (const problem of problems) {
    const key = `${problem.line}:${problem.column}:${problem.message}`;
    if (!seen.has(key)) seen.set(key, problem);
  }
  return [...seen.values()].sort((a, b) => a.line - b.line || a.column - b.column);
}

const LONGEST_LINE = 160;

/** The problems for a terminal: place, message, and the line with a caret under the spot. */
export function formatProblems(problems: readonly ConfigProblem[], file: string, text: string): string {
  const lines = text.split(/\r?\n/);
  return problems.map((problem) => formatProblem(problem, file, lines)).join("\n");
}

function formatProblem(problem: ConfigProblem, file: string, lines: readonly string[]): string {
  const place = problem.line > 0 ? `${file}:${problem.line}:${problem.column}` : file;
  const level = problem.severity === "warning" ? "warning: " : "";
  const where = problem.path === "" ? "" : `${problem.path}: `;
  const meant = problem.suggestion === undefined ? "" : `. Did you mean ${problem.suggestion}?`;
  const head = `${place} ${level}${where}${problem.message}${meant}`;
  const source = problem.line > 0 ? lines[problem.line - 1] : undefined;
  return source === undefined ? head : `${head}\n${excerpt(source, problem)}`;
}

function excerpt(source: string, problem: ConfigProblem): string {
  const start = Math.max(0, problem.column - LONGEST_LINE + 20);
  const shown = source.slice(start, start + LONGEST_LINE);
  const number = String(problem.line).padStart(5);
  const before = shown.slice(0, problem.column - 1 - start).replace(/[^\t]/g, " ");
  return `${number} | ${shown}\n${" ".repeat(number.length)} | ${before}^`;
}
