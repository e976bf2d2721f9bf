import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { finished, requestIn, runnerIn, settingsFor, temporaryFolder, writeSuite } from "./helpers.ts";

const SECRET = "xoxb-planted-secret-5f1d";

/** Notes every environment that the suite can read: its own, and those of all processes above it. */
const spy = (file: string) => `
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "@playwright/test";
test("looks around", () => {
  const above: string[] = [];
  for (let pid = process.ppid; pid > 1; ) {
    try { above.push(readFileSync("/proc/" + pid + "/environ", "utf8")); } catch { break; }
    const stat = readFileSync("/proc/" + pid + "/stat", "utf8");
    pid = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  }
  writeFileSync(${JSON.stringify(file)}, JSON.stringify({ own: process.env, above }));
});
`;

async function lookAround(
  env: Record<string, string>,
): Promise<{ own: Record<string, string>; all: string }> {
  const folder = temporaryFolder();
  const file = join(folder, "seen.json");
  const settings = settingsFor(writeSuite(folder, { "tests/spy.spec.ts": spy(file) }), {
    env,
    users: { chrome: { name: "ann", password: 'it\'s "quoted" $HOME' } },
  });
  const bot = { ...process.env, SLACK_BOT_TOKEN: SECRET };
  const run = finished(await runnerIn(folder, bot).run(requestIn(folder, settings)));
  expect(run.verdict).toMatchObject({ ok: true });
  const text = readFileSync(file, "utf8");
  const { own, above } = JSON.parse(text) as { own: Record<string, string>; above: string[] };
  expect(above.length).toBeGreaterThan(0);
  return { own, all: text };
}

test("a suite sees what it is given and nothing of the bot's environment", async () => {
  process.env.SLACK_BOT_TOKEN = SECRET;
  try {
    const { own, all } = await lookAround({ BASE_URL: "http://stg1.example.org" });
    expect(all).not.toContain(SECRET);
    expect(own).toMatchObject({
      BASE_URL: "http://stg1.example.org",
      CI: "1",
      TEST_USER: "ann",
      TEST_PASSWORD: 'it\'s "quoted" $HOME',
      PATH: process.env.PATH,
    });
    // Names that Playwright, its workers, the shell and the job's wrapper set themselves.
    const theirs =
      /^(PLAYWRIGHT_|SLIPWAY_|TEST_(WORKER|PARALLEL)_INDEX$|PWD$|OLDPWD$|SHLVL$|_$|_sw_|FORCE_COLOR$|DEBUG_COLORS$|BROWSERSLIST_IGNORE_OLD_DATA$|NODE_OPTIONS$|PW)/;
    const given = ["PATH", "HOME", "LANG", "TZ", "CI", "BASE_URL", "TEST_USER", "TEST_PASSWORD"];
    const others = Object.keys(own).filter((name) => !theirs.test(name) && !given.includes(name));
    expect(others).toEqual([]);
    expect(Object.keys(own).filter((name) => name.startsWith("_sw_"))).toEqual([]);
  } finally {
    delete process.env.SLACK_BOT_TOKEN;
  }
}, 60_000);

test("the control: a secret that the configuration hands to the suite is noticed", async () => {
  const { own, all } = await lookAround({ LEAK: SECRET });
  expect(all).toContain(SECRET);
  expect(own.LEAK).toBe(SECRET);
}, 60_000);
