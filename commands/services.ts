import type { Config, Role } from "../src/config/index.ts";
import type { EngineApi, Person, RunView } from "../src/engine/types.ts";
import type { Clock } from "../src/util/clock.ts";
import type { JsonValue } from "../src/util/json.ts";
import type { Text } from "./lib/text.ts";
import type { ReasonCode } from "./reason-codes.ts";

/** Entrances by which a command arrives. */
export const vias = ["slack", "github", "terminal"] as const;
export type Via = (typeof vias)[number];

/** The configuration in use: filled, as written (without secrets), and its hash. */
export interface ConfigInUse {
  readonly config: Config;
  readonly raw: JsonValue;
  readonly hash: string;
}

/** What a command may use. */
export interface CommandServices {
  readonly engine: EngineApi;
  config(): ConfigInUse;
  /** Journals the configuration, so that a run that begins with it finds it after a restart. */
  rememberConfig(config: ConfigInUse): Promise<void>;
  /** Null while GitHub is not set up. */
  readonly commits: CommitSource | null;
  readonly clock: Clock;
  /** Where people reach the dashboard, without a slash at the end; null when nobody said. */
  readonly dashboardUrl: string | null;
}

/** Names a commit; with none of the three it is the head of the default branch. */
export interface CommitWish {
  readonly repository: string;
  readonly sha?: string | undefined;
  readonly ref?: string | undefined;
  readonly pr?: number | undefined;
  /** The commit of `sha` was found in this repository before: it need only still exist. */
  readonly known?: boolean | undefined;
}

export interface Commit {
  readonly repository: string;
  /** Always the full 40 hexadecimal digits. */
  readonly sha: string;
  readonly ref: string | null;
  readonly pr: number | null;
  /** First line of the commit's message, or the pull request's title. */
  readonly title: string;
}

/** Finds commits where the code lives. Expected failures are refusals; nothing is thrown for them. */
export interface CommitSource {
  resolve(wish: CommitWish): Promise<Commit | Refusal>;
}

/** Who asks, from where, with which rights. */
export interface CommandContext {
  readonly services: CommandServices;
  readonly person: Person;
  readonly roles: ReadonlySet<Role>;
  /** The same person on other entrances, for `whoami`. */
  readonly linked: readonly string[];
  /** Why there are no roles, when a reason is known. */
  readonly withoutRoles: Refusal | null;
  readonly via: Via;
  /** How the person calls the bot: `/stg`, `npx slipway stg`. */
  readonly prefix: string;
  /** Equal for a repeated delivery of the same event. */
  readonly dedupeKey: string | null;
  readonly origin: Origin;
  /** Resolves when every command that arrived earlier has had its effect: the queue is first come first served. */
  turn(): Promise<void>;
}

/** Where the command was written; surfaces answer there. */
export interface Origin {
  readonly channel?: string | undefined;
  readonly repository?: string | undefined;
  readonly pr?: number | undefined;
}

/** An expected "no", for a person: what happened, and what to do next. Nothing was started. */
export interface Refusal {
  readonly refused: true;
  readonly reasonCode: ReasonCode;
  readonly what: Text;
  readonly next: Text | null;
  /** When another program that said no may be asked again, ms since 1970. */
  readonly retryAt?: number;
}

export interface Reply {
  readonly refused: false;
  readonly text: Text;
  /** The same for whoever asked, where nobody else reads it; `text` when left out. */
  readonly own?: Text;
  /** `channel`: something changed that others should know. */
  readonly audience: "author" | "channel";
  /** The run that was started or is spoken of. */
  readonly run?: RunView | undefined;
  /** Says nothing but that the run has begun, which the run's own message says as well. */
  readonly begun?: true;
  /** Others who are told directly. */
  readonly tell?: readonly { readonly person: Person; readonly text: Text }[] | undefined;
}

export type Outcome = Reply | Refusal;

export function refuse(reasonCode: ReasonCode, what: Text, next: Text | null = null): Refusal {
  return { refused: true, reasonCode, what, next };
}

/** An answer for the person who asked alone. */
export function answer(text: Text, run?: RunView): Reply {
  return { refused: false, text, audience: "author", run };
}

/** An answer that everyone in the channel should see. */
export function announce(text: Text, more: Pick<Reply, "run" | "tell" | "own"> = {}): Reply {
  return { refused: false, text, audience: "channel", ...more };
}
