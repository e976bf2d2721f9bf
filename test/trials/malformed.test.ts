import { createHmac } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runs, slash, waitForRun } from "../../sandbox/client.ts";
import { type Sandbox, startSandbox } from "../../sandbox/supervisor/start.ts";
import { terminalToken } from "../../src/cli/stg.ts";

/** In every body: no line of the log may hold it. */
const SECRET = "body-secret-5d1c0ffee";
const MASTER_SECRET = "a-master-secret-of-this-trial-0123456789";
const UNVERIFIED = "Failed to parse and verify the request data";
const FORM = "application/x-www-form-urlencoded";
const JSON_TYPE = "application/json";

let folder: string;
let sandbox: Sandbox;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "slipway-malformed-"));
  sandbox = await startSandbox({ dir: join(folder, "box"), port: 0, env: { SLIPWAY_SECRET: MASTER_SECRET } });
}, 120_000);
afterAll(async () => {
  await sandbox.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

type Body = string | Buffer;
type Headers = Readonly<Record<string, string>>;

/** Posts the bytes as they are and gives the status; a server need not read to the end what it refuses. */
function post(path: string, headers: Headers, body: Body): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(new URL(path, sandbox.json.bot), { method: "POST", headers, agent: false });
    asked.on("response", (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

const hmac = (secret: string, ...parts: Body[]) =>
  parts.reduce((sum, part) => sum.update(part), createHmac("sha256", secret)).digest("hex");

/** As Slack signs: the bytes, whatever they are. */
function bySlack(body: Body, type: string, secret = sandbox.json.slack.signingSecret, ageMs = 0): Headers {
  const at = String(Math.floor((Date.now() - ageMs) / 1000));
  return {
    "content-type": type,
    "x-slack-request-timestamp": at,
    "x-slack-signature": `v0=${hmac(secret, `v0:${at}:`, body)}`,
  };
}

function byGitHub(body: Body, more: Headers = { "x-github-event": "issue_comment" }): Headers {
  const signature = `sha256=${hmac(sandbox.json.github.webhookSecret, body)}`;
  return { "content-type": JSON_TYPE, "x-hub-signature-256": signature, ...more };
}

const byOperator = (): Headers => ({
  "content-type": JSON_TYPE,
  authorization: `Bearer ${terminalToken(MASTER_SECRET)}`,
});

const lines = () => readFileSync(join(folder, "box", "logs", "bot.log"), "utf8").split("\n");
/** Ours, and that of Slack's library for a wrong signature. */
const refusals = (path: string) =>
  lines().filter((line) => line.includes(`a request to ${path} was refused`) || line.includes(UNVERIFIED));

let triggers = 0;
/** A slash command that would launch, with some fields changed, left out (null) or repeated. */
function command(changes: Readonly<Record<string, string | readonly string[] | null>> = {}): string {
  const fields = {
    token: SECRET,
    command: "/stg",
    text: "launch stg2 --tests none",
    team_id: sandbox.json.slack.team,
    user_id: sandbox.json.slack.user,
    user_name: "developer",
    channel_id: sandbox.json.slack.channel,
    trigger_id: `malformed.${++triggers}`,
    ...changes,
  };
  const pairs = Object.entries(fields).flatMap(([name, value]) =>
    value === null ? [] : [value].flat().map((one) => [name, one] as [string, string]),
  );
  return new URLSearchParams(pairs).toString();
}

const payload = (value: unknown) => new URLSearchParams({ payload: JSON.stringify(value) }).toString();
const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
/** The bytes of a text in which one character is broken. */
const broken = (text: string) => Buffer.concat([Buffer.from(text), Buffer.from([0xc3, 0x28, 0xff])]);

interface Case {
  readonly what: string;
  readonly body: () => Body;
  readonly status: number;
  readonly type?: string;
  readonly headers?: (body: Body) => Headers;
}

const click = { type: "block_actions", user: { id: "U0DEVELOPER" }, actions: [], note: SECRET };
const event = {
  type: "event_callback",
  event_id: "EvMalformed",
  event: { type: "app_mention", text: SECRET },
};

const SLACK: readonly Case[] = [
  { what: "nothing at all", body: () => "", status: 400 },
  { what: "plain text", type: "text/plain", body: () => `launch stg2 ${SECRET}`, status: 400 },
  {
    what: "a file upload",
    type: "multipart/form-data; boundary=x",
    body: () => `--x\r\n${SECRET}\r\n--x--`,
    status: 400,
  },
  {
    what: "JSON in place of a form",
    body: () => JSON.stringify({ command: "/stg", token: SECRET }),
    status: 400,
  },
  { what: "a form in place of JSON", type: JSON_TYPE, body: () => command(), status: 400 },
  { what: "a form of other fields", body: () => `token=${SECRET}&text=launch+stg2`, status: 400 },
  { what: "a command without its person", body: () => command({ user_id: null }), status: 400 },
  { what: "a command without its workspace", body: () => command({ team_id: null }), status: 400 },
  { what: "a command without its channel", body: () => command({ channel_id: null }), status: 400 },
  { what: "a command without a trigger", body: () => command({ trigger_id: "" }), status: 400 },
  { what: "a command twice", body: () => command({ command: ["/stg", "/stg"] }), status: 400 },
  { what: "a text twice", body: () => command({ text: ["launch stg2", "status"] }), status: 400 },
  { what: "two people", body: () => command({ user_id: ["U0DEVELOPER", "U0MAINTAINER"] }), status: 400 },
  { what: "a trigger without end", body: () => command({ trigger_id: "9".repeat(10_000) }), status: 400 },
  {
    what: "2 MB",
    body: () => command({ text: `launch stg2 --reason ${"x".repeat(2_000_000)}` }),
    status: 413,
  },
  { what: "bytes that are no UTF-8", body: () => broken(command()), status: 400 },
  { what: "JSON that is no UTF-8", type: JSON_TYPE, body: () => broken(JSON.stringify(event)), status: 400 },
  { what: "a null byte in JSON", type: JSON_TYPE, body: () => `${JSON.stringify(event)}\u0000`, status: 400 },
  { what: "a payload that is no JSON", body: () => `payload=${SECRET}`, status: 400 },
  { what: "a payload that is a text", body: () => payload(SECRET), status: 400 },
  { what: "a payload without a type", body: () => payload({ ...click, type: undefined }), status: 400 },
  {
    what: "a payload whose type is a list",
    body: () => payload({ ...click, type: ["block_actions"] }),
    status: 400,
  },
  {
    what: "a click whose trigger is an object",
    body: () => payload({ ...click, trigger_id: {} }),
    status: 400,
  },
  {
    what: "a click nested without end",
    body: () =>
      payload(0).replace("0", `{"type":"block_actions","trigger_id":"deep","a":${nested(200_000)}}`),
    status: 400,
  },
  {
    what: "an event that is a text",
    type: JSON_TYPE,
    body: () => JSON.stringify({ ...event, event: SECRET }),
    status: 400,
  },
  {
    what: "a signature by another secret",
    body: () => command(),
    headers: (body) => bySlack(body, FORM, "0".repeat(32)),
    status: 401,
  },
  {
    what: "a signature of ten minutes ago",
    body: () => command(),
    headers: (body) => bySlack(body, FORM, sandbox.json.slack.signingSecret, 600_000),
    status: 401,
  },
  {
    what: "a signature of a time to come",
    body: () => command(),
    headers: (body) => bySlack(body, FORM, sandbox.json.slack.signingSecret, -600_000),
    status: 401,
  },
  {
    what: "another body's signature",
    body: () => command(),
    headers: () => bySlack(command(), FORM),
    status: 401,
  },
  { what: "no signature", body: () => command(), headers: () => ({ "content-type": FORM }), status: 401 },
  {
    what: "a signature without its time",
    body: () => command(),
    headers: (body) => ({ "content-type": FORM, "x-slack-signature": `v0=${hmac(SECRET, body)}` }),
    status: 401,
  },
  {
    what: "malformed and wrongly signed",
    type: JSON_TYPE,
    body: () => "{",
    headers: (body) => bySlack(body, JSON_TYPE, "0".repeat(32)),
    status: 401,
  },
];

/** Acknowledged, as Slack asks for, and nothing comes of them but a word to their author. */
const IGNORED: readonly Case[] = [
  { what: "a payload of an unknown type", body: () => payload({ ...click, type: "hologram" }), status: 200 },
  { what: "an event of an unknown type", type: JSON_TYPE, body: () => JSON.stringify(event), status: 200 },
  { what: "a click on nothing", body: () => payload({ ...click, trigger_id: "click.1" }), status: 200 },
  {
    what: "a click that wants to be a command",
    body: () =>
      payload(1).replace("1", '{"type":"block_actions","trigger_id":"proto","__proto__":{"command":"/stg"}}'),
    status: 200,
  },
  { what: "broken percent encoding", body: () => command().replace("stg2", "stg2%E0%A4%A%zz%"), status: 200 },
  { what: "a null byte in a command", body: () => command({ text: "launch stg2\u0000" }), status: 200 },
];

const GITHUB: readonly Case[] = [
  { what: "broken JSON", body: () => `{"token":"${SECRET}"`, status: 400 },
  { what: "a list", body: () => `["${SECRET}"]`, status: 400 },
  { what: "a form", body: () => payload({ action: SECRET }), status: 400 },
  { what: "bytes that are no UTF-8", body: () => broken(`{"a":"${SECRET}"}`), status: 400 },
  { what: "no event", body: () => "{}", headers: (body) => byGitHub(body, {}), status: 400 },
  {
    what: "an event that is none",
    body: () => "{}",
    headers: (body) => byGitHub(body, { "x-github-event": `push"; ${SECRET}` }),
    status: 400,
  },
  { what: "nothing", body: () => "", status: 400 },
  { what: "26 MB", body: () => `{"a":"${SECRET}${"x".repeat(26 * 1024 * 1024)}"}`, status: 413 },
  {
    what: "another secret's signature",
    body: () => `{"a":"${SECRET}"}`,
    headers: () => ({ ...byGitHub("{}"), "content-type": JSON_TYPE }),
    status: 400,
  },
];

const TERMINAL: readonly Case[] = [
  { what: "broken JSON", body: () => `{"text":"${SECRET}`, status: 400 },
  { what: "a list", body: () => `["launch", "stg2", "${SECRET}"]`, status: 400 },
  { what: "words that are numbers", body: () => '{"words":["launch",2],"user":"ops"}', status: 400 },
  {
    what: "a person with a line break",
    body: () => '{"text":"launch stg2","user":"ops\\nroot"}',
    status: 400,
  },
  {
    what: "fields that nobody knows",
    body: () => `{"text":"launch stg2","user":"ops","x":"${SECRET}"}`,
    status: 400,
  },
  { what: "nesting without end", body: () => `{"text":${nested(20_000)},"user":"ops"}`, status: 400 },
  {
    what: "another token",
    body: () => '{"text":"launch stg2","user":"ops"}',
    headers: () => ({ ...byOperator(), authorization: `Bearer ${SECRET}` }),
    status: 401,
  },
];

async function play(path: string, cases: readonly Case[], sign: (one: Case, body: Body) => Headers) {
  const wrong: string[] = [];
  for (const one of cases) {
    const before = refusals(path).length;
    const body = one.body();
    const status = await post(path, one.headers?.(body) ?? sign(one, body), body);
    if (status !== one.status) wrong.push(`${one.what}: ${status} instead of ${one.status}`);
    if (status >= 400 && refusals(path).length === before) wrong.push(`${one.what}: no line in the log`);
  }
  return wrong;
}

const withSlack = (one: Case, body: Body) => bySlack(body, one.type ?? FORM);

describe("a body that its sender never sends, rightly signed or not", () => {
  it("is refused at /slack/events with the right status and a line in the log", async () => {
    expect(await play("/slack/events", SLACK, withSlack)).toEqual([]);
  });

  it("is acknowledged there and comes to nothing, where Slack may mean something by it one day", async () => {
    expect(await play("/slack/events", IGNORED, withSlack)).toEqual([]);
  });

  it("is refused at /api/github/webhooks", async () => {
    expect(await play("/api/github/webhooks", GITHUB, (_, body) => byGitHub(body))).toEqual([]);
    expect(await post("/api/github/webhooks", byGitHub("{}"), "{}")).toBe(202);
  });

  it("is refused at /api/terminal", async () => {
    expect(await play("/api/terminal", TERMINAL, byOperator)).toEqual([]);
  });

  it("opens no door that asks for a token", async () => {
    const { bot } = sandbox.json;
    for (const path of ["/", "/api/runs", "/api/slots"])
      expect([path, (await fetch(bot + path, { redirect: "manual" })).status]).toEqual([path, 401]);
    expect(await post("/api/terminal", { "content-type": JSON_TYPE }, "{}")).toBe(401);
  });

  it("has started nothing, told nothing and left the same process alive, which a good one then finds", async () => {
    const { json } = sandbox;
    await expect.poll(async () => (await fetch(`${json.bot}/readyz`)).status, { timeout: 30_000 }).toBe(200);
    expect(await runs(json)).toEqual([]);
    const log = lines().join("\n");
    expect(log).not.toContain(SECRET);
    const { WEBHOOK_SECRET = "", SLACK_SIGNING_SECRET = "", SLACK_BOT_TOKEN = "" } = sandbox.environment;
    const database = ["", "-wal"].map((end) =>
      readFileSync(join(folder, "box", `slipway.db${end}`), "latin1"),
    );
    for (const own of [WEBHOOK_SECRET, SLACK_SIGNING_SECRET, SLACK_BOT_TOKEN, terminalToken(MASTER_SECRET)]) {
      expect(own.length).toBeGreaterThan(10);
      expect([log, ...database].filter((text) => text.includes(own))).toEqual([]);
    }
    expect(log.match(/"msg":"ready"/g)).toHaveLength(1);
    // The control: what is well-formed does start something, and would have been seen.
    const body = command();
    expect(await post("/slack/events", bySlack(body, FORM), body)).toBe(200);
    expect((await waitForRun(json, 1, ["succeeded"])).target).toBe("stg2");
    await slash(json, "developer", "status");
  });
});
