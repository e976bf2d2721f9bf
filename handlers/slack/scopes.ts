/** The scopes that the bot asks for in `slack.yml`, and what it cannot do without each. */
export const SCOPES: Readonly<Record<string, string>> = {
  commands: "take commands and buttons",
  "channels:history": "find a message again whose posting nobody confirmed",
  "groups:history": "do the same in a private channel",
  "im:history": "do the same in a conversation with one person",
  "im:write": "find that conversation",
  "metadata.message:read": "know such a message by its metadata",
  "chat:write": "say anything",
  "links:read": "notice the address of a run in a message",
  "links:write": "show the run below it",
  "files:write": "show screenshots of failing tests",
  "users:read": "tell guests and strangers from members",
  "usergroups:read": "give roles to user groups",
};
