import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { webApi } from "@slack/bolt";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { refusalText } from "../../commands/lib/refusal-text.ts";
import { toPlain } from "../../commands/lib/text.ts";
import { type OpenDatabase, openDatabase } from "../../db/connection.ts";
import type { SlackDirectory } from "../../handlers/people.ts";
import { slackAuthority } from "../../handlers/roles.ts";
import { clientOptions } from "../../handlers/slack/client.ts";
import { createDirectory } from "../../handlers/slack/directory.ts";
import type { Fault } from "../../sandbox/front/faults.ts";
import { type SlackFront, startSlackFront } from "../../sandbox/slack/front.ts";
import { TEAM } from "../../sandbox/slack/people.ts";
import { sleep } from "../../src/util/clock.ts";
import { CONFIG, loaded, SteppingClock, silent } from "../support/bot.ts";
import { takeGuard } from "../support/engine.ts";

/** Who is in which group, asked of the sandbox's Slack with its limits, by bots that begin anew on one database. */
const DEVELOPERS = "S0DEVELOPERS";
const MEMBERS = ["U0DEVELOPER", "U0DEVELOPER2"];
const MINUTE = 60_000;
const METHOD = "usergroups.users.list";

let folder: string;
let slack: SlackFront;
let clock: SteppingClock;
let open: OpenDatabase | undefined;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "slipway-lookups-"));
  clock = new SteppingClock();
  const manifest = join(import.meta.dirname, "..", "..", "slack.yml");
  slack = await startSlackFront({
    botToken: "xoxb-test",
    signingSecret: "secret",
    botUrl: "http://127.0.0.1:9",
    manifest,
    clock,
  });
});
afterEach(async () => {
  await open?.close();
  open = undefined;
  await slack.close();
  rmSync(folder, { recursive: true });
});

/** A new process: nothing in memory, the database as the one before left it. */
async function restart(file = "slipway.db"): Promise<SlackDirectory> {
  await open?.close();
  open = await openDatabase(join(folder, file));
  const guard = await takeGuard(open.db);
  const client = new webApi.WebClient("xoxb-test", {
    ...clientOptions({ apiUrl: `${slack.url}/api/`, log: silent }),
    retryConfig: { retries: 0 },
  });
  return createDirectory(client, { guard, clock, log: silent });
}

async function asked(method = METHOD): Promise<number> {
  const calls = (await (await fetch(`${slack.url}/_sandbox/calls`)).json()) as { action: string }[];
  return calls.filter(({ action }) => action === method).length;
}

async function untilAsked(times: number): Promise<void> {
  while ((await asked()) < times) await sleep(5);
}

async function arm(...faults: Fault[]): Promise<void> {
  await fetch(`${slack.url}/_sandbox/faults`, { method: "POST", body: JSON.stringify(faults) });
}

const always = (mode: Fault["mode"], more: Partial<Fault> = {}): Fault => ({
  action: "user*",
  mode,
  rate: 1,
  ...more,
});

describe("answers of Slack", () => {
  it("outlive the process: forty restarts within a minute ask once", async () => {
    for (let start = 0; start < 40; start += 1) {
      expect(await (await restart()).groupMembers(DEVELOPERS)).toEqual(MEMBERS);
      clock.ahead += 1_000;
    }
    expect(await asked()).toBe(1);
  });

  it("control: bots that forget meet Slack's limit", async () => {
    const refused: unknown[] = [];
    for (let start = 0; start < 40; start += 1) {
      const directory = await restart(`forgetful-${start}.db`);
      await directory.groupMembers(DEVELOPERS).catch((error) => refused.push(error));
    }
    expect(refused.length).toBeGreaterThan(0);
    // A slow machine has waited for a part of it already.
    expect(refused[0]).toMatchObject({
      code: "lookup_failed",
      retryAfterMs: expect.toSatisfy((ms: number) => ms > 0 && ms <= 3_000),
    });
  });

  it("hold for five minutes while Slack fails, and not a moment longer", async () => {
    await (await restart()).groupMembers(DEVELOPERS);
    await arm(always("error-before"));
    clock.ahead = 5 * MINUTE - 1_000;
    expect(await (await restart()).groupMembers(DEVELOPERS)).toEqual(MEMBERS);
    clock.ahead = 5 * MINUTE + 1_000;
    const directory = await restart();
    await expect(directory.groupMembers(DEVELOPERS)).rejects.toMatchObject({ code: "lookup_failed" });
    await arm();
    expect(await directory.groupMembers(DEVELOPERS)).toEqual(MEMBERS);
  });

  it("hold no longer in memory either", async () => {
    const directory = await restart();
    await directory.groupMembers(DEVELOPERS);
    await arm(always("error-before"));
    clock.ahead = 5 * MINUTE - 1_000;
    expect(await directory.groupMembers(DEVELOPERS)).toEqual(MEMBERS);
    clock.ahead = 5 * MINUTE + 1_000;
    await expect(directory.groupMembers(DEVELOPERS)).rejects.toMatchObject({ code: "lookup_failed" });
  });

  it("from the future are not believed: the clock was set back", async () => {
    clock.ahead = 60 * MINUTE;
    await (await restart()).groupMembers(DEVELOPERS);
    clock.ahead = 0;
    await arm(always("error-before"));
    await expect((await restart()).groupMembers(DEVELOPERS)).rejects.toMatchObject({ code: "lookup_failed" });
  });

  it("are renewed half way to their limit without anybody waiting for it", async () => {
    const directory = await restart();
    await directory.groupMembers(DEVELOPERS);
    clock.ahead = 2 * MINUTE;
    await directory.groupMembers(DEVELOPERS);
    expect(await asked()).toBe(1);
    clock.ahead = 3 * MINUTE;
    expect(await directory.groupMembers(DEVELOPERS)).toEqual(MEMBERS);
    await untilAsked(2);
    // The new answer counts from when it was asked for.
    await expect
      .poll(
        async () => {
          const row = await open?.db.selectFrom("lookups").select("asked_at").executeTakeFirstOrThrow();
          return clock.now() - (row?.asked_at ?? 0);
        },
        { timeout: 30_000 },
      )
      .toBeLessThan(MINUTE);
    await arm(always("error-before"));
    clock.ahead = 7 * MINUTE;
    expect(await (await restart()).groupMembers(DEVELOPERS)).toEqual(MEMBERS);
  });

  it.each(["error-before", "error-after", "garbage"] as const)(
    "that are %s give nobody a role",
    async (mode) => {
      await arm(always(mode));
      const directory = await restart();
      await expect(directory.groupMembers(DEVELOPERS)).rejects.toMatchObject({ code: "lookup_failed" });
      await expect(directory.person("U0DEVELOPER")).rejects.toMatchObject({ code: "lookup_failed" });
    },
  );

  it("in a form that another version wrote are asked for again", async () => {
    await (await restart()).groupMembers(DEVELOPERS);
    await open?.db.updateTable("lookups").set({ answer_json: '{"users":["U0VIEWER"]}' }).execute();
    expect(await (await restart()).groupMembers(DEVELOPERS)).toEqual(MEMBERS);
    expect(await asked()).toBe(2);
  });
});

describe("Retry-After", () => {
  it("is kept, by the next process too", async () => {
    await arm(always("ratelimited", { retryAfter: 30, rate: 1 }));
    await expect((await restart()).groupMembers(DEVELOPERS)).rejects.toMatchObject({ retryAfterMs: 30_000 });
    await arm();
    clock.ahead = 10_000;
    const directory = await restart();
    const early = directory.groupMembers(DEVELOPERS);
    await expect(early).rejects.toMatchObject({ retryAfterMs: expect.any(Number) });
    const left = await early.catch(({ retryAfterMs }) => retryAfterMs as number);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(20_000);
    // Any group: the limit is the method's.
    await expect(directory.groupMembers("S0RELEASE")).rejects.toMatchObject({ code: "lookup_failed" });
    expect(await asked()).toBe(1);
    clock.ahead = 31_000;
    expect(await directory.groupMembers(DEVELOPERS)).toEqual(MEMBERS);
    expect(await asked()).toBe(2);
  });

  it("leaves a valid answer in use", async () => {
    await (await restart()).groupMembers(DEVELOPERS);
    await arm(always("ratelimited", { retryAfter: 60 }));
    clock.ahead = 4 * MINUTE;
    const directory = await restart();
    for (let time = 0; time < 5; time += 1) expect(await directory.groupMembers(DEVELOPERS)).toEqual(MEMBERS);
    await untilAsked(2);
    expect(await directory.groupMembers(DEVELOPERS)).toEqual(MEMBERS);
    expect(await asked()).toBe(2);
  });

  it("written under a clock that was far ahead is not waited for", async () => {
    clock.ahead = 24 * 60 * MINUTE;
    await arm(always("ratelimited", { retryAfter: 30 }));
    await expect((await restart()).groupMembers(DEVELOPERS)).rejects.toMatchObject({ retryAfterMs: 30_000 });
    await arm();
    clock.ahead = 0;
    expect(await (await restart()).groupMembers(DEVELOPERS)).toEqual(MEMBERS);
  });
});

describe("a person whose roles cannot be looked up", () => {
  const { config } = loaded(CONFIG.replace("T0ACME", TEAM.id).replace("S0DEVS, U0DEV, U0DEV2", DEVELOPERS));
  const asker = { userId: "U0DEVELOPER", teamId: TEAM.id, userName: "developer" };
  const authority = async (directory: SlackDirectory) =>
    await slackAuthority(directory, config, asker, () => {});

  it("has none, and is told that the look-up failed and when to try again", async () => {
    await arm({ action: METHOD, mode: "ratelimited", rate: 1, retryAfter: 42 });
    const directory = await restart();
    const { roles, withoutRoles } = await authority(directory);
    expect([...roles]).toEqual([]);
    expect(withoutRoles?.reasonCode).toBe("permission_lookup_failed");
    if (withoutRoles === null) throw new Error("unreachable");
    const said = toPlain(refusalText(withoutRoles));
    expect(said).toContain("Slack could not be asked which user groups you are in");
    expect(said).toContain("Nothing was started.");
    expect(said).toMatch(/left alone for 42s .*give the command again after that/);
    await arm();
    clock.ahead = 43_000;
    expect([...(await authority(directory)).roles]).toEqual(["viewer", "developer"]);
  });

  it.each(["error-before", "garbage"] as const)("is never taken for a viewer (%s)", async (mode) => {
    for (const action of ["users.info", METHOD]) {
      await arm({ action, mode, rate: 1 });
      const { roles, withoutRoles } = await authority(await restart(`${action}.db`));
      expect([...roles]).toEqual([]);
      expect(withoutRoles?.reasonCode).toBe("permission_lookup_failed");
      if (withoutRoles) expect(toPlain(refusalText(withoutRoles))).toContain("again in half a minute");
    }
  });
});
