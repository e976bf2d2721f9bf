import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { formatSettingProblems, readSettings } from "../../src/config/index.ts";
import { newKey } from "./helpers.ts";

const PEM = newKey();
const SLACK = { SLACK_BOT_TOKEN: "xoxb-1", SLACK_SIGNING_SECRET: "signing-secret" };
const GITHUB = { APP_ID: "42", PRIVATE_KEY: PEM, WEBHOOK_SECRET: "webhook-secret" };

function settings(env: Record<string, string>, dotenvText?: string) {
  const result = readSettings(env, { dotenvText });
  if (!result.ok) throw new Error(formatSettingProblems(result.problems));
  return result.settings;
}

function missing(env: Record<string, string>): string[] {
  const result = readSettings(env);
  return result.ok ? [] : result.problems.map(({ name }) => name);
}

describe("settings", () => {
  test("of Slack alone are enough", () => {
    expect(settings(SLACK)).toMatchObject({
      slack: { botToken: "xoxb-1", mode: { kind: "http", signingSecret: "signing-secret" } },
      github: undefined,
      database: { kind: "sqlite", file: "./slipway.db" },
      configFile: "./slipway.yml",
      port: 3000,
      host: "0.0.0.0",
      logLevel: "info",
    });
  });

  test("of GitHub alone are enough", () => {
    expect(settings(GITHUB)).toMatchObject({ slack: undefined, github: { appId: 42, privateKey: PEM } });
  });

  test("with an app token mean Socket Mode, without a signing secret", () => {
    const { slack } = settings({ SLACK_BOT_TOKEN: "xoxb-1", SLACK_APP_TOKEN: "xapp-1" });
    expect(slack?.mode).toEqual({ kind: "socket", appToken: "xapp-1", signingSecret: undefined });
  });

  test("that are all missing are all named, each with where to get it", () => {
    const result = readSettings({});
    expect(missing({})).toEqual([
      "SLACK_BOT_TOKEN",
      "SLACK_SIGNING_SECRET",
      "SLACK_APP_TOKEN",
      "APP_ID",
      "PRIVATE_KEY",
      "WEBHOOK_SECRET",
    ]);
    for (const { remedy } of result.ok ? [] : result.problems)
      expect(remedy).toMatch(/api\.slack\.com|github\.com/);
  });

  test("that are wrong are all named at once", () => {
    const wrong = {
      SLACK_BOT_TOKEN: "xapp-1",
      SLACK_APP_TOKEN: "xoxb-1",
      APP_ID: "my-app",
      PRIVATE_KEY: "nothing",
      GITHUB_API_URL: "ghe.example.org",
      DATABASE_URL: "postgres://localhost/slipway",
      SLIPWAY_SECRET: "short",
      DASHBOARD_TOKEN: "short",
      PORT: "80000",
      LOG_LEVEL: "inof",
    };
    expect(missing(wrong)).toEqual([
      "SLACK_BOT_TOKEN",
      "SLACK_APP_TOKEN",
      "APP_ID",
      "PRIVATE_KEY",
      "WEBHOOK_SECRET",
      "GITHUB_API_URL",
      "DATABASE_URL",
      "SLIPWAY_SECRET",
      "PORT",
      "DASHBOARD_TOKEN",
      "LOG_LEVEL",
    ]);
    const result = readSettings(wrong);
    const printed = result.ok ? "" : formatSettingProblems(result.problems);
    expect(printed).toContain("did you mean info?");
    expect(printed).toContain("PostgreSQL is not supported");
  });

  test.each([
    [{ SLACK_BOT_TOKEN: "xoxb-1" }, ["SLACK_SIGNING_SECRET"]],
    [{ SLACK_SIGNING_SECRET: "x" }, ["SLACK_BOT_TOKEN"]],
    [{ APP_ID: "1" }, ["PRIVATE_KEY", "WEBHOOK_SECRET"]],
    [{ ...SLACK, WEBHOOK_SECRET: "x" }, ["APP_ID", "PRIVATE_KEY"]],
    [{ ...SLACK, PORT: "" }, []],
    [{ ...SLACK, PORT: "0" }, []],
    [{ ...SLACK, PORT: "-1" }, ["PORT"]],
    [{ ...SLACK, DATABASE_URL: "mysql://x" }, ["DATABASE_URL"]],
    [{ ...SLACK, DATABASE_URL: "sqlite::memory:" }, ["DATABASE_URL"]],
    [{ ...SLACK, DATABASE_URL: "sqlite:" }, ["DATABASE_URL"]],
  ])("%j lacks %j", (env, names) => {
    expect(missing(env as Record<string, string>)).toEqual(names);
  });

  test.each([
    ["sqlite:./a.db", "./a.db"],
    ["sqlite:/var/lib/a.db", "/var/lib/a.db"],
    ["sqlite:///var/lib/a.db", "/var/lib/a.db"],
  ])("%s is the file %s", (url, file) => {
    expect(settings({ ...SLACK, DATABASE_URL: url }).database.file).toBe(file);
  });

  test("of a .env file count, and the real environment wins", () => {
    const dotenv = `# comment\nSLACK_BOT_TOKEN=xoxb-file\nSLACK_SIGNING_SECRET="from file"\nPORT=4000\n`;
    const read = settings({ SLACK_BOT_TOKEN: "xoxb-real", SLACK_SIGNING_SECRET: "" }, dotenv);
    expect(read.slack?.botToken).toBe("xoxb-real");
    expect(read.slack?.mode).toMatchObject({ signingSecret: "from file" });
    expect(read.port).toBe(4000);
  });

  test("take the App's key from a file, from one line, and from base64", () => {
    const path = join(mkdtempSync(join(tmpdir(), "slipway-settings-")), "app.pem");
    writeFileSync(path, PEM);
    const { PRIVATE_KEY: _, ...rest } = GITHUB;
    const forms = [
      { ...rest, PRIVATE_KEY_PATH: path },
      { ...rest, PRIVATE_KEY: PEM.trim().replaceAll("\n", "\\n") },
      { ...rest, PRIVATE_KEY: Buffer.from(PEM).toString("base64") },
    ];
    for (const form of forms) expect(settings(form).github?.privateKey).toBe(PEM);
    expect(missing({ ...rest, PRIVATE_KEY_PATH: `${path}.none` })).toEqual(["PRIVATE_KEY_PATH"]);
  });

  test("that are secret are listed for the redactor", () => {
    const env = {
      ...SLACK,
      ...GITHUB,
      DASHBOARD_TOKEN: "dashboard-token",
      AWS_SECRET_ACCESS_KEY: "aws-secret",
    };
    const { secrets } = settings(env);
    expect([...secrets.keys()].sort()).toEqual([
      "AWS_SECRET_ACCESS_KEY",
      "DASHBOARD_TOKEN",
      "PRIVATE_KEY",
      "SLACK_BOT_TOKEN",
      "SLACK_SIGNING_SECRET",
      "WEBHOOK_SECRET",
    ]);
  });
});
