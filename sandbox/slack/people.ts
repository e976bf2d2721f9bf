/** The workspace of the sandbox: its people, groups and the one channel. Ids are fixed, so that files can name them. */

/** The emulator's own first team and first channel; neither id can be chosen there. */
export const TEAM = { id: "T000000001", name: "Acme", domain: "acme" } as const;
export const CHANNEL = { id: "C000000001", name: "staging" } as const;
export const OTHER_TEAM = "T0ELSEWHERE";
export const BOT = { user: "U0SLIPWAY", bot: "B0SLIPWAY", app: "A0SLIPWAY", name: "slipway" } as const;

export const PERSON_NAMES = [
  "viewer",
  "developer",
  "developer2",
  "maintainer",
  "release",
  "outsider",
] as const;
export type PersonName = (typeof PERSON_NAMES)[number];

export interface Person {
  readonly id: string;
  readonly name: PersonName;
  readonly realName: string;
  /** A guest of one channel; guests have no role. */
  readonly guest: boolean;
  readonly team: string;
}

export const PEOPLE: readonly Person[] = [
  { id: "U0VIEWER", name: "viewer", realName: "Vera Viewer", guest: false, team: TEAM.id },
  { id: "U0DEVELOPER", name: "developer", realName: "Devi Developer", guest: false, team: TEAM.id },
  { id: "U0DEVELOPER2", name: "developer2", realName: "Deniz Developer", guest: false, team: TEAM.id },
  { id: "U0MAINTAINER", name: "maintainer", realName: "Mai Maintainer", guest: false, team: TEAM.id },
  { id: "U0RELEASE", name: "release", realName: "Rel Release", guest: false, team: TEAM.id },
  { id: "U0OUTSIDER", name: "outsider", realName: "Otto Outsider", guest: true, team: OTHER_TEAM },
];

export interface UserGroup {
  readonly id: string;
  readonly handle: string;
  readonly name: string;
  readonly members: readonly string[];
}

export const GROUPS: readonly UserGroup[] = [
  { id: "S0DEVELOPERS", handle: "developers", name: "Developers", members: ["U0DEVELOPER", "U0DEVELOPER2"] },
  { id: "S0MAINTAINERS", handle: "maintainers", name: "Maintainers", members: ["U0MAINTAINER"] },
  { id: "S0RELEASE", handle: "release-managers", name: "Release managers", members: ["U0RELEASE"] },
];

export function personById(id: string): Person | undefined {
  return PEOPLE.find((person) => person.id === id);
}

export function personByIdOrName(word: string): Person | undefined {
  return PEOPLE.find((person) => person.id === word || person.name === word);
}
