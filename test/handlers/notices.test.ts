import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { homeView } from "../../handlers/slack/home.ts";
import { Notices } from "../../handlers/slack/notices.ts";
import { RUN_ACTIONS } from "../../src/publish/slack-actions.ts";
import { silent } from "../support/bot.ts";
import { TestSurface } from "../support/surface.ts";

let surface: TestSurface;
let notices: Notices[] = [];
beforeEach(async () => {
  surface = await TestSurface.open();
});
afterEach(async () => {
  for (const one of notices) await one.stop();
  notices = [];
  await surface.close();
});

function begin(longWaitMs = 60_000): void {
  const { services, redact } = surface.bot;
  const made = new Notices({ services, outbox: surface.outbox, redact, log: silent, longWaitMs });
  notices.push(made);
  made.start();
}

const toldTo = (user: string) =>
  surface.slack.of("chat.postMessage").filter(({ body }) => body.channel === user);
const stateOf = async (id: number) => (await surface.bot.services.engine.run(id))?.state;

describe("a word to one person", () => {
  it("that their environment ends soon has the buttons, and comes once, also from another process", async () => {
    begin();
    await surface.command("launch stg1 --keep 10m");
    await surface.slack.called("chat.postMessage");
    begin();
    await surface.command("lock stg2 --for 1h");
    await expect.poll(() => toldTo("C0STAGING").length, { timeout: 30_000 }).toBeGreaterThan(0);
    const told = toldTo("U0DEV");
    expect(told).toHaveLength(1);
    expect(told[0]?.body.text).toMatch(/Your environment on \*stg1\* ends/);
    expect(told[0]?.body.blocks).toContain(RUN_ACTIONS.extend);
  });

  it("says whose the slot is when the environment has ended: a lock beneath it goes on", async () => {
    await surface.command("lock stg1");
    await surface.command("launch stg1 --keep 10m");
    await surface.command("launch stg2 --keep 10m");
    for (const run of [1, 2]) await expect.poll(() => stateOf(run), { timeout: 30_000 }).toBe("succeeded");
    begin();
    await expect.poll(() => toldTo("U0DEV").length, { timeout: 30_000 }).toBe(2);
    const about = (slot: string) =>
      JSON.stringify(toldTo("U0DEV").find(({ body }) => String(body.text).includes(slot)));
    expect(about("*stg1*")).toContain("the slot stays locked by you");
    expect(about("*stg1*")).toMatch(/The instance on stg1 is terminated, and the slot stays locked by /);
    const home = JSON.stringify(await homeView(surface.bot.services, surface.bot.redact));
    expect(home).toMatch(/The instance on stg1 is terminated, and the slot stays locked by /);
    // Control: beneath the other there is none.
    expect(about("*stg2*")).toContain("it is terminated then, and the slot is free.");
    expect(about("*stg2*")).toContain("The instance on stg2 is terminated, and the slot is free again.");
  });

  it("has the buttons of what stands there, not of a later run that somebody else waits with", async () => {
    await surface.command("launch stg1 --keep 10m");
    await expect.poll(() => stateOf(1), { timeout: 30_000 }).toBe("succeeded");
    await surface.command("launch stg1", { user_id: "U0GROUPED" });
    await expect.poll(() => stateOf(2), { timeout: 30_000 }).toBe("queued");
    begin();
    await expect.poll(() => toldTo("U0DEV").length, { timeout: 30_000 }).toBe(1);
    const buttons = [...String(toldTo("U0DEV")[0]?.body.blocks).matchAll(/"value":"(\d+)"/g)];
    expect(buttons.map(([, run]) => run)).toEqual(["1", "1"]);
    const home = JSON.stringify(await homeView(surface.bot.services, surface.bot.redact));
    expect(home).toMatch(new RegExp(`"${RUN_ACTIONS.extend}","value":"1"`));
    expect(home).not.toMatch(new RegExp(`"${RUN_ACTIONS.extend}","value":"2"`));
  });

  it("comes again when the end was moved far and is near again, not when it was moved a little", async () => {
    begin();
    await surface.command("lock stg1 --for 5m");
    await expect.poll(() => toldTo("U0DEV").length, { timeout: 30_000 }).toBe(1);
    await surface.command("extend stg1 2m");
    await surface.command("lock stg2 --for 3m");
    await expect.poll(() => toldTo("U0DEV").length, { timeout: 30_000 }).toBe(2);
    expect(toldTo("U0DEV")[1]?.body.text).toContain("*stg2*");
    // As if an hour's extension had gone by since.
    const { db, engine } = surface.bot.parts;
    const [lease] = await engine.leases(["stg1"]);
    const since = (lease?.since ?? 0) - 3_600_000;
    await db.updateTable("leases").set({ since }).where("resource", "=", "stg1").execute();
    await expect.poll(() => toldTo("U0DEV").length, { timeout: 30_000 }).toBe(3);
    expect(toldTo("U0DEV")[2]?.body.text).toContain("*stg1*");
  });

  it("that Slack does not take holds up no answer to them", async () => {
    const refused = { body: { ok: false, error: "missing_scope" } };
    surface.slack.instead.set(
      "chat.postMessage",
      Array.from({ length: 10_000 }, () => refused),
    );
    begin();
    await surface.command("lock stg1 --for 5m");
    await expect.poll(() => toldTo("U0DEV").length, { timeout: 30_000 }).toBeGreaterThan(1);
    await surface.command("status", { response_url: `${surface.slack.url}/respond/1` });
    const [call] = await surface.slack.called("respond/1");
    expect(call?.body.text).toContain("*stg1* held");
  });

  it("that it is their turn comes to those who have waited, and to nobody else", async () => {
    begin(1);
    surface.bot.pipelines.hold = true;
    await surface.command("launch stg1");
    await expect.poll(() => stateOf(1), { timeout: 30_000 }).toBe("running");
    await surface.command("launch stg1", { user_id: "U0GROUPED" });
    await expect.poll(() => stateOf(2), { timeout: 30_000 }).toBe("queued");
    await surface.command("cancel 1");
    await expect.poll(() => toldTo("U0GROUPED").length, { timeout: 30_000 }).toBe(1);
    expect(toldTo("U0GROUPED")[0]?.body.text).toMatch(/It is your turn: \*stg1\* is yours/);
  });
});
