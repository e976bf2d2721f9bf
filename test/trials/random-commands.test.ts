import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runs } from "../../sandbox/client.ts";
import { signedHeaders } from "../../sandbox/slack/signature.ts";
import { type Sandbox, startSandbox } from "../../sandbox/supervisor/start.ts";

const COMMANDS = 10_000;
const AT_ONCE = 50;

let dir: string;
let sandbox: Sandbox;

beforeAll(async () => {
  dir = join(mkdtempSync(join(tmpdir(), "slipway-random-")), "box");
  sandbox = await startSandbox({ dir, port: 0 });
}, 120_000);
afterAll(async () => {
  await sandbox.stop();
  rmSync(join(dir, ".."), { recursive: true, force: true });
}, 60_000);

it(`${COMMANDS} random texts, well signed: nothing starts, and memory stays`, {
  timeout: 240_000,
}, async () => {
  const { json } = sandbox;
  const before = (await runs(json)).length;
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
  expect((await runs(json)).length).toBe(before);
  const resident = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${json.pids.bot}/status`, "utf8"))?.[1]);
  expect(resident).toBeLessThan(900_000);
});

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
