import { readFileSync } from "node:fs";
import { z } from "zod";
import { startGitHubFront } from "./front.ts";
import { readAppManifest } from "./manifest.ts";

const settings = z.strictObject({
  port: z.number().int(),
  webhookUrl: z.string(),
  webhookSecret: z.string(),
  privateKeyPath: z.string(),
  manifest: z.string(),
});

const { privateKeyPath, manifest, ...rest } = settings.parse(
  JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")),
);
const front = await startGitHubFront({
  ...rest,
  ...readAppManifest(manifest),
  privateKey: readFileSync(privateKeyPath, "utf8"),
});
console.log(`GitHub answers at ${front.url}, pull request ${front.pullRequest}`);
process.on("SIGTERM", () => front.close().finally(() => process.exit(0)));
