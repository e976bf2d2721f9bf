import { hkdfSync, randomBytes } from "node:crypto";
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { SlipwayError } from "../util/errors.ts";

const SHORTEST = 16;

/**
 * The master secret: from the environment, else from a file beside the database that only its owner can read,
 * made at the first start. Host keys of running instances are derived from it: who loses it, loses them.
 *
 * @throws SlipwayError `secret_exposed` when others may read the file, `secret_too_short`.
 */
export function masterSecret(fromEnvironment: string | undefined, databaseFile: string): string {
  if (fromEnvironment !== undefined) return longEnough(fromEnvironment, "SLIPWAY_SECRET");
  const file = secretFile(databaseFile);
  if (!existsSync(file)) {
    writeFileSync(file, `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600, flag: "wx" });
    chmodSync(file, 0o600);
  }
  if ((statSync(file).mode & 0o077) !== 0) {
    throw new SlipwayError("secret_exposed", `Others than its owner may read the master secret in ${file}.`, {
      remedy: `Run: chmod 600 ${file}`,
    });
  }
  return longEnough(readFileSync(file, "utf8").trim(), file);
}

export function secretFile(databaseFile: string): string {
  return `${databaseFile}.secret`;
}

/** A key for one purpose, hexadecimal: knowing it tells nothing about the master secret or other keys. */
export function derivedKey(master: string, purpose: string): string {
  return Buffer.from(hkdfSync("sha256", master, "", `slipway ${purpose}`, 32)).toString("hex");
}

function longEnough(secret: string, where: string): string {
  if (secret.length >= SHORTEST) return secret;
  throw new SlipwayError(
    "secret_too_short",
    `The master secret in ${where} has fewer than ${SHORTEST} characters.`,
    {
      remedy: "Use a long random one, e.g. from: openssl rand -base64 32",
    },
  );
}
