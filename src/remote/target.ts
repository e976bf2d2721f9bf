import { Duplex } from "node:stream";
import { NodeSSH } from "node-ssh";
import { messageOf } from "../util/errors.ts";
import { RemoteError } from "./errors.ts";

/** Where to connect, as whom, and which host key alone is accepted. */
export interface SshTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** PEM (OpenSSH, PKCS #1 or PKCS #8); `\n` written as two characters is understood. */
  readonly privateKey: string;
  /** The pinned public key line, `ssh-ed25519 AAAA…`. */
  readonly hostKey: string;
}

/** A key that came through an environment variable may have lost its line breaks or its last one. */
export function normalisePrivateKey(text: string): string {
  const lines = text.includes("\n") ? text : text.replaceAll("\\n", "\n");
  return `${lines.replaceAll("\r\n", "\n").trim()}\n`;
}

/** What the library says of a key that it cannot use. */
const KEY_COMPLAINT = /Cannot parse privateKey|privateKey value does not contain|passphrase/i;

/** The fault for a key that the library refuses, or nothing when `error` is about something else. */
export function privateKeyFault(error: unknown): RemoteError | undefined {
  const message = messageOf(error);
  if (!KEY_COMPLAINT.test(message)) return undefined;
  const encrypted = /passphrase/i.test(message);
  return new RemoteError(
    "ssh_private_key_invalid",
    encrypted ? "The SSH private key is protected by a passphrase." : "The SSH private key cannot be read.",
    {
      remedy: encrypted
        ? "Give a key without a passphrase (ssh-keygen -p -N '' -f KEY)."
        : "Give the whole PEM text, from -----BEGIN to -----END, with its line breaks.",
    },
  );
}

/**
 * Reads the private key as a connection would, and connects to nothing.
 * @throws RemoteError `ssh_private_key_invalid`
 */
export async function checkPrivateKey(privateKey: string): Promise<void> {
  const ssh = new NodeSSH();
  const nowhere = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const handshake = ssh.connect({
    sock: nowhere,
    username: "nobody",
    privateKey: normalisePrivateKey(privateKey),
    readyTimeout: 0,
    hostVerifier: () => false,
  });
  // The library reads the key before it writes a byte, so a bad key has rejected by the next turn.
  const refused = handshake.then(() => undefined, privateKeyFault);
  ssh.connection?.on("error", () => {});
  const fault = await Promise.race([
    refused,
    new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined))),
  ]);
  ssh.connection?.destroy();
  nowhere.destroy();
  if (fault !== undefined) throw fault;
}
