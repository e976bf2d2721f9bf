import { withImplied } from "../commands/lib/roles.ts";
import { t } from "../commands/lib/text.ts";
import { type Refusal, refuse } from "../commands/services.ts";
import type { Config, Role } from "../src/config/index.ts";
import type { Person } from "../src/engine/types.ts";
import { formatDuration } from "../src/util/format.ts";
import { LookUpFailedError } from "./lookups.ts";
import { otherWorkspace, refusePerson, type SlackDirectory } from "./people.ts";

/** Who somebody is and what they may do. */
export interface Authority {
  readonly person: Person;
  readonly roles: ReadonlySet<Role>;
  readonly linked: readonly string[];
  /** Why there is no role; null: the configuration gives none, or there are some. */
  readonly withoutRoles: Refusal | null;
}

const NONE: ReadonlySet<Role> = new Set();

export interface SlackAsker {
  readonly userId: string;
  /** The workspace that the request itself names. */
  readonly teamId: string;
  /** What to call the person when Slack cannot be asked. */
  readonly userName: string;
}

/** Looks up a person of Slack. Never throws: a look-up that fails gives no role, and says so. */
export async function slackAuthority(
  directory: SlackDirectory,
  config: Config,
  asker: SlackAsker,
  onFailure: (error: unknown) => void,
): Promise<Authority> {
  const linked = linkedOf(config, asker.userId);
  const id = `slack:${asker.userId}`;
  const team = config.slack?.team;
  const nobody = (name: string, withoutRoles: Refusal): Authority => ({
    person: { id, name },
    roles: NONE,
    linked,
    withoutRoles,
  });
  if (team === undefined || asker.teamId !== team) {
    return nobody(asker.userName, otherWorkspace());
  }
  try {
    const known = await directory.person(asker.userId);
    const name = known?.name ?? asker.userName;
    const refusal = refusePerson(known, team);
    if (refusal) return nobody(name, refusal);
    const roles = await rolesOf(directory, config, asker.userId);
    return { person: { id, name }, roles, linked, withoutRoles: null };
  } catch (error) {
    onFailure(error);
    return nobody(asker.userName, lookUpFailed(error));
  }
}

/** The look-up failed: that says nothing about what the person may do, and everyone is told so. */
function lookUpFailed(error: unknown): Refusal {
  const failed = error instanceof LookUpFailedError ? error : null;
  const what = t`Slack could not be asked ${failed?.subject ?? "who you are"}, so for the moment the bot knows no role of yours.`;
  if (failed?.retryAfterMs == null) {
    return refuse("permission_lookup_failed", what, t`Give the command again in half a minute.`);
  }
  const wait = formatDuration(Math.ceil(failed.retryAfterMs / 1_000) * 1_000);
  return refuse(
    "permission_lookup_failed",
    what,
    t`Slack wants to be left alone for ${wait} (too many questions): give the command again after that.`,
  );
}

/**
 * The highest of maintainer, developer and viewer, and release beside it. People named one by one are looked
 * at first, so that a user group is asked for only when it decides something.
 */
async function rolesOf(
  directory: SlackDirectory,
  config: Config,
  userId: string,
): Promise<ReadonlySet<Role>> {
  const members = config.access.roles;
  const held: Role[] = [];
  for (const role of ["maintainer", "developer", "viewer"] as const) {
    if (await belongs(directory, members[role].slack, userId)) {
      held.push(role);
      break;
    }
  }
  if (await belongs(directory, members.release.slack, userId)) held.push("release");
  return withImplied(held);
}

async function belongs(
  directory: SlackDirectory,
  members: readonly string[],
  userId: string,
): Promise<boolean> {
  if (members.includes("everyone") || members.includes(userId)) return true;
  for (const group of members.filter((member) => member.startsWith("S"))) {
    if ((await directory.groupMembers(group)).includes(userId)) return true;
  }
  return false;
}

function linkedOf(config: Config, userId: string): readonly string[] {
  const login = config.access.people[userId];
  return login === undefined ? [] : [`github:${login}`];
}

/** An operator on the bot's own machine, who could read its database anyway, has every role. */
export function terminalAuthority(user: string): Authority {
  return {
    person: { id: `terminal:${user}`, name: user },
    roles: withImplied(["maintainer", "release"]),
    linked: [],
    withoutRoles: null,
  };
}
