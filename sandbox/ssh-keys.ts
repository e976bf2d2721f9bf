import { randomBytes } from "node:crypto";
import { deriveHostKey } from "../src/remote/index.ts";

export interface SshKeys {
  /** PEM in OpenSSH's own format, unencrypted. */
  readonly private: string;
  /** `ssh-ed25519 AAAA…` */
  readonly public: string;
}

/**
 * A new ed25519 key pair. Not from the SSH library: one in about 250 of those that it makes cannot be read, since it
 * takes a leading zero off the public key (https://github.com/mscdex/ssh2/issues/1513).
 */
export function newSshKeys(): SshKeys {
  const { privateKeyOpenSsh, publicKeyLine } = deriveHostKey(randomBytes(32), "sandbox");
  return { private: privateKeyOpenSsh, public: publicKeyLine };
}
