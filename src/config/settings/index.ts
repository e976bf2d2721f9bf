import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import type { Environment } from "../variables.ts";
import { SettingsReader } from "./reader.ts";
import type { SettingProblem, SettingsOptions, SettingsResult } from "./types.ts";

export * from "./types.ts";

/** The real environment over a `.env` file's text. An empty value counts as none. */
export function withDotenv(env: Environment, dotenvText: string | undefined): Environment {
  const merged: Record<string, string> = {};
  for (const source of [dotenvText === undefined ? {} : parseEnv(dotenvText), env]) {
    for (const [name, value] of Object.entries(source)) if (value) merged[name] = value;
  }
  return merged;
}

/** Reads every setting; all that is missing or wrong is reported at once. */
export function readSettings(env: Environment, options: SettingsOptions = {}): SettingsResult {
  const merged = withDotenv(env, options.dotenvText);
  const readFile = options.readFile ?? ((path: string) => readFileSync(path, "utf8"));
  const reader = new SettingsReader(merged, readFile);
  const settings = reader.read();
  if (reader.problems.length > 0) return { ok: false, problems: reader.problems, env: merged };
  return { ok: true, settings, env: merged };
}

/** The problems for a terminal, one below the other. */
export function formatSettingProblems(problems: readonly SettingProblem[]): string {
  return problems.map(({ name, message, remedy }) => `${name}: ${message}\n    → ${remedy}`).join("\n");
}
