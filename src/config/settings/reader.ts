import { createPrivateKey } from "node:crypto";
import { messageOf } from "../../util/errors.ts";
import { nearest } from "../problem.ts";
import { keyLines } from "../schema/scalars.ts";
import type { Environment } from "../variables.ts";
import { type SettingName, WHERE } from "./remedies.ts";
import {
  type GitHubSettings,
  LOG_LEVELS,
  type LogLevel,
  type SettingProblem,
  type Settings,
  type SlackSettings,
} from "./types.ts";

const SECRET_NAMES = [
  "SLACK_BOT_TOKEN",
  "SLACK_SIGNING_SECRET",
  "SLACK_APP_TOKEN",
  "WEBHOOK_SECRET",
  "SLIPWAY_SECRET",
  "DASHBOARD_TOKEN",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
] as const;

/** Reads one environment; collects every problem on the way. */
export class SettingsReader {
  readonly problems: SettingProblem[] = [];
  readonly #env: Environment;
  readonly #readFile: (path: string) => string;
  readonly #secrets = new Map<string, string>();

  constructor(env: Environment, readFile: (path: string) => string) {
    this.#env = env;
    this.#readFile = readFile;
  }

  read(): Settings {
    for (const name of SECRET_NAMES) {
      const value = this.#env[name];
      if (value !== undefined) this.#secrets.set(name, value);
    }
    this.#requireOneSurface();
    return {
      slack: this.#slack(),
      github: this.#github(),
      database: { kind: "sqlite", file: this.#databaseFile() },
      configFile: this.#env.SLIPWAY_CONFIG ?? "./slipway.yml",
      secret: this.#longEnough("SLIPWAY_SECRET", 16),
      port: this.#port(),
      host: this.#env.HOST ?? "0.0.0.0",
      dashboardToken: this.#longEnough("DASHBOARD_TOKEN", 8),
      logLevel: this.#logLevel(),
      secrets: this.#secrets,
    };
  }

  #has(...names: readonly string[]): boolean {
    return names.some((name) => this.#env[name] !== undefined);
  }

  #problem(name: SettingName, message: string): void {
    this.problems.push({ name, message, remedy: WHERE[name] });
  }

  #required(name: SettingName, why: string): string {
    const value = this.#env[name];
    if (value === undefined) this.#problem(name, `not set; ${why}`);
    return value ?? "";
  }

  /** Neither Slack nor GitHub: says what each of them needs, for one is enough. */
  #requireOneSurface(): void {
    if (this.#has(...SLACK_NAMES, ...GITHUB_NAMES)) return;
    const either = "Slack or GitHub is needed, and this for";
    this.#problem("SLACK_BOT_TOKEN", `not set; ${either} Slack`);
    this.#problem("SLACK_SIGNING_SECRET", `not set; ${either} Slack over HTTP`);
    this.#problem(
      "SLACK_APP_TOKEN",
      `not set; ${either} Slack in Socket Mode, in place of the signing secret`,
    );
    this.#problem("APP_ID", `not set; ${either} GitHub`);
    this.#problem("PRIVATE_KEY", `not set; ${either} GitHub`);
    this.#problem("WEBHOOK_SECRET", `not set; ${either} GitHub`);
  }

  #slack(): SlackSettings | undefined {
    if (!this.#has(...SLACK_NAMES)) return undefined;
    const botToken = this.#prefixed("SLACK_BOT_TOKEN", "xoxb-", "Slack needs it");
    const apiUrl = this.#url("SLACK_API_URL");
    if (this.#env.SLACK_APP_TOKEN !== undefined) {
      const appToken = this.#prefixed("SLACK_APP_TOKEN", "xapp-", "Socket Mode needs it");
      const signingSecret = this.#env.SLACK_SIGNING_SECRET;
      return { botToken, apiUrl, mode: { kind: "socket", appToken, signingSecret } };
    }
    const why = "Slack over HTTP needs it (Socket Mode needs SLACK_APP_TOKEN in its place)";
    const signingSecret = this.#required("SLACK_SIGNING_SECRET", why);
    return { botToken, apiUrl, mode: { kind: "http", signingSecret } };
  }

  #prefixed(name: SettingName, prefix: string, why: string): string {
    const value = this.#required(name, why);
    if (value !== "" && !value.startsWith(prefix)) this.#problem(name, `must begin with ${prefix}`);
    return value;
  }

  #github(): GitHubSettings | undefined {
    if (!this.#has(...GITHUB_NAMES)) return undefined;
    const appId = this.#required("APP_ID", "the GitHub App needs it");
    if (appId !== "" && !/^[1-9]\d*$/.test(appId)) this.#problem("APP_ID", "must be the app's number");
    return {
      appId: Number(appId),
      privateKey: this.#privateKey(),
      webhookSecret: this.#required("WEBHOOK_SECRET", "without it anyone could send events"),
      apiUrl: this.#url("GITHUB_API_URL"),
    };
  }

  #privateKey(): string {
    const name = this.#env.PRIVATE_KEY === undefined ? "PRIVATE_KEY_PATH" : "PRIVATE_KEY";
    const written = this.#env.PRIVATE_KEY ?? this.#keyFile();
    if (written === undefined) return "";
    const key = keyLines(written);
    this.#secrets.set("PRIVATE_KEY", key);
    if (!written.includes("-----BEGIN")) this.#secrets.set("PRIVATE_KEY as set", written);
    try {
      createPrivateKey(key);
    } catch {
      this.#problem(name, "is not a private key in PEM form (-----BEGIN … PRIVATE KEY-----)");
    }
    return key;
  }

  #keyFile(): string | undefined {
    const path = this.#env.PRIVATE_KEY_PATH;
    if (path === undefined) {
      this.#problem("PRIVATE_KEY", "not set; the GitHub App needs it");
      return undefined;
    }
    try {
      return this.#readFile(path);
    } catch (error) {
      this.#problem("PRIVATE_KEY_PATH", `the file cannot be read: ${messageOf(error)}`);
      return undefined;
    }
  }

  #url(name: "SLACK_API_URL" | "GITHUB_API_URL"): string | undefined {
    const value = this.#env[name];
    if (value === undefined) return undefined;
    if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol)) {
      this.#problem(name, "must be an address beginning with https:// or http://");
    }
    return value;
  }

  #databaseFile(): string {
    const value = this.#env.DATABASE_URL ?? "sqlite:./slipway.db";
    if (/^postgres(ql)?:/.test(value)) {
      this.#problem("DATABASE_URL", "PostgreSQL is not supported by this version; only sqlite: is");
    } else if (!/^sqlite:(?!\/\/[^/])[^:?]+$/.test(value)) {
      this.#problem("DATABASE_URL", "must be sqlite: and the path of a file");
    }
    return value.replace(/^sqlite:(\/\/(?=\/))?/, "");
  }

  #longEnough(name: "SLIPWAY_SECRET" | "DASHBOARD_TOKEN", least: number): string | undefined {
    const value = this.#env[name];
    if (value !== undefined && value.length < least)
      this.#problem(name, `must have at least ${least} characters`);
    return value;
  }

  #port(): number {
    const value = this.#env.PORT ?? "3000";
    if (!/^\d{1,5}$/.test(value) || Number(value) > 65_535) {
      this.#problem("PORT", "must be a number from 0 to 65535");
    }
    return Number(value);
  }

  #logLevel(): LogLevel {
    const value = (this.#env.LOG_LEVEL ?? "info").toLowerCase();
    if ((LOG_LEVELS as readonly string[]).includes(value)) return value as LogLevel;
    const meant = nearest(value, LOG_LEVELS);
    this.#problem("LOG_LEVEL", `is no level${meant === undefined ? "" : `; did you mean ${meant}?`}`);
    return "info";
  }
}

const SLACK_NAMES = ["SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "SLACK_APP_TOKEN"];
const GITHUB_NAMES = ["APP_ID", "PRIVATE_KEY", "PRIVATE_KEY_PATH", "WEBHOOK_SECRET"];
