import { webApi } from "@slack/bolt";
import type { SlackSettings } from "../../src/config/index.ts";
import { SlipwayError } from "../../src/util/errors.ts";

/** Asks Slack who the bot is. Changes nothing. @throws SlipwayError `slack_refused` */
export async function checkSlack(settings: SlackSettings | undefined): Promise<string> {
  if (!settings) return "not set up";
  const options = settings.apiUrl === undefined ? {} : { slackApiUrl: settings.apiUrl };
  const client = new webApi.WebClient(settings.botToken, {
    ...options,
    timeout: 5_000,
    retryConfig: { retries: 0 },
  });
  try {
    const { team, user } = await client.auth.test();
    return `${user} in ${team}`;
  } catch (error) {
    throw new SlipwayError(
      "slack_refused",
      `Slack does not take the token: ${error instanceof Error ? error.message : error}`,
      {
        cause: error,
        remedy: "Copy the Bot User OAuth Token again (OAuth & Permissions) into SLACK_BOT_TOKEN.",
      },
    );
  }
}
