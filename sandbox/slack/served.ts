import type { Clock } from "../../src/util/clock.ts";
import { jsonAnswer } from "../front/faulty.ts";
import type { Answer } from "../front/forward.ts";
import { failed } from "./answers.ts";
import type { Conversations } from "./conversations.ts";
import { parsedParameter } from "./parameters.ts";
import { BOT, CHANNEL, GROUPS, OTHER_TEAM, PEOPLE, type Person, TEAM } from "./people.ts";
import { nextTs, type Transcript } from "./transcript.ts";

type Parameters = Readonly<Record<string, unknown>>;

/** Methods that `emulate` lacks, or answers without what we need: served here. Undefined: pass it on. */
export function serveMethod(
  method: string,
  parameters: Parameters,
  parts: { readonly transcript: Transcript; readonly conversations: Conversations; readonly clock: Clock },
): Answer | undefined {
  switch (method) {
    case "api.test":
      return jsonAnswer(200, { ok: true });
    case "users.info": {
      const user = PEOPLE.find((person) => person.id === parameters.user);
      if (user) return jsonAnswer(200, { ok: true, user: profile(user) });
      if (parameters.user === BOT.user) return jsonAnswer(200, { ok: true, user: botProfile() });
      return failed("user_not_found");
    }
    case "users.list":
      return jsonAnswer(200, {
        ok: true,
        members: [...PEOPLE.map(profile), botProfile()],
        response_metadata: { next_cursor: "" },
      });
    case "usergroups.list":
      return jsonAnswer(200, { ok: true, usergroups: GROUPS.map((group) => usergroup(group, parameters)) });
    case "usergroups.users.list": {
      const group = GROUPS.find((candidate) => candidate.id === parameters.usergroup);
      return group ? jsonAnswer(200, { ok: true, users: group.members }) : failed("no_such_subteam");
    }
    case "chat.postEphemeral":
      return postEphemeral(parameters, parts);
    default:
      return undefined;
  }
}

function postEphemeral(
  parameters: Parameters,
  {
    transcript,
    conversations,
    clock,
  }: { readonly transcript: Transcript; readonly conversations: Conversations; readonly clock: Clock },
): Answer {
  const { channel, user, text, blocks, thread_ts: threadTs } = parameters;
  const isDirect = typeof channel === "string" && conversations.personOf(channel) === user;
  if (typeof channel !== "string" || (channel !== CHANNEL.id && !isDirect))
    return failed("channel_not_found");
  const person = PEOPLE.find((candidate) => candidate.id === user);
  if (!person) return failed("user_not_in_channel");
  if (typeof text !== "string" && blocks === undefined) return failed("no_text");
  const ts = nextTs(clock.now());
  transcript.add({
    ts,
    channel,
    user: BOT.user,
    text: typeof text === "string" ? text : "",
    blocks: parsedParameter(blocks),
    threadTs: typeof threadTs === "string" ? threadTs : undefined,
    onlyFor: person.id,
  });
  return jsonAnswer(200, { ok: true, message_ts: ts });
}

/** A user as https://docs.slack.dev/reference/objects/user-object has it, with the flags that decide on roles. */
function profile(person: Person): object {
  const stranger = person.team !== TEAM.id;
  return {
    id: person.id,
    team_id: person.team,
    name: person.name,
    real_name: person.realName,
    deleted: false,
    tz: "Etc/UTC",
    is_admin: false,
    is_owner: false,
    is_primary_owner: false,
    is_restricted: person.guest,
    is_ultra_restricted: person.guest,
    is_bot: false,
    is_app_user: false,
    ...(stranger ? { is_stranger: true, enterprise_user: { id: person.id, enterprise_id: OTHER_TEAM } } : {}),
    updated: 1_700_000_000,
    profile: { real_name: person.realName, display_name: person.name, team: person.team },
  };
}

function botProfile(): object {
  return {
    id: BOT.user,
    team_id: TEAM.id,
    name: BOT.name,
    real_name: "Slipway",
    deleted: false,
    is_restricted: false,
    is_ultra_restricted: false,
    is_bot: true,
    profile: { real_name: "Slipway", display_name: BOT.name, bot_id: BOT.bot, api_app_id: BOT.app },
  };
}

function usergroup(group: (typeof GROUPS)[number], parameters: Parameters): object {
  const withUsers = parameters.include_users === true || parameters.include_users === "true";
  return {
    id: group.id,
    team_id: TEAM.id,
    is_usergroup: true,
    handle: group.handle,
    name: group.name,
    user_count: group.members.length,
    date_delete: 0,
    ...(withUsers ? { users: group.members } : {}),
  };
}
