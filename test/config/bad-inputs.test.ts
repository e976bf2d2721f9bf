import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type ConfigProblem, loadConfig } from "../../src/config/index.ts";
import ROWS, { ENV, withSlot } from "./bad-inputs.ts";

const EXPECTED = join(import.meta.dirname, "bad-inputs.expected.txt");

/** Rewrites the expectations: look at the difference before it is committed. */
if (process.env.WRITE_EXPECTED === "yes") {
  const text = ROWS.map(({ name, text }) => `## ${name}\n${said(text).join("\n")}\n`).join("\n");
  writeFileSync(EXPECTED, text);
}

function said(text: string): string[] {
  const result = loadConfig(text, ENV);
  return result.ok ? ["valid"] : result.problems.map(line);
}

function line({ line, column, path, message, suggestion }: ConfigProblem): string {
  return `${line}:${column} ${path}: ${message}${suggestion === undefined ? "" : ` → ${suggestion}`}`;
}

const expected = new Map(
  readFileSync(EXPECTED, "utf8")
    .split(/^## /m)
    .slice(1)
    .map((block) => {
      const [name = "", ...lines] = block.trimEnd().split("\n");
      return [name, lines] as const;
    }),
);

describe("a wrong configuration", () => {
  test.each(ROWS.map(({ name, text }) => [name, text] as const))("%s", (name, text) => {
    expect(said(text)).toEqual(expected.get(name));
  });

  test("is never taken for a right one, and says at least one thing with a place", () => {
    for (const { name, text } of ROWS) {
      const lines = said(text);
      expect(lines.length, name).toBeGreaterThan(0);
      for (const one of lines) expect(one, name).toMatch(/^[1-9]\d*:[1-9]\d* \S*: \S/);
    }
  });

  test("the rows' common ground is right, so each row's fault is its own", () => {
    expect(said(withSlot())).toEqual(["valid"]);
  });

  test("every expectation has its row, and there are many", () => {
    expect([...expected.keys()]).toEqual(ROWS.map(({ name }) => name));
    expect(ROWS.length).toBeGreaterThan(100);
  });

  test("no message shows a value that came from the environment", () => {
    for (const { text } of ROWS) expect(said(text).join("\n")).not.toContain("planted-secret-word");
  });
});
