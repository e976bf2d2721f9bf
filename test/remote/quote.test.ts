import { execFileSync } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { RemoteError } from "../../src/remote/errors.ts";
import { exportLines, quote } from "../../src/remote/index.ts";

const SHELLS = ["/bin/dash", "/bin/bash"].filter((shell) => existsSync(shell));
const NASTY = "'\"\\`$(){}[]<>|&;*?!#~=%^\n\r\t \x01\x1b\x7f-äß€🛳\u2028\ufeff";

/** Text of characters that mean something to some shell, and of anything else. */
function nastyText(): string {
  const characters = [...NASTY];
  const length = randomInt(0, 40);
  return Array.from({ length }, () =>
    randomInt(5) === 0 ? randomBytes(2).toString("utf16le") : characters[randomInt(characters.length)],
  )
    .join("")
    .replaceAll("\0", "")
    .toWellFormed();
}

/** What a shell makes of words, each ended by NUL. */
function readBack(shell: string, words: readonly string[], quoteWord: (word: string) => string): string[] {
  const script = words.map((word) => `printf '%s\\0' ${quoteWord(word)}`).join("\n");
  return execFileSync(shell, [], { input: script, encoding: "utf8" }).split("\0").slice(0, -1);
}

describe.each(SHELLS)("quoting for %s", (shell) => {
  it("gives back 4,000 random texts exactly", () => {
    const words = Array.from({ length: 4_000 }, nastyText);
    expect(readBack(shell, words, quote)).toEqual(words);
  });

  it("gives back the known dangers exactly", () => {
    const words = ["", "-n", "'", "''", "$(touch /tmp/x)", "`id`", "a\nb", "\\", "!!", "~root", "*", "€'\n'"];
    expect(readBack(shell, words, quote)).toEqual(words);
  });

  it("would notice a quoting that is wrong", () => {
    const words = ["plain", "it is $HOME"];
    expect(readBack(shell, words, (word) => `"${word}"`)).not.toEqual(words);
  });

  it("sets variables to exactly their values", () => {
    const values = Array.from({ length: 300 }, nastyText);
    const env = Object.fromEntries(values.map((value, index) => [`V${index}`, value]));
    const print = values.map((_, index) => `printf '%s\\0' "$V${index}"`).join("\n");
    const output = execFileSync(shell, [], { input: `${exportLines(env)}${print}`, encoding: "utf8" });
    expect(output.split("\0").slice(0, -1)).toEqual(values);
  });
});

it("refuses what no environment can hold", () => {
  expect(() => quote("a\0b")).toThrow(RemoteError);
  expect(() => exportLines({ "A;id": "x" })).toThrow(/cannot be set/);
  expect(() => exportLines({ UID: "x" })).toThrow(/cannot be set/);
  expect(() => exportLines({ A: "x".repeat(200_000) })).toThrow(/120 KiB/);
});
