import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "..", "..");

function slipway(args: readonly string[], root = ROOT) {
  const done = spawnSync(process.execPath, [join(root, "src", "cli", "slipway.mjs"), ...args], {
    encoding: "utf8",
  });
  return { code: done.status, out: done.stdout, err: done.stderr };
}

describe("npx slipway", () => {
  test("help lists every word and is no mistake; no word is one", () => {
    const help = slipway(["help"]);
    expect(help.code).toBe(0);
    for (const word of ["start", "check", "schema", "stg", "sandbox", "bench"]) {
      expect(help.out).toMatch(new RegExp(`^  ${word} `, "m"));
    }
    expect(slipway([]).code).toBe(2);
  });

  test.each([
    ["chekc", "Did you mean check?"],
    ["sandbx", "Did you mean sandbox?"],
  ])("an unknown word %s is answered with the nearest, and 2", (word, hint) => {
    const answer = slipway([word]);
    expect(answer.code).toBe(2);
    expect(answer.err).toContain(hint);
    expect(answer.err).toContain("Usage");
  });

  test("a word that is near to none gets the usage alone", () => {
    const answer = slipway(["xylophone"]);
    expect(answer.code).toBe(2);
    expect(answer.err).not.toContain("Did you mean");
  });

  test("a subcommand's exit code is the program's", () => {
    expect(slipway(["schema"]).code).toBe(0);
    expect(slipway(["check", "/no/such/file.yml"]).code).toBe(2);
    expect(slipway(["sandbox", "--prot", "3"]).code).toBe(2);
  });

  test("a reader that has read enough is no fault", () => {
    const program = `"${process.execPath}" "${join(ROOT, "src", "cli", "slipway.mjs")}" schema`;
    const done = spawnSync("sh", ["-c", `${program} | head -c 20`], { encoding: "utf8" });
    expect([done.stdout.slice(0, 1), done.stderr]).toEqual(["{", ""]);
  });

  test("in the image, which has no sandbox/ at all, it says so too", () => {
    const root = mkdtempSync(join(tmpdir(), "slipway-image-"));
    cpSync(join(ROOT, "src"), join(root, "src"), { recursive: true });
    mkdirSync(join(root, "node_modules"));
    symlinkSync(
      join(ROOT, "node_modules", "fastest-levenshtein"),
      join(root, "node_modules", "fastest-levenshtein"),
    );
    const answer = slipway(["sandbox"], root);
    rmSync(root, { recursive: true, force: true });
    expect(answer.code).toBe(2);
    expect(answer.err).toContain("needs the folder sandbox/");
  });

  test("the sandbox in a production install says what is missing and what to do", () => {
    const root = mkdtempSync(join(tmpdir(), "slipway-production-"));
    for (const part of ["src", "sandbox", "package.json"]) {
      cpSync(join(ROOT, part), join(root, part), { recursive: true });
    }
    mkdirSync(join(root, "node_modules"));
    for (const kept of ["fastest-levenshtein", "yaml", "zod"]) {
      symlinkSync(join(ROOT, "node_modules", kept), join(root, "node_modules", kept));
    }
    writeFileSync(join(root, ".npmrc"), "");
    const answer = slipway(["sandbox"], root);
    rmSync(root, { recursive: true, force: true });
    expect(answer.code).toBe(2);
    expect(answer.err).toMatch(/needs the package ssh2.*production install/s);
    expect(answer.err).toContain("npm ci");
  });
});
