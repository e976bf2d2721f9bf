import { renameSync, writeFileSync } from "node:fs";
import { z } from "zod";

/** `.slipway/sandbox.json`: where everything is and how to use it, written once all of it is ready. */
export const sandboxJsonSchema = z.object({
  bot: z.string(),
  console: z.string(),
  pids: z.record(z.string(), z.number()),
  dashboardToken: z.string(),
  slack: z.object({
    api: z.string(),
    signingSecret: z.string(),
    botToken: z.string(),
    team: z.string(),
    channel: z.string(),
    user: z.string(),
    users: z.record(z.string(), z.string()),
  }),
  github: z.object({
    api: z.string(),
    webhookSecret: z.string(),
    repository: z.string(),
    pullRequest: z.number(),
    users: z.record(z.string(), z.string()),
  }),
  aws: z.object({
    endpoint: z.string(),
    region: z.string(),
    accessKeyId: z.string(),
    secretAccessKey: z.string(),
  }),
  slots: z.record(
    z.string(),
    z.object({ url: z.string(), targetGroup: z.string(), securityGroup: z.string() }),
  ),
});

export type SandboxJson = z.infer<typeof sandboxJsonSchema>;

/** Writes the whole file or nothing: whoever waits for it never reads half of it. */
export function writeWhole(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
