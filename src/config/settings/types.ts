import type { Environment } from "../variables.ts";

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface SlackSettings {
  readonly botToken: string;
  readonly apiUrl: string | undefined;
  /** Socket Mode when an app token is set; else Slack calls `/slack/events` and signs what it sends. */
  readonly mode:
    | { readonly kind: "socket"; readonly appToken: string; readonly signingSecret: string | undefined }
    | { readonly kind: "http"; readonly signingSecret: string };
}

export interface GitHubSettings {
  readonly appId: number;
  readonly privateKey: string;
  readonly webhookSecret: string;
  readonly apiUrl: string | undefined;
}

/** What the environment says about this one process. */
export interface Settings {
  readonly slack: SlackSettings | undefined;
  readonly github: GitHubSettings | undefined;
  readonly database: { readonly kind: "sqlite"; readonly file: string };
  readonly configFile: string;
  /** The master secret; undefined means: made and kept beside the database. */
  readonly secret: string | undefined;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly host: string;
  readonly dashboardToken: string | undefined;
  readonly logLevel: LogLevel;
  /** Values that must be hidden wherever text leaves the process, by the name of their setting. */
  readonly secrets: ReadonlyMap<string, string>;
}

export interface SettingProblem {
  readonly name: string;
  readonly message: string;
  /** Where the right value is to be found. */
  readonly remedy: string;
}

export type SettingsResult =
  | { readonly ok: true; readonly settings: Settings; readonly env: Environment }
  | { readonly ok: false; readonly problems: readonly SettingProblem[]; readonly env: Environment };

export interface SettingsOptions {
  /** The text of a `.env` file; the real environment wins over it. */
  readonly dotenvText?: string | undefined;
  /** Reads the file of PRIVATE_KEY_PATH; throws when it cannot. */
  readonly readFile?: (path: string) => string;
}
