import pino from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSlack, type SlackEntrance } from "../../handlers/slack/index.ts";
import { TEAM } from "../../sandbox/slack/people.ts";
import { Inbox } from "../../src/engine/inbox.ts";
import { Outbox } from "../../src/engine/outbox.ts";
import { APP_TOKEN, type Json, type SlackStand, startStand, TOKEN } from "../sandbox/slack-stand.ts";
import { CONFIG, loaded, silent, TestBot } from "../support/bot.ts";

/** The bot's own web sockets, at the sandbox's Slack in Socket Mode. */
const PATIENT = { timeout: 30_000, interval: 20 };
const config = loaded(CONFIG.replace("T0ACME", TEAM.id).replace("U0DEV,", "U0DEVELOPER,"));

let bot: TestBot;
let slack: SlackStand;
let inbox: Inbox;
let outbox: Outbox;
let entrance: SlackEntrance;
beforeEach(async () => {
  bot = await TestBot.open();
  Object.assign(bot.services, { config: () => config });
  slack = await startStand({ socketMode: true });
});
afterEach(async () => {
  await entrance.stop();
  await inbox.stop();
  await outbox.stop();
  await slack.close();
  await bot.close();
});

async function start(connections: number, log = silent): Promise<void> {
  const { services, dispatch, redact, clock, parts } = bot;
  const side = createSlack({
    settings: {
      botToken: TOKEN,
      apiUrl: `${slack.slack.url}/api/`,
      mode: { kind: "socket", appToken: APP_TOKEN, signingSecret: undefined },
    },
    services,
    dispatch,
    clock,
    guard: parts.engine.guard,
    log,
    redact,
    connections,
  });
  const shared = { guard: parts.engine.guard, clock, log: silent };
  inbox = new Inbox({ ...shared, handlers: { slack: side.inboxHandler } });
  outbox = new Outbox({ ...shared, surfaces: { slack: side.send }, alarm: () => {} });
  entrance = side.connect({ inbox, outbox });
  await inbox.start();
  await outbox.start();
  await entrance.start();
}

const open = async (): Promise<number> => (await slack.sandbox("connections")).body.connections;
const command = async (text: string, triggerId?: string): Promise<Json> =>
  (await slack.sandbox("command", { user: "developer", text, ...(triggerId && { triggerId }) })).body;
const stored = async () => await bot.parts.db.selectFrom("inbox").select("delivery_key").execute();

/** From now on no connection can be opened. */
async function refuseConnections(): Promise<void> {
  const fault = { action: "apps.connections.open", mode: "error-before", code: "503", rate: 1 };
  await slack.sandbox("faults", [fault]);
}

describe("Socket Mode", () => {
  it("stores a command before it acknowledges it, and carries it out once", async () => {
    await start(1);
    expect(entrance.listener).toBeNull();
    await expect.poll(open, PATIENT).toBe(1);
    const sent = await command("lock stg1");
    expect(sent).toMatchObject({ status: 200, via: "socket" });
    expect(await stored()).toEqual([{ delivery_key: `slack:${sent.triggerId}` }]);
    expect(await command("lock stg1", sent.triggerId)).toMatchObject({ status: 200 });
    await inbox.idle();
    expect((await bot.parts.engine.leases(["stg1"]))[0]).toMatchObject({
      mode: "locked",
      holder: { id: "slack:U0DEVELOPER" },
    });
    expect(await stored()).toHaveLength(1);
    expect(slack.bot.received).toEqual([]);
  });

  it("with one connection cut takes the next command over the others, and opens it anew", async () => {
    await start(3);
    await expect.poll(open, PATIENT).toBe(3);
    await refuseConnections();
    for (const left of [2, 1]) {
      await slack.sandbox("disconnect", { most: 1 });
      await expect.poll(open, PATIENT).toBe(left);
      expect(await command("status")).toMatchObject({ status: 200, via: "socket" });
    }
    await slack.sandbox("faults", []);
    await expect.poll(open, PATIENT).toBe(3);
  });

  it("control: the only connection cut, the next command is lost; it comes back by itself", async () => {
    await start(1);
    await expect.poll(open, PATIENT).toBe(1);
    await refuseConnections();
    await slack.sandbox("disconnect", { most: 1 });
    await expect.poll(open, PATIENT).toBe(0);
    expect(await command("status")).toMatchObject({ status: null, error: "dispatch_failed" });
    expect(await stored()).toEqual([]);
    await slack.sandbox("faults", []);
    await expect.poll(open, PATIENT).toBe(1);
    expect(await command("status")).toMatchObject({ status: 200, via: "socket" });
  });

  it("says of each connection that it cannot be opened, and not at every attempt", async () => {
    const said: { level: number; number?: number; msg: string }[] = [];
    const log = pino({ level: "debug" }, { write: (line) => void said.push(JSON.parse(line)) });
    await refuseConnections();
    await start(2, log);
    const attempts = () => said.filter(({ msg }) => msg.includes("could not be opened"));
    const of = (number: number) => attempts().filter((one) => one.number === number);
    await expect.poll(() => Math.min(of(1).length, of(2).length), PATIENT).toBeGreaterThanOrEqual(2);
    // Errors and worse.
    const loud = said.filter(({ level }) => level >= 50);
    expect(loud.map(({ number }) => number)).toEqual([1, 2]);
    // Neither has given up.
    await slack.sandbox("faults", []);
    await expect.poll(open, PATIENT).toBe(2);
  });

  it.each(["warning", "refresh_requested", "link_disabled"])(
    "opens every connection anew when Slack asks for it (%s)",
    async (reason) => {
      await start(2);
      await expect.poll(open, PATIENT).toBe(2);
      await slack.sandbox("disconnect", { reason });
      await expect
        .poll(async () => (await slack.sandbox("connections")).body, PATIENT)
        .toEqual({ connections: 2, opened: 4 });
      expect(await command("status")).toMatchObject({ status: 200 });
    },
  );
});
