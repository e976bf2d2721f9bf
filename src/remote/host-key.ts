import { createHash, createPrivateKey, createPublicKey, hkdfSync } from "node:crypto";
import { RemoteError } from "./errors.ts";

const ED25519 = "ssh-ed25519";
/** PKCS #8 wrapping of a raw ed25519 seed (RFC 8410, section 7). */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const KEY_TYPES: readonly string[] = [
  ED25519,
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "ssh-rsa",
];

export interface HostKeyPair {
  /** PEM of the form `-----BEGIN OPENSSH PRIVATE KEY-----`, unencrypted. */
  readonly privateKeyOpenSsh: string;
  /** `ssh-ed25519 AAAA…`, as in `known_hosts` after the host's name. */
  readonly publicKeyLine: string;
}

/**
 * The host key of a machine that does not exist yet: HKDF-SHA256 of the installation's master secret, so that
 * the private half never has to be stored. The same secret and info always give the same key.
 * @param info what tells this key from all others, e.g. the run's uuid and the launch's generation.
 */
export function deriveHostKey(masterSecret: string | Buffer, info: string): HostKeyPair {
  const seed = derive(masterSecret, `slipway host key ed25519\0${info}`, 32);
  const check = derive(masterSecret, `slipway host key check\0${info}`, 4);
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: "der", type: "pkcs8" });
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  const point = spki.subarray(spki.length - 32);
  const blob = Buffer.concat([sshString(ED25519), sshString(point)]);
  return {
    privateKeyOpenSsh: openSshPem(blob, point, seed, check),
    publicKeyLine: `${ED25519} ${blob.toString("base64")}`,
  };
}

function derive(secret: string | Buffer, info: string, length: number): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, "", info, length));
}

/** The file format is that of OpenSSH's PROTOCOL.key: one unencrypted key, padded to blocks of eight. */
function openSshPem(blob: Buffer, point: Buffer, seed: Buffer, check: Buffer): string {
  const fields = [
    check,
    check,
    sshString(ED25519),
    sshString(point),
    sshString(Buffer.concat([seed, point])),
  ];
  const secret = Buffer.concat([...fields, sshString("slipway")]);
  const padding = Buffer.from(Array.from({ length: (8 - (secret.length % 8)) % 8 }, (_, index) => index + 1));
  const body = Buffer.concat([
    Buffer.from("openssh-key-v1\0"),
    sshString("none"),
    sshString("none"),
    sshString(""),
    uint32(1),
    sshString(blob),
    sshString(Buffer.concat([secret, padding])),
  ]);
  const lines = body.toString("base64").match(/.{1,70}/g) ?? [];
  return ["-----BEGIN OPENSSH PRIVATE KEY-----", ...lines, "-----END OPENSSH PRIVATE KEY-----", ""].join(
    "\n",
  );
}

function sshString(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint32(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export interface PinnedKey {
  readonly type: string;
  readonly blob: Buffer;
  readonly fingerprint: string;
  /** `type base64`, without a comment. */
  readonly line: string;
}

/**
 * Reads a public key line such as `ssh-ed25519 AAAA… comment`.
 * @throws RemoteError `ssh_host_key_invalid`
 */
export function parsePublicKeyLine(line: string): PinnedKey {
  const [type = "", base64 = ""] = line.trim().split(/\s+/);
  const blob = Buffer.from(base64, "base64");
  const named = blob.length > 4 ? blob.subarray(4, 4 + blob.readUInt32BE(0)).toString("latin1") : "";
  if (!KEY_TYPES.includes(type) || named !== type) {
    throw new RemoteError("ssh_host_key_invalid", "The pinned SSH host key is not a public key line.", {
      remedy: 'Give it as "ssh-ed25519 AAAA…", as ssh-keyscan prints it after the host\'s name.',
      fields: { given: line.slice(0, 120) },
    });
  }
  return { type, blob, fingerprint: fingerprintOf(blob), line: `${type} ${blob.toString("base64")}` };
}

/** `SHA256:…` as OpenSSH prints it. */
export function fingerprintOf(blob: Buffer): string {
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}

/** The algorithms to ask a server for, the pinned type first, so that a host with several keys shows that one. */
export function hostKeyAlgorithms(pinnedType: string): string[] {
  const of = (type: string) => (type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [type]);
  return [pinnedType, ...KEY_TYPES.filter((type) => type !== pinnedType)].flatMap(of);
}
