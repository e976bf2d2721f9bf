import { findConfig, rememberConfig } from "../../db/configs.ts";
import type { Database } from "../../db/connection.ts";
import { type Config, configFromRaw, type Environment } from "../config/index.ts";
import { SlipwayError } from "../util/errors.ts";
import type { JsonValue } from "../util/json.ts";
import type { Redactor } from "../util/redact.ts";

const KEPT = 8;

/**
 * The configurations that runs began with. The database holds them as written, `${NAME}` unfilled; they are
 * filled again when a run needs one, from the environment of the moment.
 */
export class Configurations {
  readonly #db: Database;
  readonly #env: () => Environment;
  readonly #redact: Redactor;
  readonly #known = new Map<string, Config>();
  #newest: string | undefined;

  constructor(db: Database, env: () => Environment, redact: Redactor) {
    this.#db = db;
    this.#env = env;
    this.#redact = redact;
  }

  async remember(loaded: { hash: string; raw: JsonValue }): Promise<void> {
    await rememberConfig(this.#db, loaded.hash, loaded.raw, Date.now());
    this.#newest = loaded.hash;
  }

  /** The hash of the one that was remembered last: a run that begins now can be sure to find it again. */
  get newest(): string | undefined {
    return this.#newest;
  }

  /** @throws SlipwayError `configuration_unusable` when a variable that it names is not set any more, say. */
  async of(hash: string): Promise<Config> {
    const known = this.#known.get(hash);
    if (known) return known;
    const raw = await findConfig(this.#db, hash);
    const result = raw === undefined ? undefined : configFromRaw(raw, this.#env());
    if (!result?.ok) {
      throw new SlipwayError(
        "configuration_unusable",
        `The configuration that this run began with cannot be used: ${result?.problems[0]?.message ?? "it is not in the database"}`,
        {
          remedy: "Set what it names again, or start the run anew under today's configuration.",
        },
      );
    }
    for (const [name, value] of result.loaded.secrets) this.#redact.add(name, value);
    if (this.#known.size >= KEPT) this.#known.clear();
    this.#known.set(hash, result.loaded.config);
    return result.loaded.config;
  }

  /** Forgets filled configurations, so that changed secrets are read again. */
  forget(): void {
    this.#known.clear();
  }
}
