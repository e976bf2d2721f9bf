import ssh2 from "ssh2";
import { newSshKeys } from "../../ssh-keys.ts";

/** A new ed25519 key in OpenSSH's private form. */
export function makeHostKey(): string {
  return newSshKeys().private;
}

/** The keys that images carry: every machine of one image shows the same one, as real images do. */
const baked = new Map<string, string>();

export function bakedHostKey(imageId: string): string {
  let key = baked.get(imageId);
  if (key === undefined) {
    key = makeHostKey();
    baked.set(imageId, key);
  }
  return key;
}

/** Is this text a private key that sshd can use? */
export function isPrivateKey(text: string): boolean {
  const parsed = ssh2.utils.parseKey(text);
  return !(parsed instanceof Error) && parsed.isPrivateKey();
}
