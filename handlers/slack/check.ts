import { webApi } from "@slack/bolt";
import type { SlackSettings } from "../../src/config/index.ts";
import { SlipwayError } from "../../src/util/errors.ts";
import { slackErrorOf, troubleOf } from "./directory.ts";
import { SCOPES } from "./scopes.ts";

/**
 * Asks Slack who the bot is, what it may do and whether it is in its channel. Changes nothing.
 *
 * @throws SlipwayError `slack_refused`, `slack_scopes_missing`, `slack_not_in_channel`
 */
export async function checkSlack(
  settings: SlackSettings | undefined,
  channel: string | null,
): Promise<string> {
  if (!settings) return "not set up";
  const options = settings.apiUrl === undefined ? {} : { slackApiUrl: settings.apiUrl };
  const client = new webApi.WebClient(settings.botToken, {
    ...options,
    timeout: 5_000,
    retryConfig: { retries: 0 },
  });
  const { team, user, response_metadata: metadata } = await authenticate(client);
  requireScopes(metadata?.scopes);
  if (channel !== null) await requireChannel(client, channel);
  return `${user} in ${team}${channel === null ? "" : `, reads and writes ${channel}`}`;
}

async function authenticate(client: webApi.WebClient): Promise<webApi.AuthTestResponse> {
  try {
    return await client.auth.test();
  } catch (error) {
    throw new SlipwayError("slack_refused", `Slack does not take the token: ${troubleOf(error)}`, {
      cause: error,
      remedy: "Copy the Bot User OAuth Token again (OAuth & Permissions) into SLACK_BOT_TOKEN.",
    });
  }
}

/** @param granted as Slack tells of every answer; undefined where it does not */
function requireScopes(granted: readonly string[] | undefined): void {
  if (granted === undefined || granted.length === 0) return;
  const missing = Object.entries(SCOPES).filter(([scope]) => !granted.includes(scope));
  if (missing.length === 0) return;
  const without = missing.map(([scope, what]) => `${scope} (to ${what})`).join(", ");
  throw new SlipwayError("slack_scopes_missing", `The token lacks scopes: ${without}.`, {
    remedy: "Paste slack.yml into the app's manifest again, and install the app again.",
  });
}

async function requireChannel(client: webApi.WebClient, channel: string): Promise<void> {
  try {
    await client.conversations.history({ channel, limit: 1 });
  } catch (error) {
    const said = slackErrorOf(error) ?? troubleOf(error);
    throw new SlipwayError("slack_not_in_channel", `The bot cannot use the channel ${channel}: ${said}.`, {
      cause: error,
      remedy:
        "Invite it there (/invite @slipway), and see that slack.channel in slipway.yml is the channel's id.",
    });
  }
}
