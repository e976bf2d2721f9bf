import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { api, calls, slash, waitForRun } from "../../sandbox/client.ts";
import { signedHeaders } from "../../sandbox/slack/signature.ts";
import { type Sandbox, startSandbox } from "../../sandbox/supervisor/start.ts";
import type { JsonObject } from "../../src/util/json.ts";

const MARKER = "MARKER-that-is-no-secret-7f3a";
const PLANTED = {
  GIT_TOKEN: "ghp_planted0123456789abcdefGIT",
  E2E_PASSWORD: "planted-E2E-password-0123456789",
  SLIPWAY_SECRET: "planted-master-secret-0123456789abcdef",
};
const COMMANDS = 10_000;
const AT_ONCE = 50;

let dir: string;
let sandbox: Sandbox;

beforeAll(async () => {
  dir = join(mkdtempSync(join(tmpdir(), "slipway-secrets-")), "box");
  sandbox = await startSandbox({ dir, port: 0, env: PLANTED, config: planted });
}, 120_000);
afterAll(async () => {
  await sandbox.stop();
  rmSync(join(dir, ".."), { recursive: true, force: true });
}, 60_000);

/** A service update that tells its secrets to everyone, and then fails with one of them in its last line. */
function planted(config: JsonObject): JsonObject {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: filled by the configuration's loader
  const env = { TOKEN: "${GIT_TOKEN}", PASSWORD: "${E2E_PASSWORD}", MARK: MARKER };
  const tell = 'echo "the token is $TOKEN"; echo "the password is $PASSWORD, the mark is $MARK" >&2';
  return {
    ...config,
    serviceUpdate: {
      env,
      steps: [
        { name: "Tell", run: tell },
        { name: "Fail", run: `${tell}; exit 3` },
      ],
    },
  };
}

/** Every secret that the bot has: the planted ones, and those that the sandbox made. */
function secrets(): Map<string, string> {
  const { environment, json } = sandbox;
  const found = new Map(Object.entries(PLANTED));
  for (const name of [
    "SLACK_BOT_TOKEN",
    "SLACK_SIGNING_SECRET",
    "WEBHOOK_SECRET",
    "DASHBOARD_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
  ]) {
    const value = environment[name];
    if (value === undefined) throw new Error(`The sandbox gives no ${name}.`);
    found.set(name, value);
  }
  const key = readFileSync(join(dir, "keys", "slot"), "utf8")
    .split("\n")
    .filter((line) => /^[A-Za-z0-9+/=]{40,}$/.test(line));
  for (const [index, line] of key.entries()) found.set(`SSH key, line ${index + 1}`, line);
  expect(key.length).toBeGreaterThan(2);
  expect(json.slack.botToken).toBe(found.get("SLACK_BOT_TOKEN"));
  return found;
}

/** Everything that the bot has written, by where. The sandbox's own files (its keys, its lists) are not the bot's. */
async function traces(): Promise<Map<string, string>> {
  const { json } = sandbox;
  const found = new Map<string, string>();
  const take = (path: string) => found.set(path, readFileSync(path, "latin1"));
  for (const name of readdirSync(dir)) {
    if (/^slipway\.db(-wal)?$/.test(name)) take(join(dir, name));
    if (/^slipway\.db\.(jobs|artifacts)$/.test(name)) filesIn(join(dir, name)).forEach(take);
  }
  take(join(dir, "logs", "bot.log"));
  found.set("calls to Slack", JSON.stringify(await calls(json, "slack")));
  found.set("the API", JSON.stringify(await api(json, "/api/runs?limit=50")));
  found.set("a run's log", await logOf(1));
  return found;
}

function filesIn(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesIn(path) : [path];
  });
}

async function logOf(run: number): Promise<string> {
  const { json } = sandbox;
  const answer = await fetch(`${json.bot}/api/runs/${run}/log`, {
    headers: { authorization: `Bearer ${json.dashboardToken}` },
  });
  return await answer.text();
}

function where(needle: string, haystacks: ReadonlyMap<string, string>): string[] {
  return [...haystacks].filter(([, text]) => text.includes(needle)).map(([place]) => place);
}

describe("a secret", () => {
  it("that steps tell to everyone is found in no log, no database and no call to Slack", {
    timeout: 90_000,
  }, async () => {
    await slash(sandbox.json, "developer", "launch stg1 --tests none");
    const run = await waitForRun(sandbox.json, 1, ["failed", "succeeded", "cancelled"]);
    expect(run.state).toBe("failed");
    await expect
      .poll(async () => JSON.stringify(await calls(sandbox.json, "slack")), { timeout: 30_000 })
      .toContain(MARKER);
    const haystacks = await traces();
    // The control: what is no secret got into all those places, so a secret would have, too.
    const marked = where(MARKER, haystacks);
    expect(marked).toEqual(expect.arrayContaining(["calls to Slack", "the API", "a run's log"]));
    expect(marked.some((place) => /slipway\.db(-wal)?$/.test(place))).toBe(true);
    const leaks = [...secrets()].flatMap(([name, value]) =>
      where(value, haystacks).map((place) => `${name} in ${place}`),
    );
    expect(leaks).toEqual([]);
    expect(await logOf(1)).toContain("[secret GIT_TOKEN]");
  });
});

describe("requests that are no commands", () => {
  it("are refused, start nothing and leave the bot alive", async () => {
    const { json } = sandbox;
    const url = `${json.bot}/slack/events`;
    const body = new URLSearchParams({
      command: "/stg",
      text: "launch stg2",
      team_id: json.slack.team,
      user_id: json.slack.user,
      channel_id: json.slack.channel,
      trigger_id: "1.2.3",
    }).toString();
    const good = signedHeaders(json.slack.signingSecret, body, Date.now());
    const cases: [string, Record<string, string>, string][] = [
      ["wrong secret", signedHeaders("0".repeat(32), body, Date.now()), body],
      ["stale", signedHeaders(json.slack.signingSecret, body, Date.now() - 10 * 60_000), body],
      ["from the future", signedHeaders(json.slack.signingSecret, body, Date.now() + 10 * 60_000), body],
      ["another body", good, body.replace("stg2", "stg3")],
      ["no signature", { "content-type": good["content-type"] ?? "" }, body],
    ];
    const before = (await runsNow()).length;
    for (const [what, headers, sent] of cases) {
      const answer = await fetch(url, { method: "POST", headers, body: sent });
      expect([what, answer.status >= 400 && answer.status < 500]).toEqual([what, true]);
    }
    for (const path of ["/api/runs", "/api/slots", "/", "/api/terminal"]) {
      const answer = await fetch(`${json.bot}${path}`, {
        method: path === "/api/terminal" ? "POST" : "GET",
        redirect: "manual",
      });
      expect([path, answer.status]).toEqual([path, 401]);
    }
    expect((await runsNow()).length).toBe(before);
  });

  it(`may be ${COMMANDS} random texts, well signed: nothing starts, and memory stays`, {
    timeout: 240_000,
  }, async () => {
    const { json } = sandbox;
    const before = (await runsNow()).length;
    const random = generator(20_261_121);
    let sent = 0;
    const worker = async () => {
      while (sent < COMMANDS) {
        const text = randomText(random, sent++);
        const body = new URLSearchParams({
          command: "/stg",
          text,
          team_id: json.slack.team,
          user_id: json.slack.user,
          channel_id: json.slack.channel,
          trigger_id: `fuzz.${sent}`,
        }).toString();
        const headers = signedHeaders(json.slack.signingSecret, body, Date.now());
        const answer = await fetch(`${json.bot}/slack/events`, { method: "POST", headers, body });
        if (answer.status !== 200) throw new Error(`${answer.status} for ${JSON.stringify(text)}`);
        await answer.arrayBuffer();
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    await expect.poll(async () => (await fetch(`${json.bot}/readyz`)).status, { timeout: 60_000 }).toBe(200);
    expect((await runsNow()).length).toBe(before);
    const resident = Number(
      /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${json.pids.bot}/status`, "utf8"))?.[1],
    );
    expect(resident).toBeLessThan(900_000);
  });
});

async function runsNow(): Promise<readonly unknown[]> {
  return ((await api(sandbox.json, "/api/runs?limit=500")) as { runs: unknown[] }).runs;
}

function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const PIECES = [
  "launch",
  "lunch",
  "stg1",
  "stg2",
  "--tests",
  "--keep",
  "—keep",
  "=",
  '"',
  "'",
  "`id`",
  "$(id)",
  ";",
  "\u0000",
  "\u202e",
  "😀",
  "<!channel>",
  "../..",
  "%s",
  "null",
  "unlock",
  "--force",
  "\n",
  "ﷺ",
];

/** Words of commands and of other worlds behind a first word that is no command; now and then very long. */
function randomText(random: () => number, index: number): string {
  if (index % 500 === 0) return "x".repeat(3_000);
  const count = 1 + Math.floor(random() * 8);
  const first = NO_COMMANDS[Math.floor(random() * NO_COMMANDS.length)] ?? "lunch";
  return `${first} ${words(random, count)}`;
}

const NO_COMMANDS = [
  "lunch",
  "launchstg1",
  "--force",
  "—",
  "'launch",
  "<@U0>",
  "0",
  "\u0000launch",
  "LAUNCH!",
  "/stg",
];

function words(random: () => number, count: number): string {
  return Array.from({ length: count }, () => PIECES[Math.floor(random() * PIECES.length)] ?? "").join(
    random() < 0.7 ? " " : "",
  );
}
