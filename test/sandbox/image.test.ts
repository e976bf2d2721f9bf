import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "..", "..");
const read = (file: string) => readFileSync(join(ROOT, file), "utf8");

interface Instruction {
  readonly word: string;
  readonly rest: string;
}

/** A Dockerfile's instructions: comments dropped, continued lines joined. */
function instructions(text: string): readonly Instruction[] {
  return text
    .split("\n")
    .filter((line) => !line.trim().startsWith("#"))
    .join("\n")
    .replaceAll(/\\\n\s*/g, " ")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const [, word = "", rest = ""] = /^\s*(\w+)\s+(.*)$/.exec(line) ?? [];
      return { word: word.toUpperCase(), rest };
    });
}

/** Everything that is wrong with an image's description, for what cannot be built on this machine. */
function imageProblems(text: string): string[] {
  const all = instructions(text);
  const lastFrom = all.findLastIndex((one) => one.word === "FROM");
  const final = all.slice(lastFrom);
  const stages = all.filter((one) => one.word === "FROM").map((one) => / AS (\S+)/i.exec(one.rest)?.[1]);
  const problems: string[] = [];
  if (stages.length < 2) problems.push("one stage alone");
  for (const one of all.filter((each) => each.word === "FROM")) {
    if (!/^\S+:\d/.test(one.rest)) problems.push(`no version: ${one.rest}`);
  }
  const user = final.findLast((one) => one.word === "USER")?.rest;
  if (!user || /^(0|root)\b/.test(user)) problems.push("runs as root");
  if (!final.some((one) => one.word === "HEALTHCHECK" && one.rest.includes("/healthz"))) {
    problems.push("no health check");
  }
  if (!/^\[.*\]$/.test(final.find((one) => one.word === "CMD")?.rest ?? "")) {
    problems.push("started by a shell, which swallows SIGTERM");
  }
  const install = all.find((one) => one.word === "RUN" && one.rest.includes("npm "))?.rest ?? "";
  if (!/npm ci\b.*--omit=dev/.test(install)) problems.push("not exactly the production packages");
  for (const one of all) {
    if (/(TOKEN|SECRET|PASSWORD|PRIVATE_KEY)\w*\s*=/.test(one.rest)) problems.push(`a secret: ${one.word}`);
    if (one.word === "ADD") problems.push("ADD");
    if (one.word !== "COPY") continue;
    const words = one.rest.split(/\s+/);
    const from = /^--from=(\S+)/.exec(words[0] ?? "")?.[1];
    if (from !== undefined) {
      if (!stages.includes(from)) problems.push(`no stage ${from}`);
      continue;
    }
    for (const path of words.slice(0, -1)) {
      if (path === "." || !existsSync(join(ROOT, path))) problems.push(`COPY ${path}`);
    }
  }
  return problems;
}

describe("the image", () => {
  test("is built as it should be", () => {
    expect(imageProblems(read("Dockerfile"))).toEqual([]);
  });

  test.each([
    ["no USER", (text: string) => text.replace(/^USER.*$/m, ""), "runs as root"],
    ["USER root", (text: string) => text.replace(/^USER.*$/m, "USER root"), "runs as root"],
    ["everything copied", (text: string) => text.replace("COPY src ./src", "COPY . ."), "COPY ."],
    [
      "a folder that is not there",
      (text: string) => text.replace("COPY db ./db", "COPY dbs ./db"),
      "COPY dbs",
    ],
    [
      "a secret",
      (text: string) => text.replace("NODE_ENV=production", "SLACK_BOT_TOKEN=xoxb-1"),
      "a secret: ENV",
    ],
    [
      "development packages",
      (text: string) => text.replace("--omit=dev ", ""),
      "not exactly the production packages",
    ],
    ["no health check", (text: string) => text.replace("/healthz", "/"), "no health check"],
  ])("would be refused with %s", (_name, spoil, problem) => {
    expect(imageProblems(spoil(read("Dockerfile")))).toContain(problem);
  });

  test("gets nothing but the named files, and everything that it copies", () => {
    const lines = read(".dockerignore").split("\n");
    expect(lines.find((line) => line !== "" && !line.startsWith("#"))).toBe("*");
    const allowed = lines.filter((line) => line.startsWith("!")).map((line) => line.slice(1));
    const copied = instructions(read("Dockerfile"))
      .filter((one) => one.word === "COPY" && !one.rest.startsWith("--from"))
      .flatMap((one) => one.rest.split(/\s+/).slice(0, -1));
    expect([...new Set(copied)].toSorted()).toEqual(allowed.toSorted());
  });
});

describe("the README", () => {
  test("links to files that are there and names npm scripts that exist", () => {
    const text = read("README.md");
    const links = [...text.matchAll(/\]\((?!http)([^)#]+)\)/g)].map((match) => match[1] ?? "");
    expect(links.length).toBeGreaterThan(3);
    expect(links.filter((link) => !existsSync(join(ROOT, link)))).toEqual([]);
    const scripts = Object.keys((JSON.parse(read("package.json")) as { scripts: object }).scripts);
    const named = [...text.matchAll(/npm run (\w+)/g)].map((match) => match[1] ?? "");
    expect(named.filter((name) => !scripts.includes(name))).toEqual([]);
    expect(text).toContain("npm ci && npm test");
  });
});
