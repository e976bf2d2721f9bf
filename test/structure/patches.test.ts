import { globSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";

/** Controls change the bot's own text as it is loaded: what they look for must be there, or they control nothing. */

const ROOT = join(import.meta.dirname, "../..");
const PATCH =
  /file:\s*("(?:src|commands|handlers|db)\/[^"]+\.ts"),\s*find:\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`)/g;

function patchesIn(text: string): { file: string; find: string }[] {
  return [...text.matchAll(PATCH)].map(([, file = "", find = ""]) => ({
    file: runInNewContext(file),
    find: runInNewContext(find),
  }));
}

function stale(patches: readonly { file: string; find: string }[]): string[] {
  const missing = patches.filter(({ file, find }) => !readFileSync(join(ROOT, file), "utf8").includes(find));
  return missing.map(({ file, find }) => `“${find}” is not in ${file}`);
}

it("every control's text is in the file that it changes", () => {
  const own = relative(ROOT, import.meta.filename);
  const tests = globSync("test/**/*.ts", { cwd: ROOT }).filter((file) => file !== own);
  const patches = tests.flatMap((file) => patchesIn(readFileSync(join(ROOT, file), "utf8")));
  expect(patches.length).toBeGreaterThan(20);
  expect(stale(patches)).toEqual([]);
});

it("control: one that looks for what is not there is named", () => {
  const patches = patchesIn('{ file: "src/engine/run.ts", find: "class Runner", replace: "" }');
  expect(stale(patches)).toEqual(["“class Runner” is not in src/engine/run.ts"]);
});
