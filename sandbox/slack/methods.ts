/**
 * Slack's Web API methods that the front lets through: the scopes each needs and how often it may be called.
 * Source: the "Facts" table of each method's page, and https://docs.slack.dev/apis/web-api/rate-limits
 * (tier 1: 1+ a minute, tier 2: 20+, tier 3: 50+, tier 4: 100+; chat.postMessage: 1 a second and channel).
 */
export const TIERS = { tier1: 1, tier2: 20, tier3: 50, tier4: 100, special: 600 } as const;
export type Tier = keyof typeof TIERS;

export interface MethodFacts {
  /** Each entry must hold; within an entry, one of the scopes is enough. */
  readonly scopes: readonly (readonly string[])[];
  readonly tier: Tier;
}

const READ_CHANNEL = ["channels:read", "groups:read", "im:read", "mpim:read"];
const READ_HISTORY = ["channels:history", "groups:history", "im:history", "mpim:history"];
const OPEN_CONVERSATION = ["im:write", "mpim:write", "channels:manage", "groups:write"];

const TABLE: Record<string, MethodFacts> = {
  "api.test": { scopes: [], tier: "special" },
  "auth.test": { scopes: [], tier: "special" },
  "bots.info": { scopes: [["users:read"]], tier: "tier3" },
  "team.info": { scopes: [["team:read"]], tier: "tier3" },
  "chat.postMessage": { scopes: [["chat:write"]], tier: "special" },
  "chat.update": { scopes: [["chat:write"]], tier: "tier3" },
  "chat.delete": { scopes: [["chat:write"]], tier: "tier3" },
  "chat.postEphemeral": { scopes: [["chat:write"]], tier: "tier4" },
  "chat.unfurl": { scopes: [["links:write"]], tier: "tier3" },
  "chat.getPermalink": { scopes: [], tier: "special" },
  "conversations.list": { scopes: [READ_CHANNEL], tier: "tier2" },
  "conversations.info": { scopes: [READ_CHANNEL], tier: "tier3" },
  "conversations.members": { scopes: [READ_CHANNEL], tier: "tier4" },
  "conversations.history": { scopes: [READ_HISTORY], tier: "tier3" },
  "conversations.replies": { scopes: [READ_HISTORY], tier: "tier3" },
  "conversations.join": { scopes: [["channels:join"]], tier: "tier3" },
  "conversations.open": { scopes: [OPEN_CONVERSATION], tier: "tier3" },
  "users.info": { scopes: [["users:read"]], tier: "tier4" },
  "users.list": { scopes: [["users:read"]], tier: "tier2" },
  "users.profile.get": { scopes: [["users.profile:read"]], tier: "tier4" },
  "usergroups.list": { scopes: [["usergroups:read"]], tier: "tier2" },
  "usergroups.users.list": { scopes: [["usergroups:read"]], tier: "tier2" },
  "reactions.add": { scopes: [["reactions:write"]], tier: "tier3" },
  "reactions.remove": { scopes: [["reactions:write"]], tier: "tier2" },
  "reactions.get": { scopes: [["reactions:read"]], tier: "tier3" },
  "files.getUploadURLExternal": { scopes: [["files:write"]], tier: "tier4" },
  "files.completeUploadExternal": { scopes: [["files:write"]], tier: "tier4" },
  "files.info": { scopes: [["files:read"]], tier: "tier4" },
  "files.delete": { scopes: [["files:write"]], tier: "tier3" },
  // For an app-level token with connections:write, which the bot's scopes do not hold.
  "apps.connections.open": { scopes: [], tier: "tier3" },
  "views.open": { scopes: [], tier: "tier4" },
  "views.push": { scopes: [], tier: "tier4" },
  "views.update": { scopes: [], tier: "tier4" },
  "views.publish": { scopes: [], tier: "tier4" },
};

export const METHODS: ReadonlyMap<string, MethodFacts> = new Map(Object.entries(TABLE));

/** The first missing requirement, as Slack writes it in `needed`; undefined when the scopes are enough. */
export function missingScope(facts: MethodFacts, granted: ReadonlySet<string>): string | undefined {
  const missing = facts.scopes.find((oneOf) => !oneOf.some((scope) => granted.has(scope)));
  return missing?.join(",");
}
