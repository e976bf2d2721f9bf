import { LOG_LEVELS } from "./types.ts";

/** Where a person finds the right value of each setting. */
export const WHERE = {
  SLACK_BOT_TOKEN: "api.slack.com/apps → your app → OAuth & Permissions → Bot User OAuth Token (xoxb-…)",
  SLACK_SIGNING_SECRET: "api.slack.com/apps → your app → Basic Information → Signing Secret",
  SLACK_APP_TOKEN:
    "api.slack.com/apps → your app → Basic Information → App-Level Tokens, with the scope connections:write (xapp-…)",
  SLACK_API_URL: "leave it unset for Slack itself",
  APP_ID: "github.com → Settings → Developer settings → GitHub Apps → your app → About → App ID",
  PRIVATE_KEY:
    "github.com → your GitHub App → Private keys → Generate; the file's text here, or its path in PRIVATE_KEY_PATH",
  PRIVATE_KEY_PATH: "the path of the .pem file that GitHub gave you for the app",
  WEBHOOK_SECRET: "github.com → your GitHub App → Webhook → Secret; the same text in both places",
  GITHUB_API_URL: "leave it unset for github.com; https://HOST/api/v3 for GitHub Enterprise Server",
  DATABASE_URL: "sqlite:PATH of a file on a local disk; sqlite:./slipway.db if left out",
  SLIPWAY_SECRET: "any random text, e.g. of `openssl rand -hex 32`; made by itself if left out",
  PORT: "the port to listen on; 3000 if left out",
  DASHBOARD_TOKEN: "any random text, e.g. of `openssl rand -hex 16`; without it only this machine may look",
  LOG_LEVEL: `one of ${LOG_LEVELS.join(", ")}`,
} as const;
export type SettingName = keyof typeof WHERE;
