import ssh2 from "ssh2";

export interface SshKeys {
  /** PEM in OpenSSH's own format, unencrypted. */
  readonly private: string;
  /** `ssh-ed25519 AAAA…` */
  readonly public: string;
}

/**
 * A new ed25519 key pair. One in about 250 that the library makes cannot be read, since it takes a leading zero off
 * the public key (https://github.com/mscdex/ssh2/issues/1513): such a pair is not used.
 */
export function newSshKeys(make: () => SshKeys = makePair): SshKeys {
  for (;;) {
    const keys = make();
    if (isReadable(keys.private) && isReadable(keys.public)) return keys;
  }
}

function makePair(): SshKeys {
  return ssh2.utils.generateKeyPairSync("ed25519", { comment: "slipway sandbox" });
}

function isReadable(text: string): boolean {
  return !(ssh2.utils.parseKey(text) instanceof Error);
}
