/** What is said of one sandbox in its files: addresses, credentials, people. */
import { writeFileSync } from "node:fs";
import { APP, GITHUB_PEOPLE, ORGANISATION, REPOSITORY } from "../github/people.ts";
import { CHANNEL, PEOPLE, TEAM } from "../slack/people.ts";
import type { SandboxJson } from "./description.ts";
import { inBase64 } from "./environment.ts";
import type { SandboxFolder } from "./folder.ts";
import { REGION, SLOTS } from "./plan.ts";
import type { PortBlock } from "./ports.ts";
import type { SandboxSecrets } from "./secrets.ts";
import { type Addresses, local, type Services } from "./services.ts";

export async function chooseAddresses(ports: PortBlock): Promise<Addresses> {
  const slotPorts: Record<string, number> = {};
  for (const slot of SLOTS) slotPorts[slot.name] = await ports.next();
  return {
    botPort: await ports.next(),
    slackPort: await ports.next(),
    githubPort: await ports.next(),
    cloudPort: await ports.next(),
    slotPorts,
  };
}

/** Without the page's address and the processes' numbers, which come as they start. */
export function describe(addresses: Addresses, secrets: SandboxSecrets): SandboxJson {
  const users = Object.fromEntries(PEOPLE.map((person) => [person.name, person.id]));
  const slots = SLOTS.map((slot) => [
    slot.name,
    {
      url: local(addresses.slotPorts[slot.name] ?? 0),
      targetGroup: slot.targetGroups[0]?.arn ?? "",
      securityGroup: slot.securityGroup,
    },
  ]);
  return {
    bot: local(addresses.botPort),
    console: "",
    pids: {},
    dashboardToken: secrets.dashboardToken,
    slack: {
      api: `${local(addresses.slackPort)}/api/`,
      signingSecret: secrets.slackSigningSecret,
      botToken: secrets.slackBotToken,
      team: TEAM.id,
      channel: CHANNEL.id,
      user: users.developer ?? "",
      users,
    },
    github: {
      api: local(addresses.githubPort),
      webhookSecret: secrets.webhookSecret,
      repository: `${ORGANISATION}/${REPOSITORY}`,
      pullRequest: 1,
      users: Object.fromEntries(GITHUB_PEOPLE.map((person) => [person.name, person.login])),
    },
    aws: {
      endpoint: local(addresses.cloudPort),
      region: REGION,
      accessKeyId: secrets.accessKeyId,
      secretAccessKey: secrets.secretAccessKey,
    },
    slots: Object.fromEntries(slots),
  };
}

/** Everything that the bot needs; what a production machine would have set, with our addresses. */
export function botEnvironment(
  folder: SandboxFolder,
  addresses: Addresses,
  secrets: SandboxSecrets,
  socketMode: boolean,
): Record<string, string> {
  return {
    SLACK_BOT_TOKEN: secrets.slackBotToken,
    ...(socketMode ? { SLACK_APP_TOKEN: secrets.slackAppToken } : {}),
    SLACK_SIGNING_SECRET: secrets.slackSigningSecret,
    SLACK_API_URL: `${local(addresses.slackPort)}/api/`,
    APP_ID: String(APP.id),
    PRIVATE_KEY_PATH: folder.file("keys", "github-app.pem"),
    WEBHOOK_SECRET: secrets.webhookSecret,
    GITHUB_API_URL: local(addresses.githubPort),
    AWS_ENDPOINT_URL: local(addresses.cloudPort),
    AWS_REGION: REGION,
    AWS_ACCESS_KEY_ID: secrets.accessKeyId,
    AWS_SECRET_ACCESS_KEY: secrets.secretAccessKey,
    // No profile of the machine's own, and no question to a metadata service that is not there.
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
    AWS_EC2_METADATA_DISABLED: "true",
    DATABASE_URL: `sqlite:${folder.file("slipway.db")}`,
    SLIPWAY_CONFIG: folder.file("slipway.yml"),
    SLOT_SSH_KEY: inBase64(secrets.sshPrivateKey),
    E2E_PASSWORD: secrets.e2ePassword,
    HOST: "127.0.0.1",
    PORT: String(addresses.botPort),
    DASHBOARD_TOKEN: secrets.dashboardToken,
    LOG_LEVEL: "info",
  };
}

export function writeKeys(folder: SandboxFolder, secrets: SandboxSecrets): void {
  const mode = 0o600;
  writeFileSync(folder.file("keys", "github-app.pem"), secrets.appPrivateKey, { mode });
  writeFileSync(folder.file("keys", "slot"), secrets.sshPrivateKey, { mode });
  writeFileSync(folder.file("keys", "slot.pub"), `${secrets.sshPublicKey}\n`, { mode });
}

export function pidsOf(services: Services): Record<string, number> {
  const entries = Object.entries(services).map(([name, child]) => [name, child.pid] as const);
  return { ...Object.fromEntries(entries), supervisor: process.pid };
}
