import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";

const manifestSchema = z.object({
  features: z.object({ slash_commands: z.array(z.object({ command: z.string() })) }),
  oauth_config: z.object({ scopes: z.object({ bot: z.array(z.string()) }) }),
});

export interface SlackManifest {
  readonly scopes: ReadonlySet<string>;
  readonly commands: readonly string[];
}

/** What the app's manifest (`slack.yml`) grants: the front gives the bot no more than a real workspace would. */
export function readManifest(file: string): SlackManifest {
  const manifest = manifestSchema.parse(parse(readFileSync(file, "utf8")));
  return {
    scopes: new Set(manifest.oauth_config.scopes.bot),
    commands: manifest.features.slash_commands.map((entry) => entry.command),
  };
}
