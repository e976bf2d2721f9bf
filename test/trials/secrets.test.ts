import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { calls } from "../../sandbox/client.ts";
import type { JsonObject } from "../../src/util/json.ts";
import type { Patch } from "../crash/support/versions.ts";
import { writeSuite } from "../testing/helpers.ts";
import { ask, eventually, threadOf, untilSlot } from "./support/scene.ts";
import { Stand } from "./support/stand.ts";

/** Told beside every secret: where it is found, a secret would have been, too. */
const MARK = "MARK-that-is-no-secret-7f3a";
const PLANTED = {
  GIT_TOKEN: "ghp_planted0123456789abcdefGIT",
  OAUTH_SECRET: "Zq9-oauth-planted-0123456789",
  E2E_PASSWORD: "planted-E2E-password-0123456789",
  SLIPWAY_SECRET: "planted-master-secret-0123456789abcdef",
};
/** What is left of the secret where a long message is cut in its middle. */
const BEGINNING = PLANTED.OAUTH_SECRET.slice(0, 8);

/** The suite tells what it was given: on its console, in a comparison, and where a long message is cut. */
const SPEC = `
import { expect, test } from "@playwright/test";
const { OAUTH_SECRET = "", TEST_PASSWORD = "", KEY = "" } = process.env;
const key = Buffer.from(KEY, "base64").toString();
test("compares a secret", () => {
  console.log("${MARK}", OAUTH_SECRET, key);
  console.error("${MARK}", TEST_PASSWORD, JSON.stringify({ key }));
  expect("${MARK} " + OAUTH_SECRET).toBe("${MARK} " + OAUTH_SECRET.replace("oauth", "OAUTH"));
});
test("throws the key " + OAUTH_SECRET, () => {
  throw new Error("${MARK} " + key);
});
test("throws a long text", () => {
  throw new Error("x".repeat(1_985) + OAUTH_SECRET);
});
`;

const NOT_REDACTED: Patch = {
  file: "src/util/redact.ts",
  find: "if (this.#names.size === 0) return text;",
  replace: "if (this.#names.size >= 0) return text;",
};
const NOT_CLEARED: Patch = {
  file: "src/remote/job/control.ts",
  find: 'return (await ask(transport, CLEAN, id, signal)) === "clean";',
  replace: "return true;",
};
const REPORTS_AS_THEY_ARE: Patch = {
  file: "src/bot/bot.ts",
  find: "redact: (text) => redact.text(text),",
  replace: "",
};

const folder = mkdtempSync(join(tmpdir(), "slipway-told-"));
/** What the service update's last step does: nothing while it is not there. */
const mood = join(folder, "mood");
let stand: Stand;

beforeAll(async () => {
  const suite = writeSuite(folder, { "tests/told.spec.ts": SPEC });
  stand = await Stand.open({ env: PLANTED, config: (config) => telling(config, suite) });
}, 120_000);
afterAll(async () => {
  await stand.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

function telling(config: JsonObject, suite: string): JsonObject {
  const secrets = { OAUTH_SECRET: filled("OAUTH_SECRET"), KEY: filled("SLOT_SSH_KEY") };
  const tell = `echo "${MARK} $TOKEN $OAUTH_SECRET"; echo "${MARK} $PASSWORD" >&2; echo "$KEY" | base64 -d`;
  return {
    ...config,
    serviceUpdate: {
      env: { ...secrets, TOKEN: filled("GIT_TOKEN"), PASSWORD: filled("E2E_PASSWORD"), MOOD: mood },
      steps: [
        { name: "Start LMS", run: "platform lms start" },
        { name: "Start services", run: "docker compose up -d" },
        { name: "Tell there", run: tell },
        { name: "Tell here", local: ["sh", "-c", tell] },
        { name: "Well", waitFor: "http://localhost:8080/health", every: "100ms", attempts: 200 },
        {
          name: "In a mood",
          run: `[ -e "$MOOD" ] || exit 0; ${tell}; case $(cat "$MOOD") in hang) echo > "$MOOD.told"; sleep 60;; *) exit 3;; esac`,
        },
      ],
    },
    tests: {
      runner: "local",
      directory: suite,
      browsers: ["chrome"],
      workers: 1,
      timeout: "2m",
      env: secrets,
      users: { chrome: { name: "userchrome", password: filled("E2E_PASSWORD") } },
    },
  };
}

function filled(name: string): string {
  return `\${${name}}`;
}

/** Every secret that the bot has: the planted ones, and those that the sandbox made. */
function secrets(): Map<string, string> {
  const { environment } = stand.yard;
  const found = new Map<string, string>([...Object.entries(PLANTED), ["the beginning of one", BEGINNING]]);
  for (const name of [
    "SLACK_BOT_TOKEN",
    "SLACK_SIGNING_SECRET",
    "DASHBOARD_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "SLOT_SSH_KEY",
  ]) {
    const value = environment[name];
    if (value === undefined) throw new Error(`The sandbox gives no ${name}.`);
    found.set(name, value);
  }
  const key = readFileSync(join(stand.yard.folder, "sandbox", "keys", "slot"), "utf8").split("\n");
  // The first line is the same in every key of this kind.
  const lines = key.filter((line) => /^[A-Za-z0-9+/=]{40,}$/.test(line)).slice(1);
  expect(lines.length).toBeGreaterThan(2);
  for (const [index, line] of lines.entries()) found.set(`SSH key, line ${index + 2}`, line);
  return found;
}

/** Everything that the bot has written anywhere, by the kind of place: its machine, its instances, what it sends. */
async function traces(): Promise<Map<string, string>> {
  const { yard, trial } = stand;
  const found = new Map<string, string>();
  const take = (place: string, files: readonly string[]) =>
    found.set(place, files.map((file) => `${file}\n${readFileSync(file, "latin1")}`).join("\n"));
  const here = filesIn(trial.folder);
  const isIn = (name: string) => (file: string) => file.startsWith(join(trial.folder, name));
  take(
    "the database",
    here.filter((file) => /slipway\.db(-wal|-shm|-journal)?$/.test(file)),
  );
  take("its log", here.filter(isIn("log")));
  take("its jobs", here.filter(isIn("slipway.db.jobs")));
  take("its artifacts", here.filter(isIn("slipway.db.artifacts")));
  take("all its files", here);
  take("the instances", filesIn(machines()));
  found.set("calls to Slack", JSON.stringify(await calls(yard.json, "slack")));
  for (const path of ["/api/runs?limit=50", "/api/slots", "/", "/metrics"])
    found.set(path, await answerOf(path));
  for (const { id } of trial.journal.runs())
    found.set(`log of run ${id}`, await answerOf(`/api/runs/${id}/log`));
  return found;
}

/** Where the cloud keeps the disks of its machines. */
function machines(): string {
  return join(stand.yard.folder, "sandbox", "cloud");
}

function filesIn(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .map((name) => join(path, name))
    .filter(isFile);
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

async function answerOf(path: string): Promise<string> {
  const { bot, dashboardToken } = stand.yard.json;
  const answer = await fetch(bot + path, { headers: { authorization: `Bearer ${dashboardToken}` } });
  return await answer.text();
}

/** `SECRET in PLACE`, each that there is. */
function leaks(places: ReadonlyMap<string, string>): string[] {
  return [...secrets()].flatMap(([name, value]) =>
    where(value, places).map((place) => `${name} in ${place}`),
  );
}

function where(needle: string, places: ReadonlyMap<string, string>): string[] {
  return [...places].filter(([, text]) => text.includes(needle)).map(([place]) => place);
}

/** Launches and keeps: the suite fails, and the instance stands to be searched. Gives what Slack was told. */
async function launchAndKeep(): Promise<string> {
  rmSync(mood, { force: true });
  const known = (await calls(stand.yard.json, "slack")).length;
  const { id } = await stand.begin("launch stg1 --keep 20m");
  expect((await stand.ended(id)).outcome.fault?.code).toBe("tests_failed");
  return await eventually(
    "told in Slack",
    async () => JSON.stringify((await calls(stand.yard.json, "slack")).slice(known)),
    (text) => text.includes("throws a long text") && text.includes(`Run #${id} failed`),
  );
}

/** Updates what stands there, in a mood. */
async function updateIn(what: "fail" | "hang") {
  writeFileSync(mood, what);
  return await stand.begin("update stg1");
}

describe("secrets that steps and tests tell to everyone", () => {
  it("are nowhere after a launch whose tests fail", async () => {
    expect(await launchAndKeep()).toContain("throws the key [secret OAUTH_SECRET]");
    const places = await traces();
    // What is no secret was told in all these places, so a secret would have been, too.
    const told = ["the database", "its artifacts", "calls to Slack", "log of run 1"];
    expect(where(MARK, places)).toEqual(expect.arrayContaining(told));
    expect(places.get("log of run 1")).toContain("[secret E2E_PASSWORD]");
    expect(places.get("/api/runs?limit=50")).toContain("[secret OAUTH_SECRET]");
    // The jobs were there, and can still say how they ended.
    expect(filesIn(machines()).filter((file) => /jobs\/[0-9a-f]{32}\/exit$/.test(file))).not.toEqual([]);
    expect(leaks(places)).toEqual([]);
  }, 90_000);

  it("are nowhere after an update that fails, and one that is cancelled while it tells", async () => {
    const failed = await updateIn("fail");
    expect((await stand.ended(failed.id)).state).toBe("failed");
    expect(await threadOf(stand, failed.id)).toContain(`${MARK} [secret GIT_TOKEN]`);
    const hanging = await updateIn("hang");
    await stand.untilStep(hanging.id, /In a mood$/);
    await eventually(
      "told",
      () => statSync(`${mood}.told`, { throwIfNoEntry: false }),
      (file) => file !== undefined,
    );
    await stand.say(`cancel ${hanging.id}`);
    expect((await stand.ended(hanging.id)).state).toBe("cancelled");
    expect(leaks(await traces())).toEqual([]);
    await ask(stand, "terminate stg1");
    await untilSlot(stand, "stg1", "free");
    expect(leaks(await traces())).toEqual([]);
  }, 90_000);
});

describe("the controls", () => {
  it("a bot without a redactor that leaves its jobs' output lying is found out everywhere", async () => {
    await stand.renew([NOT_REDACTED, NOT_CLEARED]);
    await launchAndKeep();
    const places = await traces();
    const found = where(PLANTED.OAUTH_SECRET, places);
    expect(found).toEqual(
      expect.arrayContaining([
        "the database",
        "its log",
        "its jobs",
        "its artifacts",
        "the instances",
        "calls to Slack",
        "/api/runs?limit=50",
        "log of run 1",
      ]),
    );
    expect(leaks(places)).toContain("SSH key, line 3 in calls to Slack");
  }, 90_000);

  it("so is one that keeps the suite's reports as they are, and cuts before it redacts", async () => {
    await stand.renew([REPORTS_AS_THEY_ARE]);
    await launchAndKeep();
    const found = leaks(await traces());
    expect(found).toContain("OAUTH_SECRET in its artifacts");
    expect(found).toContain("the beginning of one in the database");
    expect(found).not.toContain("OAUTH_SECRET in the database");
  }, 90_000);
});
