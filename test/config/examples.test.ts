import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadConfig } from "../../src/config/index.ts";
import { newKey } from "./helpers.ts";

const FOLDER = join(import.meta.dirname, "../../examples");
const files = readdirSync(FOLDER).filter((name) => name.endsWith(".yml"));

describe("examples", () => {
  test("are there", () => {
    expect(files).toContain("ami-launch.yml");
  });

  test.each(files)("%s loads without a warning, its variables set", (name) => {
    const text = readFileSync(join(FOLDER, name), "utf8");
    const names = [...text.matchAll(/(?<!\$)\$\{([A-Z_][A-Z0-9_]*)(?:[}:])/g)].map((match) => match[1] ?? "");
    const env = Object.fromEntries(
      names.map((one) => [one, one.endsWith("_KEY") ? newKey() : `value-of-${one}`]),
    );
    const result = loadConfig(text, env, { file: name });
    expect(result.ok ? result.loaded.warnings : result.problems).toEqual([]);
    expect(names.length).toBeGreaterThan(0);
    expect(loadConfig(text, {}).ok).toBe(false);
  });
});
