import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CloudConfigInput } from "../cloud/config.ts";
import type { Child, Children } from "./children.ts";
import { bareEnvironment } from "./environment.ts";
import type { SandboxFolder } from "./folder.ts";
import { untilReady } from "./ready.ts";
import type { SandboxSecrets } from "./secrets.ts";

export const ROOT = join(import.meta.dirname, "..", "..");
const READY_WITHIN_MS = 60_000;

/** The addresses of one sandbox; fixed before anything starts, so that everything can start together. */
export interface Addresses {
  readonly botPort: number;
  readonly slackPort: number;
  readonly githubPort: number;
  readonly cloudPort: number;
  readonly slotPorts: Readonly<Record<string, number>>;
}

export const local = (port: number): string => `http://127.0.0.1:${port}`;

export interface Services {
  readonly cloud: Child;
  readonly slack: Child;
  readonly github: Child;
}

/** Starts the cloud, Slack and GitHub together; resolves when all of them answer. */
export async function startServices(
  children: Children,
  folder: SandboxFolder,
  addresses: Addresses,
  secrets: SandboxSecrets,
  socketMode: boolean,
  cloud: CloudConfigInput,
): Promise<Services> {
  const botUrl = local(addresses.botPort);
  const start = async (name: string, script: string, settings: object, port: number, probe: string) => {
    const file = folder.file(`${name}.config.json`);
    writeFileSync(file, `${JSON.stringify(settings, null, 2)}\n`, { mode: 0o600 });
    const child = await children.start({
      name,
      command: process.execPath,
      args: [join(ROOT, "sandbox", ...script.split("/")), file],
      cwd: ROOT,
      env: bareEnvironment(process.env),
      logFile: folder.file("logs", `${name}.log`),
    });
    await untilReady(child, local(port) + probe, READY_WITHIN_MS);
    return child;
  };
  const slack = {
    port: addresses.slackPort,
    botToken: secrets.slackBotToken,
    ...(socketMode && { appToken: secrets.slackAppToken }),
    signingSecret: secrets.slackSigningSecret,
    botUrl,
    manifest: join(ROOT, "slack.yml"),
  };
  const github = {
    port: addresses.githubPort,
    webhookUrl: `${botUrl}/api/github/webhooks`,
    webhookSecret: secrets.webhookSecret,
    privateKeyPath: folder.file("keys", "github-app.pem"),
    manifest: join(ROOT, "app.yml"),
  };
  const [first, second, third] = await Promise.all([
    start("cloud", "cloud/main.ts", cloud, addresses.cloudPort, "/_sandbox/state"),
    start("slack", "slack/main.ts", slack, addresses.slackPort, "/_sandbox/calls"),
    start("github", "github/main.ts", github, addresses.githubPort, "/_sandbox/calls"),
  ]);
  return { cloud: first, slack: second, github: third };
}
