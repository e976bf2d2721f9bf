import { generateKeyPair, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { SEEDED_PASSWORD } from "../sample/settings.ts";
import { BOT } from "../slack/people.ts";
import { newSshKeys } from "../ssh-keys.ts";

export interface SandboxSecrets {
  readonly slackBotToken: string;
  /** Of Socket Mode. */
  readonly slackAppToken: string;
  readonly slackSigningSecret: string;
  readonly webhookSecret: string;
  readonly dashboardToken: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** The test users' password; the sample application's image was seeded with it. */
  readonly e2ePassword: string;
  /** RSA, PKCS#1 PEM: the GitHub App's key. */
  readonly appPrivateKey: string;
  /** The slots' key pair: ed25519 in OpenSSH's own format, and its public line. */
  readonly sshPrivateKey: string;
  readonly sshPublicKey: string;
}

/** New secrets of every kind, of the shapes that the real ones have. */
export async function makeSecrets(): Promise<SandboxSecrets> {
  const app = await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
  const slot = newSshKeys();
  const hex = (bytes: number) => randomBytes(bytes).toString("hex");
  return {
    slackBotToken: `xoxb-${digits(12)}-${digits(13)}-${hex(12)}`,
    slackAppToken: `xapp-1-${BOT.app}-${digits(13)}-${hex(32)}`,
    slackSigningSecret: hex(16),
    webhookSecret: hex(20),
    dashboardToken: hex(24),
    accessKeyId: `AKIA${hex(8).toUpperCase()}`,
    secretAccessKey: hex(20),
    e2ePassword: SEEDED_PASSWORD,
    appPrivateKey: app.privateKey.export({ type: "pkcs1", format: "pem" }).toString(),
    sshPrivateKey: slot.private,
    sshPublicKey: slot.public,
  };
}

function digits(count: number): string {
  return Array.from(randomBytes(count), (byte) => byte % 10).join("");
}
