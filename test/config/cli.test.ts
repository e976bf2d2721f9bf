import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeEach, describe, expect, test } from "vitest";
import { openDatabase } from "../../db/connection.ts";
import { readStartInput } from "../../src/bot/settings.ts";
import { backup } from "../../src/cli/backup.ts";
import { check } from "../../src/cli/check.ts";
import { printIamPolicy } from "../../src/cli/iam-policy.ts";
import { schema } from "../../src/cli/schema.ts";
import type { Environment } from "../../src/config/index.ts";
import { CONTRACT_FILE, contract, contractEnv } from "./helpers.ts";

let cwd = "";
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "slipway-check-"));
});

async function run(command: typeof check, args: string[], env: Environment = {}) {
  let out = "";
  let err = "";
  const context = {
    env,
    cwd,
    stdout: { write: (text: string) => (out += text) },
    stderr: { write: (text: string) => (err += text) },
  };
  return { code: await command(args, context), out, err };
}

describe("slipway check", () => {
  test("says what a valid file would use, and what is not used yet", async () => {
    writeFileSync(join(cwd, "slipway.yml"), contract);
    const { code, out, err } = await run(check, [], contractEnv);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain("slipway.yml is valid.");
    expect(out).toContain("slot stg3: https://mentorai.stg3.example.org, us-east-1");
    expect(out).toContain("not used by this version yet");
    expect(out).toContain("environments.amy: deploying to environments (ssh)");
    for (const value of Object.values(contractEnv)) expect(out).not.toContain(value);
  });

  test("names each problem of a wrong file and ends with 1", async () => {
    writeFileSync(
      join(cwd, "other.yml"),
      contract.replace("swap: switch", "swap: swich").replace("ttl: 4h", "ttl: 4"),
    );
    const { code, out, err } = await run(check, ["other.yml"], contractEnv);
    expect([code, out]).toEqual([1, ""]);
    expect(err).toMatch(/^other\.yml:31:10 slots\.defaults\.ttl: expected a duration/);
    expect(err).toContain("Did you mean switch?");
    expect(err).toContain("other.yml has 2 problems.");
  });

  test("ends with 2 when there is no file or the words make no sense", async () => {
    expect(await run(check, [])).toMatchObject({ code: 2, err: expect.stringContaining("ENOENT") });
    expect(await run(check, ["a", "b"])).toMatchObject({ code: 2, err: expect.stringContaining("Usage") });
    expect(await run(check, ["--fix"])).toMatchObject({ code: 2, err: expect.stringContaining("--fix") });
  });

  test("finds the file by SLIPWAY_CONFIG and variables in .env", async () => {
    writeFileSync(join(cwd, "mine.yml"), contract);
    const dotenv = Object.entries({ ...contractEnv, SLIPWAY_CONFIG: "mine.yml" }).map(
      ([name, value]) => `${name}="${value}"`,
    );
    writeFileSync(join(cwd, ".env"), dotenv.join("\n"));
    expect(await run(check, [])).toMatchObject({
      code: 0,
      out: expect.stringContaining("mine.yml is valid."),
    });
  });

  test("without variables still finds what else is wrong", async () => {
    writeFileSync(join(cwd, "slipway.yml"), contract);
    expect(await run(check, [])).toMatchObject({ code: 1 });
    expect(await run(check, ["--without-variables"])).toMatchObject({
      code: 0,
      out: expect.stringContaining("5 values"),
    });
    writeFileSync(join(cwd, "slipway.yml"), contract.replace("swap: switch", "swap: swich"));
    expect(await run(check, ["--without-variables"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("swich"),
    });
  });

  test("gives JSON to programs", async () => {
    writeFileSync(join(cwd, "slipway.yml"), contract.replace("swap: switch", "swap: swich"));
    const { code, out } = await run(check, ["--json"], contractEnv);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      ok: false,
      problems: [{ path: "slots.stg3.swap", suggestion: "switch" }],
    });
  });
});

describe("a .env file", () => {
  const dotenv = (values: Readonly<Record<string, string>>) =>
    writeFileSync(
      join(cwd, ".env"),
      Object.entries(values)
        .map(([name, value]) => `${name}="${value}"`)
        .join("\n"),
    );
  const slack = { SLACK_BOT_TOKEN: "xoxb-1", SLACK_SIGNING_SECRET: "secret" };

  test("is read whole though one of its settings is wrong: only that is named", () => {
    writeFileSync(join(cwd, "mine.yml"), contract);
    dotenv({ ...contractEnv, ...slack, SLIPWAY_CONFIG: "mine.yml", PORT: "notaport" });
    const read = readStartInput({}, cwd);
    const report = read.ok ? "" : read.report;
    expect(report).toContain("PORT");
    expect(report).not.toMatch(/is not set|cannot be read/);
    // The control: what is wrong in the file that it names is told beside it.
    writeFileSync(join(cwd, "mine.yml"), contract.replace("swap: switch", "swap: swich"));
    const both = readStartInput({}, cwd);
    expect(both.ok ? "" : both.report).toMatch(/PORT[\s\S]*Did you mean switch\?/);
  });

  test("says where the configuration is, to iam-policy too", async () => {
    dotenv({ ...contractEnv, SLIPWAY_CONFIG: CONTRACT_FILE });
    const { code, out } = await run(printIamPolicy, []);
    expect([code, JSON.parse(out).Version]).toEqual([0, "2012-10-17"]);
    rmSync(join(cwd, ".env"));
    expect(await run(printIamPolicy, [])).toMatchObject({ code: 2 });
  });

  test("says where the database is: its backup is one file, for its owner alone", async () => {
    const { close } = await openDatabase(join(cwd, "elsewhere.db"));
    dotenv({ DATABASE_URL: `sqlite:${join(cwd, "elsewhere.db")}` });
    const before = process.umask(0o022);
    try {
      expect(await run(backup, ["copy.db"])).toMatchObject({ code: 0, err: "" });
    } finally {
      process.umask(before);
      await close();
    }
    expect(readdirSync(cwd).filter((name) => name.startsWith("copy.db"))).toEqual(["copy.db"]);
    expect(statSync(join(cwd, "copy.db")).mode & 0o777).toBe(0o600);
  });

  test("that cannot be read is said", () => {
    mkdirSync(join(cwd, ".env"));
    expect(() => readStartInput({}, cwd)).toThrow(/\.env cannot be read/);
  });

  test("tells the AWS SDK where to go; the process's own environment comes first", async () => {
    const seen: string[] = [];
    const server = createServer((request, response) => {
      seen.push(String(request.headers.authorization));
      response
        .writeHead(403)
        .end("<Response><Errors><Error><Code>UnauthorizedOperation</Code></Error></Errors></Response>");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}`;
    dotenv({
      ...{ ...contractEnv, ...slack, SLIPWAY_CONFIG: CONTRACT_FILE, SLACK_API_URL: `${url}/slack/` },
      ...{ AWS_ENDPOINT_URL: url, AWS_ACCESS_KEY_ID: "AKIAFILE", AWS_SECRET_ACCESS_KEY: "secret" },
    });
    const program = join(import.meta.dirname, "../../src/cli/slipway.mjs");
    const doctor = async (more: object) => {
      seen.length = 0;
      const env = { PATH: process.env.PATH, HOME: cwd, ...more };
      await promisify(execFile)(process.execPath, [program, "doctor"], { env, cwd }).catch(() => {});
      return seen.join();
    };
    try {
      expect(await doctor({})).toContain("Credential=AKIAFILE/");
      expect(await doctor({ AWS_ACCESS_KEY_ID: "AKIAOWN" })).toContain("Credential=AKIAOWN/");
    } finally {
      server.close();
    }
  });
});

describe("slipway schema", () => {
  test("prints JSON, or the reference", async () => {
    const { code, out } = await run(schema, []);
    expect(code).toBe(0);
    expect(JSON.parse(out).properties.slots.properties.defaults).toBeDefined();
    expect(await run(schema, ["--reference"])).toMatchObject({
      code: 0,
      out: expect.stringContaining("### `slots`"),
    });
    expect(await run(schema, ["nonsense"])).toMatchObject({ code: 2, err: expect.stringContaining("Usage") });
  });
});

describe("the command line as a person starts it", () => {
  test("checks a file in a process of its own", async () => {
    const program = join(import.meta.dirname, "../../src/cli/slipway.mjs");
    const env = { ...process.env, ...contractEnv };
    const { stdout } = await promisify(execFile)(process.execPath, [program, "check", CONTRACT_FILE], {
      env,
      cwd,
    });
    expect(stdout).toContain("is valid.");
    const failure = await promisify(execFile)(process.execPath, [program, "check", "none.yml"], {
      env,
      cwd,
    }).catch((error: { code: number; stderr: string }) => error);
    expect(failure).toMatchObject({ code: 2, stderr: expect.stringContaining("none.yml cannot be read") });
  });
});
