import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";

const manifestSchema = z.object({
  features: z.object({
    slash_commands: z.array(z.object({ command: z.string() })),
    unfurl_domains: z.array(z.string()).default([]),
    app_home: z
      .object({
        home_tab_enabled: z.boolean().default(false),
        messages_tab_enabled: z.boolean().default(true),
      })
      .prefault({}),
  }),
  oauth_config: z.object({ scopes: z.object({ bot: z.array(z.string()) }) }),
  settings: z
    .object({
      event_subscriptions: z.object({ bot_events: z.array(z.string()).default([]) }).prefault({}),
      interactivity: z.object({ is_enabled: z.boolean().default(false) }).prefault({}),
    })
    .prefault({}),
});

export interface SlackManifest {
  readonly scopes: ReadonlySet<string>;
  readonly commands: readonly string[];
  /** The events that the app gets. */
  readonly events: ReadonlySet<string>;
  /** Whether buttons and modals send anything. */
  readonly interactivity: boolean;
  readonly homeTab: boolean;
  readonly unfurlDomains: readonly string[];
}

/** What the app's manifest (`slack.yml`) grants: the front gives the bot no more than a real workspace would. */
export function readManifest(file: string): SlackManifest {
  const { features, oauth_config, settings } = manifestSchema.parse(parse(readFileSync(file, "utf8")));
  return {
    scopes: new Set(oauth_config.scopes.bot),
    commands: features.slash_commands.map((entry) => entry.command),
    events: new Set(settings.event_subscriptions.bot_events),
    interactivity: settings.interactivity.is_enabled,
    homeTab: features.app_home.home_tab_enabled,
    unfurlDomains: features.unfurl_domains,
  };
}
