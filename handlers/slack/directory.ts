import type { webApi } from "@slack/bolt";
import type { Logger } from "pino";
import { z } from "zod";
import type { Guard } from "../../src/engine/guard.ts";
import type { Clock } from "../../src/util/clock.ts";
import { messageOf } from "../../src/util/errors.ts";
import { Lookups } from "../lookups.ts";
import type { SlackDirectory, SlackPerson } from "../people.ts";

/** A person who leaves, or leaves a group, loses the role within this, in ms. */
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

/** As an answer is kept. */
const slackPerson = z.object({
  id: z.string(),
  team: z.string().nullable(),
  name: z.string(),
  deleted: z.boolean(),
  bot: z.boolean(),
  guest: z.boolean(),
  stranger: z.boolean(),
}) satisfies z.ZodType<SlackPerson>;

/** Asks Slack with the bot's token, and keeps the answers for five minutes, over restarts too. */
export function createDirectory(
  client: webApi.WebClient,
  parts: { readonly guard: Guard; readonly clock: Clock; readonly log: Logger },
): SlackDirectory {
  const shared = { ...parts, pauseOf: retryAfterMsOf, keepMs: KEEP_MS };
  const people = new Lookups({
    ...shared,
    source: "slack:users.info",
    subject: "who you are",
    schema: slackPerson.nullable(),
    look: (id) => lookUpPerson(client, id),
  });
  const groups = new Lookups({
    ...shared,
    source: "slack:usergroups.users.list",
    subject: "which user groups you are in",
    schema: z.array(z.string()).readonly(),
    look: (id) => lookUpGroup(client, id),
  });
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

/** Slack's reasons are single words, as `channel_not_found`. */
const WORD = /^[a-z][a-z0-9_]*$/;
const answered = z.object({ data: z.object({ error: z.string() }) });

/**
 * The word of an answer with `ok: false`; null when the call failed otherwise: then it may have had its effect. The
 * client puts the body of an answer that is no JSON, cut off on its way for instance, where Slack's word stands.
 */
export function slackErrorOf(error: unknown): string | null {
  const said = answered.safeParse(error).data?.data.error;
  return said !== undefined && WORD.test(said) ? said : null;
}

/** What went wrong, for people: an answer that cannot be read is never shown as it came. */
export function troubleOf(error: unknown): string {
  const isUnreadable = slackErrorOf(error) === null && answered.safeParse(error).success;
  return isUnreadable ? "Slack's answer could not be read" : messageOf(error);
}

/** How long Slack asks to wait (Retry-After), in ms; null when it does not say. */
export function retryAfterMsOf(error: unknown): number | null {
  const parsed = z.object({ retryAfter: z.number() }).safeParse(error);
  return parsed.success ? parsed.data.retryAfter * 1_000 : null;
}
