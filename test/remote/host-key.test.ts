import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import ssh2 from "ssh2";
import { expect, it } from "vitest";
import { deriveHostKey, fingerprintOf, parsePublicKeyLine } from "../../src/remote/index.ts";
import { folder } from "./support/folder.ts";

it("derives a key that ssh-keygen reads, with the public half that it computes itself", () => {
  for (const info of ["run 1", "run 2", "a run with a longer name", ""]) {
    const pair = deriveHostKey("master secret", info);
    const file = join(folder(), "key");
    writeFileSync(file, pair.privateKeyOpenSsh, { mode: 0o600 });
    const computed = execFileSync("ssh-keygen", ["-y", "-f", file], { encoding: "utf8" });
    expect(computed.trim().split(" ").slice(0, 2).join(" ")).toBe(pair.publicKeyLine);
    writeFileSync(`${file}.pub`, `${pair.publicKeyLine}\n`);
    const listed = execFileSync("ssh-keygen", ["-l", "-f", `${file}.pub`], { encoding: "utf8" });
    expect(listed).toContain(fingerprintOf(parsePublicKeyLine(pair.publicKeyLine).blob));
  }
});

it("gives the same key for the same secret and info, and another for any other", () => {
  const key = (secret: string, info: string) => deriveHostKey(secret, info).publicKeyLine;
  expect(key("a", "b")).toBe(key("a", "b"));
  expect(new Set([key("a", "b"), key("a", "c"), key("x", "b"), key("ab", "")]).size).toBe(4);
});

it("ssh-keygen would refuse a damaged key", () => {
  const file = join(folder(), "key");
  const pem = deriveHostKey("a", "b").privateKeyOpenSsh;
  writeFileSync(file, pem.replace(/\n(.)(.)/, "\n$2$1"), { mode: 0o600 });
  expect(() => execFileSync("ssh-keygen", ["-y", "-f", file], { stdio: "pipe" })).toThrow();
});

it("refuses a pin that is no public key line", () => {
  for (const line of [
    "",
    "ssh-ed25519",
    "ssh-ed25519 AAAA",
    "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIA",
    "SHA256:abc",
  ]) {
    expect(() => parsePublicKeyLine(line), line).toThrow(/not a public key line/);
  }
  const line = deriveHostKey("a", "b").publicKeyLine;
  expect(parsePublicKeyLine(`${line} comment`).line).toBe(line);
});

it("derives keys that begin with a zero byte as well as any other: one in 256 does", () => {
  const pairs = Array.from({ length: 2_000 }, (_, index) => deriveHostKey("master secret", `run ${index}`));
  const startOf = ({ publicKeyLine }: { publicKeyLine: string }) =>
    Buffer.from(publicKeyLine.split(" ")[1] ?? "", "base64").at(-32);
  const awkward = pairs.filter((pair) => startOf(pair) === 0);
  expect(awkward.length).toBeGreaterThan(0);
  for (const pair of awkward) {
    const file = join(folder(), "key");
    writeFileSync(file, pair.privateKeyOpenSsh, { mode: 0o600 });
    const computed = execFileSync("ssh-keygen", ["-y", "-f", file], { encoding: "utf8" });
    expect(computed.trim().split(" ").slice(0, 2).join(" ")).toBe(pair.publicKeyLine);
  }
  const unreadable = pairs
    .flatMap(({ privateKeyOpenSsh, publicKeyLine }) => [privateKeyOpenSsh, publicKeyLine])
    .filter((text) => ssh2.utils.parseKey(text) instanceof Error);
  expect(unreadable).toEqual([]);
});
