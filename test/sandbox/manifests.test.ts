import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";

const ROOT = join(import.meta.dirname, "..", "..");

/** The parts of https://docs.slack.dev/reference/app-manifest that we use, with its own limits. */
const slackManifest = z.strictObject({
  _metadata: z.strictObject({ major_version: z.literal(1) }),
  display_information: z.strictObject({
    name: z.string().max(35),
    description: z.string().max(140),
    background_color: z.string().regex(/^#[0-9a-f]{6}$/),
  }),
  features: z.strictObject({
    app_home: z.strictObject({
      home_tab_enabled: z.boolean(),
      messages_tab_enabled: z.boolean(),
      messages_tab_read_only_enabled: z.boolean(),
    }),
    bot_user: z.strictObject({ display_name: z.string().max(80), always_online: z.boolean() }),
    unfurl_domains: z.array(z.string()),
    slash_commands: z.array(
      z.strictObject({
        command: z.string().regex(/^\/[a-z0-9_-]{1,31}$/),
        url: z.url(),
        description: z.string().max(2000),
        usage_hint: z.string().max(1000),
        should_escape: z.boolean(),
      }),
    ),
  }),
  oauth_config: z.strictObject({ scopes: z.strictObject({ bot: z.array(z.string()).max(255) }) }),
  settings: z.strictObject({
    event_subscriptions: z.strictObject({ request_url: z.url(), bot_events: z.array(z.string()) }),
    interactivity: z.strictObject({ is_enabled: z.boolean(), request_url: z.url() }),
    org_deploy_enabled: z.boolean(),
    socket_mode_enabled: z.boolean(),
    token_rotation_enabled: z.boolean(),
  }),
});

const gitHubManifest = z.strictObject({
  name: z.string().max(34),
  description: z.string(),
  url: z.url(),
  hook_attributes: z.strictObject({ url: z.url(), active: z.boolean() }),
  public: z.boolean(),
  default_events: z.array(z.string()),
  default_permissions: z.record(z.string(), z.enum(["read", "write"])),
});

/** Which permission an event needs: https://docs.github.com/webhooks/webhook-events-and-payloads */
const NEEDED: Record<string, string> = {
  check_run: "checks",
  issue_comment: "issues",
  pull_request: "pull_requests",
  push: "contents",
  workflow_run: "actions",
};

const load = (file: string): unknown => parse(readFileSync(join(ROOT, file), "utf8"));

test("Slack's manifest is valid and asks for no more than is explained", () => {
  const manifest = slackManifest.parse(load("slack.yml"));
  expect(manifest.oauth_config.scopes.bot).toEqual([
    "commands",
    "channels:history",
    "groups:history",
    "im:history",
    "im:write",
    "metadata.message:read",
    "chat:write",
    "links:read",
    "links:write",
    "files:write",
    "users:read",
    "usergroups:read",
  ]);
  expect(manifest.features.slash_commands.map((one) => one.command)).toEqual(["/stg"]);
});

test("GitHub's manifest is valid, and each event has its permission", () => {
  const manifest = gitHubManifest.parse(load("app.yml"));
  for (const event of manifest.default_events) {
    expect(Object.keys(manifest.default_permissions)).toContain(NEEDED[event]);
  }
  expect(manifest.default_permissions).not.toHaveProperty("administration");
  expect(manifest.default_permissions.contents).toBe("read");
});
