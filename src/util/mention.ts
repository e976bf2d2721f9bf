/**
 * How Slack names one of its people, from an id as the engine has it (`slack:U0ANN`): `<@U0ANN>`, which Slack shows as
 * the person's own name of today. Null for people of other entrances.
 */
export function mentionOf(personId: string): string | null {
  const user = slackIdOf(personId);
  return user === null ? null : `<@${user}>`;
}

/**
 * The id in Slack of somebody who can be told there: their own, or the one to which the configuration links their login
 * at GitHub. @param people logins by Slack's ids
 */
export function slackUserOf(personId: string, people: Readonly<Record<string, string>>): string | null {
  const login = /^github:(.+)$/.exec(personId)?.[1]?.toLowerCase();
  const linked = Object.keys(people).find((user) => people[user]?.toLowerCase() === login);
  return slackIdOf(personId) ?? (login === undefined ? null : (linked ?? null));
}

function slackIdOf(personId: string): string | null {
  return /^slack:([UW][A-Z0-9]{1,40})$/.exec(personId)?.[1] ?? null;
}
