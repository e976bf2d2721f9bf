import { BOT, personByIdOrName, TEAM } from "../people.ts";

/** What every interaction says of who acts, where, and in which app. */
export function actorOf(word: string): {
  readonly id: string;
  readonly payload: Record<string, unknown>;
} {
  const person = personByIdOrName(word);
  const id = person?.id ?? word;
  const team = person?.team ?? TEAM.id;
  const name = person?.name ?? word;
  return {
    id,
    payload: {
      user: { id, username: name, name, team_id: team },
      api_app_id: BOT.app,
      token: "deprecated-verification-token",
      team: { id: team, domain: team === TEAM.id ? TEAM.domain : "elsewhere" },
      enterprise: null,
      is_enterprise_install: false,
    },
  };
}
