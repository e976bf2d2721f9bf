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
} from "../config/index.ts";
import { messageOf } from "../util/errors.ts";

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
  const env = read.ok ? read.env : processEnv;
  const configFile = resolve(
    cwd,
    (read.ok ? read.settings.configFile : processEnv.SLIPWAY_CONFIG) ?? "slipway.yml",
  );
  const config = readConfig(configFile, env);
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
  const read = readSettings(processEnv, dotenvOf(cwd));
  return read.ok ? read.env : processEnv;
}

function dotenvOf(cwd: string): { dotenvText?: string } {
  const file = resolve(cwd, ".env");
  return existsSync(file) ? { dotenvText: readFileSync(file, "utf8") } : {};
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
