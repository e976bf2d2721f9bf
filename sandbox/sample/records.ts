import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";

const credentials = z.object({ clientId: z.string(), clientSecret: z.string() });
export type OAuthCredentials = z.infer<typeof credentials>;

const lmsSchema = z.object({
  /** Rows of oauth2_provider_application by name. */
  applications: z.record(z.string(), credentials),
});
export type LmsDatabase = z.infer<typeof lmsSchema>;

const configSchema = z.object({
  /** The commit that the web application is to run. */
  ref: z.string().default(""),
  /** Free keys that `config set` writes; auth.yml's credentials are among them. */
  values: z.record(z.string(), z.string()).default({}),
});
export type PlatformConfig = z.infer<typeof configSchema>;

/** Names of the two OAuth applications that the platform's single sign-on needs. */
export const OAUTH_APPLICATIONS = ["spa-sso", "ibl_web"] as const;

/** Keys of the configuration that hold an application's credentials. */
export function credentialKeys(application: string): { readonly id: string; readonly secret: string } {
  const stem = application.toUpperCase().replaceAll("-", "_");
  return { id: `auth.${stem}_CLIENT_ID`, secret: `auth.${stem}_CLIENT_SECRET` };
}

/**
 * The platform's files on the machine's disk: what survives a restart, a reboot and the baking of an image.
 */
export class Records {
  readonly #lms: string;
  readonly #config: string;
  readonly #brokenMark: string;

  constructor(root: string) {
    this.#lms = join(root, "opt/data/lms/database.json");
    this.#config = join(root, "opt/platform/config.json");
    this.#brokenMark = join(root, "opt/platform/broken");
    mkdirSync(join(root, "opt/data/postgres"), { recursive: true });
  }

  /** The LMS database; credentials are made when it is first opened on a machine. */
  lms(): LmsDatabase {
    return lmsSchema.parse(JSON.parse(readFileSync(this.#lms, "utf8")));
  }

  get hasLms(): boolean {
    return existsSync(this.#lms);
  }

  /** Makes new OAuth applications: what `launch --ibl-oauth` does, and what makes older credentials stale. */
  renewApplications(): LmsDatabase {
    const applications = Object.fromEntries(
      OAUTH_APPLICATIONS.map((name) => [
        name,
        { clientId: randomBytes(10).toString("hex"), clientSecret: randomBytes(20).toString("hex") },
      ]),
    );
    const database = { applications };
    save(this.#lms, database);
    return database;
  }

  config(): PlatformConfig {
    if (!existsSync(this.#config)) return { ref: "", values: {} };
    return configSchema.parse(JSON.parse(readFileSync(this.#config, "utf8")));
  }

  saveConfig(config: PlatformConfig): void {
    save(this.#config, config);
  }

  /** Reads the credentials from the LMS database into the configuration. */
  syncCredentials(): void {
    const config = this.config();
    const values = { ...config.values };
    for (const [name, row] of Object.entries(this.lms().applications)) {
      const keys = credentialKeys(name);
      values[keys.id] = row.clientId;
      values[keys.secret] = row.clientSecret;
    }
    this.saveConfig({ ...config, values });
  }

  /** A file on the machine that switches the application's fault on: `touch /opt/platform/broken`. */
  get markedBroken(): boolean {
    return existsSync(this.#brokenMark);
  }
}

function save(path: string, value: unknown): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, `${JSON.stringify(value, null, 2)}\n`);
  renameSync(`${path}.new`, path);
}
