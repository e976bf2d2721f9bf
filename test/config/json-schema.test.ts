import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { configReference, jsonSchema } from "../../src/config/index.ts";
import { inputSchema, type SchemaNode, textKindAt } from "../../src/config/json-schema.ts";
import { contract } from "./helpers.ts";

const schema = jsonSchema();
// Zod reads the printed schema back, as an editor would; it shares nothing with ours but the library.
const editor = z.fromJSONSchema(JSON.parse(JSON.stringify(schema)));
const accepts = (path: string[] = [], value?: unknown): boolean => {
  const file = parse(contract);
  const last = path.at(-1);
  const parent = path.slice(0, -1).reduce((node, key) => node[key], file);
  if (last !== undefined) parent[last] = value;
  return editor.safeParse(JSON.parse(JSON.stringify(file))).success;
};

describe("the JSON Schema", () => {
  test("accepts the complete configuration as it is written, variables and all", () => {
    expect(accepts()).toBe(true);
  });

  test.each([
    ["an unknown key", "slots.stg1.amii", "x"],
    ["an unknown key of the defaults", "slots.defaults.x", 1],
    ["a wrong word", "slots.stg1.swap", "swich"],
    ["a duration as a number", "slots.stg1.ttl", 4],
    ["a duration without a unit", "slots.stg1.ttl", "4"],
    ["no installation", "installation", undefined],
    ["a step without a kind", "serviceUpdate.steps", [{ name: "a" }]],
    ["an unknown browser", "tests.browsers", ["opera"]],
    ["an unknown kind of environment", "environments.amy.kind", "vm"],
  ])("refuses %s", (_, path, value) => {
    expect(accepts(path.split("."), value)).toBe(false);
  });

  test("accepts a variable wherever a value of a fixed form is wanted", () => {
    const file = parse(contract);
    file.slots.stg1.region = `\${REGION}`;
    file.slots.stg1.targetPort = `\${PORT:-80}`;
    file.slots.stg1.ttl = `\${TTL}`;
    expect(editor.safeParse(file).success).toBe(true);
    file.slots.stg1.region = "$REGION";
    expect(editor.safeParse(file).success).toBe(false);
  });

  test("holds nothing of our own and describes every key", () => {
    expect(JSON.stringify(schema)).not.toContain("x-slipway");
    const bare = keysOf(inputSchema()).filter(([, node]) => (node.description ?? "") === "");
    expect(bare.map(([path]) => path)).toEqual([]);
  });
});

describe("what is shell text", () => {
  test("is what the shell reads, nothing else", () => {
    const shell = keysOf(inputSchema()).filter(([, node]) => node["x-slipway-text"] === "shell");
    const names = new Set(shell.map(([path]) => path.split(".").at(-1)));
    expect([...names].sort()).toEqual(["check", "enter", "isOn", "leave", "restore", "run"]);
  });

  test.each([
    [["serviceUpdate", "steps", 0, "run"], "shell"],
    [["serviceUpdate", "steps", 0, "parallel", 1, "run"], "shell"],
    [["serviceUpdate", "steps", 0, "onFailure", "run"], "shell"],
    [["environments", "amy", "backup", "check"], "shell"],
    [["environments", "amy", "maintenance", "isOn"], "shell"],
    [["environments", "amy", "steps", 3, "run"], "shell"],
    [["environments", "amy", "env", "run"], "template"],
    [["serviceUpdate", "steps", 0, "local", 2], "template"],
    [["serviceUpdate", "steps", 0, "ansible", "extraVars", "ref"], "template"],
    [["tests", "env", "BASE_URL"], "template"],
    [["slots", "stg1", "url"], "slot"],
    [["slots", "defaults", "keyName"], "slot"],
    [["slots", "stg1", "ami"], "plain"],
    [["no", "such", "place"], "plain"],
  ] as const)("%j is %s", (path, kind) => {
    expect(textKindAt(path)).toBe(kind);
  });
});

describe("docs/configuration.md", () => {
  const doc = readFileSync(join(import.meta.dirname, "../../docs/configuration.md"), "utf8");

  test("ends with the reference that the schema gives", () => {
    expect(doc.slice(doc.indexOf("### `installation`")).trim()).toBe(configReference());
  });

  test("mentions every key", () => {
    for (const [path] of keysOf(inputSchema())) expect(doc).toContain(path.split(".").at(-1));
  });

  test("shows examples that load", async () => {
    const { loadConfig } = await import("../../src/config/index.ts");
    const examples = [...doc.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1] ?? "");
    expect(examples.length).toBeGreaterThan(1);
    for (const example of examples) {
      const text = example.includes("installation:") ? example : `installation: acme\n${example}`;
      const result = loadConfig(text, { STAGING_SSH_KEY: "x" });
      expect(result.ok ? [] : result.problems).toEqual([]);
    }
  });
});

/** Every key of the schema with its node. */
function keysOf(node: SchemaNode, path = "", deep = 0): [string, SchemaNode][] {
  if (deep > 14) return [];
  const own = Object.entries(node.properties ?? {}).flatMap(([key, child]): [string, SchemaNode][] => [
    [`${path}.${key}`, child],
    ...keysOf(child, `${path}.${key}`, deep + 1),
  ]);
  const inner = [node.additionalProperties, node.items, ...(node.anyOf ?? []), ...(node.oneOf ?? [])];
  return [
    ...own,
    ...inner.flatMap((one) => (typeof one === "object" ? keysOf(one, `${path}.*`, deep + 1) : [])),
  ];
}
