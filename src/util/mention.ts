/**
 * How Slack names one of its people, from an id as the engine has it (`slack:U0ANN`): `<@U0ANN>`, which Slack shows as
 * the person's own name of today. Null for people of other entrances.
 */
export function mentionOf(personId: string): string | null {
  const user = /^slack:([UW][A-Z0-9]{1,40})$/.exec(personId)?.[1];
  return user === undefined ? null : `<@${user}>`;
}
