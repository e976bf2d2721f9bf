import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Config, type Environment, type LoadedConfig, loadConfig } from "../../src/config/index.ts";

export const CONTRACT_FILE = join(import.meta.dirname, "contract.yml");
export const contract = readFileSync(CONTRACT_FILE, "utf8");

/** A new private key in PEM form. */
export function newKey(): string {
  const { privateKey } = generateKeyPairSync("ed25519");
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

export const contractEnv: Environment = {
  STG1_SSH_KEY: newKey(),
  STG2_SSH_KEY: newKey(),
  STG3_SSH_KEY: newKey(),
  STG4_SSH_KEY: newKey(),
  AMY_SSH_KEY: newKey(),
  GIT_TOKEN: "ghp_planted0git0token",
  E2E_PASSWORD: "planted-password",
  AMY_PGPASSWORD: "planted-pg-password",
};

/** Loads what must be right. */
export function loaded(text: string, env: Environment = {}): LoadedConfig {
  const result = loadConfig(text, env);
  if (!result.ok)
    throw new Error(result.problems.map((one) => `${one.line} ${one.path} ${one.message}`).join("\n"));
  return result.loaded;
}

export function config(text: string, env: Environment = {}): Config {
  return loaded(text, env).config;
}

/** The messages about what must be wrong. */
export function problems(text: string, env: Environment = {}): string[] {
  const result = loadConfig(text, env);
  return result.ok
    ? []
    : result.problems.map((one) => `${one.line}:${one.column} ${one.path}: ${one.message}`);
}

/** Numbers that look random and are the same in every run (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
