import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import {
  type ConfigProblem,
  type Environment,
  formatProblems,
  formatSettingProblems,
  type LoadedConfig,
  loadConfig,
  readSettings,
  type Settings,
  withDotenv,
} from "../config/index.ts";
import { messageOf, SlipwayError } from "../util/errors.ts";

export type StartInput =
  | {
      readonly ok: true;
      readonly settings: Settings;
      readonly env: Environment;
      readonly loaded: LoadedConfig;
      readonly configFile: string;
    }
  | { readonly ok: false; readonly report: string };

/** Reads settings and configuration; when anything is wrong, all of it is in the report at once. */
export function readStartInput(processEnv: Environment, cwd: string): StartInput {
  const read = readSettings(processEnv, dotenvOf(cwd));
  const named = read.ok ? read.settings.configFile : read.env.SLIPWAY_CONFIG;
  const configFile = resolve(cwd, named ?? "slipway.yml");
  const config = readConfig(configFile, read.env);
  if (read.ok && config.ok)
    return { ok: true, settings: read.settings, env: read.env, loaded: config.loaded, configFile };
  const parts = [
    ...(read.ok ? [] : ["Settings (from the environment or .env):", formatSettingProblems(read.problems)]),
    ...(config.ok ? [] : ["Configuration:", config.report]),
  ];
  return { ok: false, report: `Slipway cannot start.\n\n${parts.join("\n")}\n` };
}

/** The environment as it is now, `.env` included: asked again at each reload. */
export function currentEnvironment(processEnv: Environment, cwd: string): Environment {
  return withDotenv(processEnv, dotenvOf(cwd).dotenvText);
}

/** The AWS SDK reads the process's own environment: what `.env` says of AWS is put there, unless it says so itself. */
export function exportAwsSettings(processEnv: Record<string, string | undefined>, cwd: string): void {
  for (const [name, value] of Object.entries(currentEnvironment(processEnv, cwd)))
    if (name.startsWith("AWS_")) processEnv[name] = value;
}

/** @throws SlipwayError `dotenv_unreadable`: what it would say may be what matters */
function dotenvOf(cwd: string): { dotenvText?: string } {
  const file = resolve(cwd, ".env");
  if (!existsSync(file)) return {};
  try {
    return { dotenvText: readFileSync(file, "utf8") };
  } catch (cause) {
    throw new SlipwayError("dotenv_unreadable", `${file} cannot be read: ${messageOf(cause)}`, {
      cause,
      remedy: "Let this user read it, or move it away.",
    });
  }
}

function readConfig(
  file: string,
  env: Environment,
): { ok: true; loaded: LoadedConfig } | { ok: false; report: string } {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const report = `${file}: cannot be read (${messageOf(error)})\n    → Write one (docs/configuration.md), or name it in SLIPWAY_CONFIG.`;
    return { ok: false, report };
  }
  const result = loadConfig(text, env, { file });
  if (result.ok) return result;
  return { ok: false, report: report(result.problems, file, text) };
}

function report(problems: readonly ConfigProblem[], file: string, text: string): string {
  return formatProblems(problems, file, text);
}
