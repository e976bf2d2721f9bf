import { t } from "../commands/lib/text.ts";
import { type Refusal, refuse } from "../commands/services.ts";

/** What Slack says about a person, in our words. */
export interface SlackPerson {
  readonly id: string;
  /** The workspace that the account belongs to. */
  readonly team: string | null;
  readonly name: string;
  readonly deleted: boolean;
  readonly bot: boolean;
  /** Single- and multi-channel guests. */
  readonly guest: boolean;
  /** From another organisation, by a shared channel. */
  readonly stranger: boolean;
}

/** Asks Slack. Throws when Slack does not answer; null: Slack knows nobody of this id. */
export interface SlackDirectory {
  person(id: string): Promise<SlackPerson | null>;
  groupMembers(group: string): Promise<readonly string[]>;
}

/** For whom a request, or the account of the one who makes it, is of another workspace than the bot's. */
export function otherWorkspace(): Refusal {
  return refuse(
    "other_workspace",
    t`You belong to another workspace than the one that this bot serves.`,
    t`Ask a member of that workspace to do it for you, or to give you an account there.`,
  );
}

/** Why a person can have no role whatever the configuration says; null: nothing against it. */
export function refusePerson(person: SlackPerson | null, team: string): Refusal | null {
  const ask = t`Ask a member of the workspace.`;
  if (person === null) return refuse("unknown_person", t`Slack does not know you.`, ask);
  if (person.deleted) return refuse("unknown_person", t`Your account is deactivated.`, ask);
  if (person.bot) return refuse("bot_person", t`Bots have no role here.`);
  if (person.stranger || (person.team !== null && person.team !== team)) {
    return otherWorkspace();
  }
  if (person.guest) return refuse("guest", t`Guests have no role here.`, ask);
  return null;
}
