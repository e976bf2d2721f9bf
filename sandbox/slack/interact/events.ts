import { randomBytes } from "node:crypto";
import { z } from "zod";
import type { Delivered } from "../delivery/delivery.ts";
import type { SlackManifest } from "../manifest.ts";
import { BOT, CHANNEL, TEAM } from "../people.ts";
import { nextTs } from "../transcript.ts";
import type { InteractionParts, NotSent } from "./action.ts";
import { actorOf } from "./person.ts";

const repeated = {
  /** That of an earlier delivery, to send the same event once more. */
  eventId: z.string().optional(),
};

export const homeSchema = z.strictObject({
  user: z.string(),
  tab: z.enum(["home", "messages"]).default("home"),
  ...repeated,
});

export const saySchema = z.strictObject({
  user: z.string(),
  text: z.string().min(1),
  channel: z.string().default(CHANNEL.id),
  threadTs: z.string().optional(),
  ...repeated,
});

export interface Told extends Delivered {
  readonly eventId: string;
}

export interface EventParts extends InteractionParts {
  readonly manifest: SlackManifest;
  /** The host that stands in for the manifest's own unfurl domains: the bot's. */
  readonly botHost: string;
}

/** A person opens the app's home: https://docs.slack.dev/reference/events/app_home_opened */
export async function openHome(
  { user, tab, eventId }: z.output<typeof homeSchema>,
  parts: EventParts,
): Promise<Told | NotSent> {
  if (!parts.manifest.events.has("app_home_opened")) return notSubscribed("app_home_opened");
  if (tab === "home" && !parts.manifest.homeTab) {
    return { error: "no_home_tab", message: "slack.yml does not enable the home tab" };
  }
  const { id } = actorOf(user);
  const view = parts.views.home(id);
  const channel = await parts.conversations.direct(id);
  const event = {
    type: "app_home_opened",
    user: id,
    channel,
    tab,
    ...(view && tab === "home" ? { view } : {}),
  };
  return tell(event, eventId, parts);
}

/** A person writes a message. Links to the app's domains are told to it: reference/events/link_shared */
export async function say(
  { user, text, channel: word, threadTs, eventId }: z.output<typeof saySchema>,
  parts: EventParts,
): Promise<(Told | NotSent) & { readonly ts: string }> {
  const { id } = actorOf(user);
  const channel = await parts.conversations.resolve(word);
  const ts = nextTs(parts.clock.now());
  parts.transcript.add({ ts, channel, user: id, text, threadTs, onlyFor: null });
  const links = linksIn(text, parts);
  if (links.length === 0) return { ts, error: "no_links", message: "Nothing in it is for the app" };
  const { manifest } = parts;
  if (!manifest.events.has("link_shared") || !manifest.scopes.has("links:read")) {
    return { ts, ...notSubscribed("link_shared") };
  }
  const event = {
    type: "link_shared",
    channel,
    is_bot_user_member: true,
    user: id,
    message_ts: ts,
    ...(threadTs === undefined ? {} : { thread_ts: threadTs }),
    unfurl_id: `${BOT.app}.${ts}.${randomBytes(16).toString("hex")}`,
    source: "conversations_history",
    links,
  };
  return { ts, ...(await tell(event, eventId, parts)) };
}

/** https://docs.slack.dev/apis/events-api: the wrapper of every event. */
async function tell(event: object, given: string | undefined, parts: EventParts): Promise<Told> {
  const now = parts.clock.now();
  const eventId = given ?? `Ev${randomBytes(5).toString("hex").toUpperCase()}`;
  const payload = {
    token: "deprecated-verification-token",
    team_id: TEAM.id,
    context_team_id: TEAM.id,
    context_enterprise_id: null,
    api_app_id: BOT.app,
    event: { ...event, event_ts: nextTs(now) },
    type: "event_callback",
    event_id: eventId,
    event_time: Math.floor(now / 1000),
    authorizations: [
      {
        enterprise_id: null,
        team_id: TEAM.id,
        user_id: BOT.user,
        is_bot: true,
        is_enterprise_install: false,
      },
    ],
    is_ext_shared_channel: false,
    event_context: `4-${randomBytes(12).toString("hex")}`,
  };
  const again =
    given === undefined ? {} : { "x-slack-retry-num": "1", "x-slack-retry-reason": "http_timeout" };
  return { ...(await parts.delivery.send("events_api", payload, again)), eventId };
}

function linksIn(text: string, { manifest, botHost }: EventParts): { domain: string; url: string }[] {
  const found = text.match(/https?:\/\/[^\s<>|]+/g) ?? [];
  return found.flatMap((url) => {
    const { host, hostname } = new URL(url);
    const isOurs =
      (host === botHost && manifest.unfurlDomains.length > 0) ||
      manifest.unfurlDomains.some((domain) => hostname === domain || hostname.endsWith(`.${domain}`));
    return isOurs ? [{ domain: hostname, url }] : [];
  });
}

function notSubscribed(event: string): NotSent {
  return { error: "not_subscribed", message: `slack.yml does not subscribe to ${event}` };
}
