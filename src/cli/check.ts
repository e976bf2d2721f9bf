import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { currentEnvironment } from "../bot/settings.ts";
import {
  type ConfigProblem,
  describeConfig,
  formatProblems,
  type LoadedConfig,
  laterSections,
  loadConfig,
} from "../config/index.ts";
import { messageOf } from "../util/errors.ts";
import type { CommandContext } from "./context.ts";

export type { CommandContext } from "./context.ts";

const USAGE = `Usage: slipway check [file] [--json] [--without-variables]

Checks a configuration (SLIPWAY_CONFIG, or ./slipway.yml) and says what it would use.
  --json                problems as JSON
  --without-variables   environment variables that are not set are no problem
Ends with 0 when it is valid, 1 when it is not, 2 when it cannot be read.
`;

/** Checks a configuration file; the exit code is 0 (valid), 1 (not) or 2 (cannot be read, wrong usage). */
export async function check(args: readonly string[], context: CommandContext): Promise<number> {
  const options = parseOptions(args);
  if (typeof options === "string") {
    context.stderr.write(`${options}\n\n${USAGE}`);
    return 2;
  }
  if (options.help) {
    context.stdout.write(USAGE);
    return 0;
  }
  const env = currentEnvironment(context.env, context.cwd);
  const file = options.file ?? env.SLIPWAY_CONFIG ?? "slipway.yml";
  let text: string;
  try {
    text = readFileSync(resolve(context.cwd, file), "utf8");
  } catch (error) {
    context.stderr.write(`${file} cannot be read: ${messageOf(error)}\n`);
    return 2;
  }
  const result = loadConfig(text, env, { file });
  const problems = result.ok ? result.loaded.warnings : result.problems;
  const verdict = judge(problems, options.withoutVariables);
  if (options.json) {
    context.stdout.write(`${JSON.stringify({ ok: verdict.ok, problems: verdict.problems }, null, 2)}\n`);
  } else {
    context[verdict.ok ? "stdout" : "stderr"].write(report(file, text, verdict, result.ok && result.loaded));
  }
  return verdict.ok ? 0 : 1;
}

interface Options {
  readonly file: string | undefined;
  readonly json: boolean;
  readonly withoutVariables: boolean;
  readonly help: boolean;
}

function parseOptions(args: readonly string[]): Options | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: "boolean" },
        "without-variables": { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
    if (positionals.length > 1) return "Only one file can be checked at a time.";
    const withoutVariables = values["without-variables"] ?? false;
    return { file: positionals[0], json: values.json ?? false, withoutVariables, help: values.help ?? false };
  } catch (error) {
    return messageOf(error);
  }
}

interface Verdict {
  readonly ok: boolean;
  readonly problems: readonly ConfigProblem[];
  readonly unset: number;
}

function judge(problems: readonly ConfigProblem[], withoutVariables: boolean): Verdict {
  const counted = problems.filter((problem) => !withoutVariables || problem.kind !== "missing_variable");
  const ok = counted.every((problem) => problem.severity === "warning");
  return { ok, problems: counted, unset: problems.length - counted.length };
}

function report(file: string, text: string, verdict: Verdict, loaded: LoadedConfig | false): string {
  const lines = verdict.problems.length === 0 ? [] : [formatProblems(verdict.problems, file, text), ""];
  const errors = verdict.problems.filter((problem) => problem.severity === "error").length;
  if (!verdict.ok) {
    lines.push(`${file} has ${errors} ${errors === 1 ? "problem" : "problems"}.`);
  } else {
    lines.push(`${file} is valid.`);
  }
  if (verdict.unset > 0) {
    lines.push(
      `${verdict.unset} values need environment variables that are not set here; they were not checked.`,
    );
  }
  if (loaded !== false) lines.push(...summary(loaded));
  return `${lines.join("\n")}\n`;
}

function summary({ config }: LoadedConfig): string[] {
  const later = laterSections(config);
  const lines = describeConfig(config).map((line) => `  ${line}`);
  if (later.length === 0) return lines;
  return [
    ...lines,
    "Read and checked, but not used by this version yet:",
    ...later.map(({ path, what }) => `  ${path}: ${what}`),
  ];
}
