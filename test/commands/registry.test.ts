import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { commandsPage } from "../../commands/docs.ts";
import { commands } from "../../commands/index.ts";
import { notYet } from "../../commands/lib/not-yet.ts";
import { reasonCodes } from "../../commands/reason-codes.ts";

/** Files of `commands/` that are no command. */
const SUPPORT = ["docs.ts", "grammar.ts", "index.ts", "reason-codes.ts", "services.ts"];

describe("the registry", () => {
  it("has every file of the folder, and nothing else", () => {
    const files = readdirSync("commands").filter((name) => name.endsWith(".ts") && !SUPPORT.includes(name));
    expect(commands.map(({ name }) => `${name}.ts`).sort()).toEqual(files.sort());
  });

  it("has each word once", () => {
    const words = [...commands.flatMap(({ name, aliases }) => [name, ...aliases]), ...Object.keys(notYet)];
    expect(new Set(words).size).toBe(words.length);
  });

  it("explains every command and option in a sentence", () => {
    for (const command of commands) {
      expect(command.summary).toMatch(/^[A-Z].*\.$/);
      for (const option of Object.values(command.options)) expect(option.summary).not.toBe("");
    }
  });
});

describe("the documents", () => {
  it("docs/commands.md is what the registry says (node commands/docs.ts writes it)", () => {
    expect(readFileSync("docs/commands.md", "utf8")).toBe(commandsPage());
  });

  it("docs/reason-codes.md lists exactly the codes there are", () => {
    const rows = readFileSync("docs/reason-codes.md", "utf8").matchAll(/^\| `([a-z_]+)` \| (.+) \|$/gm);
    const documented = Object.fromEntries([...rows].map(([, code, meaning]) => [code, meaning]));
    expect(documented).toEqual(reasonCodes);
  });

  it("names every reason that the engine gives", () => {
    const folder = "src/engine";
    const codes = readdirSync(folder).flatMap((file) => {
      const source = readFileSync(`${folder}/${file}`, "utf8");
      return [...source.matchAll(/\brefuse\(\s*"([a-z_]+)"/g)].map(([, code]) => code ?? "");
    });
    expect(codes.length).toBeGreaterThan(5);
    expect(codes.filter((code) => !Object.hasOwn(reasonCodes, code))).toEqual([]);
  });
});
