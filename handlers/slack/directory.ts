import type { webApi } from "@slack/bolt";
import { z } from "zod";
import type { Clock } from "../../src/util/clock.ts";
import { TimedCache } from "../cache.ts";
import type { SlackDirectory, SlackPerson } from "../people.ts";

const KEEP_MS = 5 * 60_000;

const flag = z.boolean().optional();
/** https://docs.slack.dev/reference/objects/user-object/ */
const user = z.object({
  id: z.string(),
  team_id: z.string().optional(),
  name: z.string().optional(),
  real_name: z.string().optional(),
  deleted: flag,
  is_bot: flag,
  is_restricted: flag,
  is_ultra_restricted: flag,
  is_stranger: flag,
  profile: z.object({ display_name: z.string().optional(), team: z.string().optional() }).optional(),
});

/** Asks Slack with the bot's token, and keeps the answers for five minutes. */
export function createDirectory(client: webApi.WebClient, clock: Clock): SlackDirectory {
  const people = new TimedCache((id) => lookUpPerson(client, id), { clock, keepMs: KEEP_MS });
  const groups = new TimedCache((id) => lookUpGroup(client, id), { clock, keepMs: KEEP_MS });
  return { person: (id) => people.get(id), groupMembers: (id) => groups.get(id) };
}

async function lookUpPerson(client: webApi.WebClient, id: string): Promise<SlackPerson | null> {
  try {
    const answer = await client.users.info({ user: id });
    const found = user.parse(answer.user);
    const shown = [found.profile?.display_name, found.real_name, found.name].find((name) => name);
    return {
      id: found.id,
      team: found.team_id ?? found.profile?.team ?? null,
      name: shown ?? found.id,
      deleted: found.deleted ?? false,
      bot: (found.is_bot ?? false) || found.id === "USLACKBOT",
      guest: (found.is_restricted ?? false) || (found.is_ultra_restricted ?? false),
      stranger: found.is_stranger ?? false,
    };
  } catch (error) {
    if (slackErrorOf(error) === "user_not_found") return null;
    throw error;
  }
}

async function lookUpGroup(client: webApi.WebClient, group: string): Promise<readonly string[]> {
  const answer = await client.usergroups.users.list({ usergroup: group });
  return z.array(z.string()).parse(answer.users);
}

/** The `error` of an answer with `ok: false`; null when it failed otherwise. */
export function slackErrorOf(error: unknown): string | null {
  const parsed = z.object({ data: z.object({ error: z.string() }) }).safeParse(error);
  return parsed.success ? parsed.data.data.error : null;
}
