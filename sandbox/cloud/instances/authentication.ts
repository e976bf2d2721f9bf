import { timingSafeEqual } from "node:crypto";
import type { AuthContext, ParsedKey } from "ssh2";
import ssh2 from "ssh2";

/** The keys of an `authorized_keys` text that can be read; a line that cannot is skipped, as sshd does. */
export function parseAuthorizedKeys(lines: readonly string[]): ParsedKey[] {
  const keys: ParsedKey[] = [];
  for (const line of lines) {
    const parsed = ssh2.utils.parseKey(line);
    if (!(parsed instanceof Error)) keys.push(parsed);
  }
  return keys;
}

/**
 * Public-key authentication alone: the key must be listed and, once the client signs, the signature must fit.
 */
export function authenticate(context: AuthContext, user: string, keys: readonly ParsedKey[]): void {
  if (context.method !== "publickey") {
    context.reject(["publickey"]);
    return;
  }
  const key = keys.find((candidate) => sameBytes(candidate.getPublicSSH(), context.key.data));
  if (context.username !== user || key === undefined) {
    context.reject(["publickey"]);
    return;
  }
  if (context.signature === undefined || context.blob === undefined) {
    // The client only asks whether this key would do.
    context.accept();
    return;
  }
  if (key.verify(context.blob, context.signature, context.hashAlgo) === true) context.accept();
  else context.reject(["publickey"]);
}

function sameBytes(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
