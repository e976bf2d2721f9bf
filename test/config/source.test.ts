import { describe, expect, test } from "vitest";
import { formatProblems, loadConfig } from "../../src/config/index.ts";
import ROWS, { ENV } from "./bad-inputs.ts";
import { contract, contractEnv, problems, randomNumbers } from "./helpers.ts";

describe("a hostile file", () => {
  test("above the size is refused before it is read", () => {
    const padded = `${contract}\n# ${"x".repeat(256 * 1024)}\n`;
    expect(problems(padded, contractEnv)).toEqual([expect.stringContaining("256 KiB are the most")]);
    expect(loadConfig(`${contract}\n# ${"x".repeat(200 * 1024)}\n`, contractEnv).ok).toBe(true);
  });

  test("with thousands of nested brackets says so", () => {
    for (const [open, close] of [
      ["[", "]"],
      ["{a: ", "}"],
    ] as const) {
      const text = `installation: ${open.repeat(20_000)}${close.repeat(20_000)}\n`;
      expect(problems(text).length).toBeGreaterThan(0);
    }
    const said = problems(`installation: ${"[".repeat(40)}${"]".repeat(40)}\n`);
    expect(said.some((line) => line.includes("levels deep"))).toBe(true);
  });

  test("that would grow by aliases does not", () => {
    const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"];
    for (let level = 1; level < 20; level++) {
      lines.push(
        `a${level}: &a${level} [${Array(9)
          .fill(`*a${level - 1}`)
          .join(", ")}]`,
      );
    }
    const said = problems(`installation: acme\n${lines.join("\n")}\n`);
    expect(said.some((line) => line.includes("aliases"))).toBe(true);
    expect(said.length).toBeLessThan(400);
  });

  test("with tens of thousands of keys is read in order", () => {
    const keys = Array.from({ length: 12_000 }, (_, index) => `    k${index}: v${index}`).join("\n");
    const text = `installation: acme\ntests:\n  env:\n${keys}\n    k7: again\n`;
    expect(problems(text)).toEqual([`12004:5 tests.env.k7: written twice; the first is in line 11`]);
  });

  test("cannot reach an object's prototype", () => {
    problems("installation: acme\n__proto__: { polluted: yes }\nslots: { __proto__: { polluted: yes } }\n");
    problems('installation: acme\n"__proto__": { polluted: yes }\n');
    expect(({} as { polluted?: string }).polluted).toBeUndefined();
    expect(problems('installation: acme\n"__proto__": { a: b }\n')).toHaveLength(1);
  });

  test("cannot hide a key behind an escape", () => {
    expect(problems('installation: acme\n"\\u005f_proto__": { a: b }\n')).toEqual([
      "2:1 __proto__: this key is not allowed",
    ]);
    expect(problems('installation: acme\n"\\x67ithub": {}\ngithub: {}\n')[0]).toContain("written twice");
  });

  test("may come from Windows, with a byte order mark and its line ends", () => {
    const windows = `\uFEFF${contract.replaceAll("\n", "\r\n")}`;
    expect(loadConfig(windows, contractEnv).ok).toBe(true);
    const [said] = problems(windows.replace("swap: switch", "swap: swich"), contractEnv);
    const line = contract.split("\n").findIndex((text) => text.includes("swap: switch")) + 1;
    expect(said).toMatch(new RegExp(`^${line}:11 slots.stg3.swap`));
  });

  test("of random damage never throws, and each problem has a place within it", () => {
    const random = randomNumbers(20_261_121);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
    const pieces = [
      "{",
      "}",
      "[",
      "]",
      ":",
      "- ",
      "\n",
      "\t",
      "  ",
      "&a",
      "*a",
      "!x ",
      "${",
      "}",
      '"',
      "'",
      "|",
      ">",
      "%",
      "~",
      "\u0000",
      "é",
      "💥",
      "<<: ",
      "? ",
      "---\n",
      "null",
      "0x1F",
      ".inf",
      "__proto__: ",
    ];
    const sources = [contract, ...ROWS.map(({ text }) => text)];
    let refused = 0;
    for (let round = 0; round < 600; round++) {
      let text = pick(sources);
      for (let cut = 0; cut <= Math.floor(random() * 4); cut++) {
        const at = Math.floor(random() * text.length);
        text = text.slice(0, at) + pick(pieces) + text.slice(at + Math.floor(random() * 6));
      }
      const result = loadConfig(text, { ...ENV, ...contractEnv });
      if (result.ok) continue;
      refused++;
      const last = text.split("\n").length;
      for (const { line, column } of result.problems) {
        expect(line >= 1 && line <= last && column >= 1, text).toBe(true);
      }
      formatProblems(result.problems, "slipway.yml", text);
    }
    expect(refused).toBeGreaterThan(300);
  });
});

describe("problems in print", () => {
  test("show the line with a caret under the spot", () => {
    const text =
      "installation: acme\naccess: { roles: { viewer: { slack: [everyone] } } }\ngithub: { forks: refused }\n";
    const result = loadConfig(text, {});
    expect(result.ok ? "" : formatProblems(result.problems, "slipway.yml", text)).toBe(
      [
        'slipway.yml:3:18 github.forks: expected one of refuse, allow, found "refused". Did you mean refuse?',
        "    3 | github: { forks: refused }",
        "      |                  ^",
      ].join("\n"),
    );
  });

  test("cut long lines around the spot", () => {
    const text = `installation: acme\naccess: { people: { ${"U0ANN: ann, ".repeat(1)}U0BOB: "${"-".repeat(400)}" } }\ngithub: { forks: no, ${"repositories".padEnd(300)}: [x] }\n`;
    const result = loadConfig(text, {});
    const printed = result.ok ? "" : formatProblems(result.problems, "f.yml", text);
    for (const line of printed.split("\n").filter((one) => one.includes(" | ")))
      expect(line.length).toBeLessThan(175);
  });
});
