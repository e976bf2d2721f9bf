import { describe, expect, test } from "vitest";
import { configFromRaw } from "../../src/config/index.ts";
import { KEY, variable, withRest, withSlot } from "./bad-inputs.ts";
import { config, loaded, problems } from "./helpers.ts";

const env = { KEY };

describe("variables of the environment", () => {
  test("are filled in part of a value, several times, with defaults", () => {
    const text = withRest(
      `tests: { env: { A: "x\${ONE}y\${TWO:-two}z\${EMPTY:-full}", B: "\${ONE}\${ONE}" } }\n`,
    );
    const { config: filled } = loaded(text, { ONE: "1", EMPTY: "" });
    expect(filled.tests?.env).toEqual({ A: "x1ytwozfull", B: "11" });
  });

  test("may have an empty default", () => {
    expect(config(withRest(`tests: { env: { A: "\${NONE:-}" } }\n`), {}).tests?.env).toEqual({ A: "" });
  });

  test("are left alone in shell text, as is what the shell does with braces", () => {
    const run = `echo \${HOME} \${NONE:-x} {a,b} | awk '{print $1} {sum += $2}' && \${sha}`;
    const text = withRest(`serviceUpdate:\n  steps:\n    - name: a\n      run: ${JSON.stringify(run)}\n`);
    expect(config(text).serviceUpdate.steps[0]).toMatchObject({ run });
  });

  test("are filled under a free key that is called like shell text", () => {
    const text = withRest(`serviceUpdate: { env: { run: "\${ONE} {sha}" }, steps: [] }\n`);
    expect(config(text, { ONE: "1" }).serviceUpdate.env).toEqual({ run: "1 {sha}" });
  });

  test("give numbers and truth values where these are wanted, and only from the environment", () => {
    const text = withSlot({ targetPort: `\${PORT:-8080}` }, `tests: { parallel: "\${MANY}" }\n`);
    const filled = config(text, { ...env, MANY: "2" });
    expect([filled.slots.stg1?.targetPort, filled.tests?.parallel]).toEqual([8080, 2]);
    expect(problems(withSlot({ targetPort: '"8080"' }), env)).toHaveLength(1);
    expect(problems(withSlot({ targetPort: `\${PORT}` }), { ...env, PORT: "many" })[0]).toContain(`\${PORT}`);
  });

  test("are literal after a second dollar", () => {
    const text = withRest(`tests: { env: { A: "$\${NAME}" } }\n`);
    expect(config(text).tests?.env).toEqual({ A: variable("NAME") });
  });

  test("are not looked for in what was filled in", () => {
    const text = withRest(`tests: { env: { A: "\${ONE}" } }\n`);
    expect(config(text, { ONE: variable("TWO"), TWO: "2" }).tests?.env).toEqual({ A: variable("TWO") });
  });

  test("are secrets, except where the value is public by its nature", () => {
    const text = withSlot(
      { region: `\${REGION}` },
      `tests: { env: { TOKEN: "\${TOKEN}", WHERE: "\${REGION}" } }\n`,
    );
    const given = { ...env, REGION: "us-east-1", TOKEN: "planted" };
    expect([...loaded(text, given).secrets.keys()]).toEqual(["KEY", "TOKEN", "REGION"]);
    const only = withSlot({ region: `\${REGION}` });
    expect([...loaded(only, given).secrets.keys()]).toEqual(["KEY"]);
  });

  test("hold a private key in one line, too", () => {
    const oneLine = KEY.trim().replaceAll("\n", "\\n");
    const { config: filled, secrets } = loaded(withSlot(), { KEY: oneLine });
    expect(filled.slots.stg1?.ssh.privateKey).toBe(KEY);
    expect(secrets.get("KEY")).toBe(KEY);
  });

  test("hold a private key in base64, and neither form is shown", () => {
    const base64 = Buffer.from(KEY).toString("base64");
    const { config: filled, secrets, warnings } = loaded(withSlot(), { KEY: base64 });
    expect(filled.slots.stg1?.ssh.privateKey).toBe(KEY);
    expect([...secrets.values()]).toEqual([KEY, base64]);
    expect(warnings.map(({ message }) => message)).not.toContainEqual(expect.stringMatching("private key"));
    const twice = `${withSlot()}\nserviceUpdate: { env: { KEY: "\${KEY}" } }\n`;
    expect([...loaded(twice, { KEY: base64 }).secrets.values()]).toEqual([KEY, base64]);
    const inTheFile = withSlot({ ssh: `{ privateKey: ${base64} }` });
    expect(problems(inTheFile).join()).toContain("a private key must not stand in this file");
  });

  test("are asked for again when a kept configuration is filled", () => {
    const { raw } = loaded(withSlot(), env);
    const again = configFromRaw(raw, {});
    expect(again.ok ? [] : again.problems.map(({ path, line }) => [path, line])).toEqual([
      ["slots.stg1.ssh.privateKey", 0],
    ]);
  });
});

describe("a slot's own fields", () => {
  test("are filled when the file is read", () => {
    const text = withSlot({
      url: "https://{slot}.{region}.example.org",
      keyName: '"{slot}-key"',
      tags: '{ T: "{SLOT}" }',
    });
    expect(config(text, env).slots.stg1).toMatchObject({
      url: "https://stg1.us-east-1.example.org",
      keyName: "stg1-key",
      tags: { T: "STG1" },
    });
  });

  test("come from the defaults as well, and differ from slot to slot", () => {
    const text = withSlot({ url: undefined }).replace(
      "slots:\n",
      'slots:\n  defaults: { url: "https://{slot}.example.org" }\n',
    );
    expect(config(text, env).slots.stg1?.url).toBe("https://stg1.example.org");
  });
});

describe("defaults of a slot", () => {
  const merged = (defaults: string, changes: Record<string, string>) =>
    config(withSlot(changes).replace("slots:\n", `slots:\n  defaults: ${defaults}\n`), env).slots.stg1;

  test("merge maps deeply and replace lists", () => {
    const slot = merged(
      "{ ssh: { user: admin, port: 2222 }, subnets: [subnet-0aa0aa0aa0aa0aa02, subnet-0aa0aa0aa0aa0aa03], tags: { a: x, b: y } }",
      { tags: "{ b: z }" },
    );
    expect(slot?.ssh).toMatchObject({ user: "admin", port: 2222 });
    expect(slot?.subnets).toEqual(["subnet-022ff062fe90b23b1"]);
    expect(slot?.tags).toEqual({ a: "x", b: "z" });
    expect(slot?.ingress.port).toBe(2222);
  });

  test("leave repositories to github when no one names them", () => {
    expect(config(withSlot({}, "github: { repositories: [a/b] }\n"), env).slots.stg1?.repositories).toEqual([
      "a/b",
    ]);
  });
});
