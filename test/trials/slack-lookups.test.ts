import BetterSqlite3 from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { calls, faults } from "../../sandbox/client.ts";
import { databaseOf } from "../crash/support/bot.ts";
import { changed } from "../crash/support/versions.ts";
import { ask, eventually } from "./support/scene.ts";
import { Stand } from "./support/stand.ts";

/**
 * Roles by user groups, over many restarts of a real bot in a short time. Before each command the sandbox's Slack is
 * asked until its limit of such questions is met: a bot that asked as well would be told to wait.
 */
const METHOD = "usergroups.users.list";
const RESTARTS = 12;
const LIMIT_MS = 5 * 60_000;
const FORGETFUL = {
  file: "handlers/lookups.ts",
  find: "await findLookup(guard.db, source, key)",
  replace: "(await findLookup(guard.db, source, key), null)",
};
let stand: Stand;

beforeAll(async () => {
  stand = await Stand.open({ config: (config) => ({ ...config, access: { roles: groups() } }) });
}, 120_000);
afterAll(async () => {
  await stand.close();
}, 60_000);

function groups() {
  return {
    viewer: { slack: ["everyone"] },
    developer: { slack: ["S0DEVELOPERS"] },
    maintainer: { slack: ["S0MAINTAINERS"] },
    release: { slack: ["S0RELEASE"] },
  } as const;
}

/** Whoever asks Slack from here on for the next seconds has to wait. */
async function exhaust(): Promise<void> {
  const { api, botToken } = stand.yard.json.slack;
  for (;;) {
    const answer = await fetch(new URL(`/api/${METHOD}?usergroup=S0DEVELOPERS`, api), {
      method: "POST",
      headers: { authorization: `Bearer ${botToken}` },
    });
    await answer.arrayBuffer();
    if (answer.status === 429) return;
  }
}

/** Gives a command until Slack has room for the questions that it takes. */
async function getKnown(): Promise<void> {
  const heard = () => ask(stand, "queue");
  await eventually("known by role", heard, (answer) => answer.includes("Nobody waits"), 60_000);
}

async function asked(): Promise<number> {
  return (await calls(stand.yard.json, "slack")).filter(({ action }) => action === METHOD).length;
}

/** Makes every kept answer older than it is. */
function age(ms: number): void {
  const db = new BetterSqlite3(databaseOf(stand.trial.folder));
  db.prepare("update lookups set asked_at = asked_at - ?").run(ms);
  db.close();
}

describe("a bot that is killed and started again and again", () => {
  it("knows its people's roles at once, every time, and asks Slack nothing", async () => {
    await getKnown();
    for (let start = 0; start < RESTARTS; start += 1) {
      await stand.trial.kill();
      await stand.trial.start();
      await exhaust();
      const before = await asked();
      expect(await ask(stand, "queue")).toContain("Nobody waits");
      expect(await asked()).toBe(before);
    }
  });

  it("control: one that forgets is told to wait, and tells its people so", async () => {
    await stand.renew([FORGETFUL]);
    await getKnown();
    await stand.trial.kill();
    await stand.trial.start(changed(FORGETFUL));
    await exhaust();
    const answer = await ask(stand, "queue");
    expect(answer).toContain("`permission_lookup_failed`");
    expect(answer).toContain("Slack could not be asked which user groups you are in");
    expect(answer).toMatch(/wants to be left alone for \d+s/);
    expect(answer).not.toContain("role_missing");
  });

  it("uses a kept answer while Slack is down, up to five minutes, and then gives nobody a role", async () => {
    await stand.renew();
    await getKnown();
    await faults(stand.yard.json, [{ action: "user*", mode: "error-before", rate: 1 }], "slack");
    await stand.trial.kill();
    age(LIMIT_MS - 60_000);
    await stand.trial.start();
    expect(await ask(stand, "queue")).toContain("Nobody waits");
    await stand.trial.kill();
    age(60_000);
    await stand.trial.start();
    const refused = await ask(stand, "lock stg1");
    expect(refused).toContain("`permission_lookup_failed`");
    expect(refused).toContain("Nothing was started.");
    await faults(stand.yard.json, [], "slack");
    await getKnown();
    expect(await ask(stand, "status", "viewer")).toMatch(/stg1.* free/);
    expect(await ask(stand, "lock stg1", "viewer")).toContain("`role_missing`");
  });
});
