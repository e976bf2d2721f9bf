import { readFileSync } from "node:fs";
import { z } from "zod";
import { startSlackFront } from "./front.ts";

const settings = z.strictObject({
  port: z.number().int(),
  botToken: z.string(),
  /** Turns Socket Mode on. */
  appToken: z.string().optional(),
  signingSecret: z.string(),
  botUrl: z.string(),
  manifest: z.string(),
});

const front = await startSlackFront(settings.parse(JSON.parse(readFileSync(process.argv[2] ?? "", "utf8"))));
console.log(`Slack answers at ${front.url}/api/`);
process.on("SIGTERM", () => front.close().finally(() => process.exit(0)));
