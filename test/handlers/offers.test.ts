import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Notices } from "../../handlers/slack/notices.ts";
import type { HandOff } from "../../src/engine/types.ts";
import { RUN_ACTIONS, type RunAction } from "../../src/publish/slack-actions.ts";
import { silent } from "../support/bot.ts";
import { TEAM } from "../support/slack.ts";
import { TestSurface } from "../support/surface.ts";

const DEV = "U0DEV";
const OTHER = "U0GROUPED";
const MAINTAINER = "U0MAINT";

let surface: TestSurface;
let notices: Notices[] = [];
/** How long a turn is offered, in ms; null: it begins by itself. */
let offerMs: number | null = 300_000;
const handOff: HandOff = ({ requestedBy }) => (requestedBy.id.startsWith("slack:") ? offerMs : null);

beforeEach(async () => {
  offerMs = 300_000;
  surface = await TestSurface.open({ handOff });
  // A run that holds the slot while the others line up.
  surface.bot.pipelines.hold = true;
  await surface.bot.say("lock stg1", { person: { id: "slack:U0MAINT", name: "Mina" } });
});
afterEach(async () => {
  for (const one of notices) await one.stop();
  notices = [];
  await surface.close();
});

function watch(): void {
  const { services, redact } = surface.bot;
  const made = new Notices({ services, outbox: surface.outbox, redact, log: silent, longWaitMs: 1 });
  notices.push(made);
  made.start();
}

let triggers = 0;

async function press(
  action: RunAction,
  runId: number,
  { user = DEV, trigger = `offer-click-${++triggers}`, channel = "D0DM", ts = "1700000000.000100" } = {},
): Promise<Response> {
  const payload = {
    type: "block_actions",
    trigger_id: trigger,
    user: { id: user, username: user.toLowerCase(), team_id: TEAM },
    team: { id: TEAM, domain: "acme" },
    container: { type: "message", message_ts: ts, channel_id: channel },
    channel: { id: channel, name: "directmessage" },
    response_url: `${surface.slack.url}/respond/offer`,
    actions: [{ type: "button", action_id: RUN_ACTIONS[action], value: String(runId) }],
  };
  return await surface.post(`payload=${encodeURIComponent(JSON.stringify(payload))}`);
}

/** What the bot answered to those who pressed, in their order. */
async function answered(count: number): Promise<string> {
  const calls = await surface.slack.called("respond/offer", count);
  return calls[count - 1]?.body.text ?? "";
}

const stateOf = async (id: number) => (await surface.bot.services.engine.run(id))?.state;
const toldTo = (user: string) =>
  surface.slack.of("chat.postMessage").filter(({ body }) => body.channel === user);
const said = (user: string) => toldTo(user).map(({ body }) => body.text ?? "");

/** Runs 1, 2, … of these people wait for stg1, and it comes free. */
async function line(...people: readonly string[]): Promise<void> {
  for (const [index, user] of people.entries()) {
    await surface.command("launch stg1", { user_id: user, user_name: user });
    await expect.poll(() => stateOf(index + 1), { timeout: 30_000 }).toBe("queued");
  }
  await surface.bot.say("unlock stg1", { person: { id: "slack:U0MAINT", name: "Mina" } });
}

async function until(id: number, state: string): Promise<void> {
  await expect.poll(() => stateOf(id), { timeout: 30_000 }).toBe(state);
}

describe("a turn that is offered", () => {
  it("is told to its person directly, once, with both answers and until when", async () => {
    watch();
    await line(DEV, OTHER);
    await expect.poll(() => toldTo(DEV).length, { timeout: 30_000 }).toBe(1);
    watch();
    const { text, blocks } = toldTo(DEV)[0]?.body ?? {};
    expect(text).toMatch(/It is your turn: \*stg1\* is reserved for .*run #1.*Start it until <!date\^\d+\^/);
    expect(text).toContain("/stg start 1");
    expect(blocks).toContain(RUN_ACTIONS.start);
    expect(blocks).toContain(RUN_ACTIONS.pass);
    await press("pass", 1);
    await expect.poll(() => toldTo(OTHER).length, { timeout: 30_000 }).toBe(1);
    expect(said(DEV)).toHaveLength(1);
    // Who gives it up knows; the next one is asked.
    expect(said(OTHER)[0]).toContain("run #2");
    await expect
      .poll(() => said("D0DM").join(), { timeout: 30_000 })
      .toMatch(/^You have taken .*run #1.* out of the queue for \*stg1\*\.$/);
    // Where others read it, by name.
    await press("pass", 2, { user: OTHER, channel: "C0STAGING" });
    await expect
      .poll(() => said("C0STAGING").join(), { timeout: 30_000 })
      .toContain("<@U0GROUPED> has taken");
  });

  it("begins when its person presses, once, however often they press and Slack delivers", async () => {
    watch();
    await line(DEV);
    for (let again = 0; again < 4; again++) await press("start", 1, { trigger: "the-same" });
    await until(1, "running");
    expect(await answered(1)).toMatch(/run #1.*has started/);
    await press("start", 1);
    expect(await answered(2)).toMatch(/run #1.* has begun already \(running\)/);
    await press("pass", 1);
    expect(await answered(3)).toMatch(
      /has begun and waits for nothing\. Nothing was started\..*\/stg cancel 1/,
    );
    expect(await stateOf(1)).toBe("running");
    expect(await surface.bot.runCount()).toBe(1);
    surface.bot.pipelines.letGo();
    await until(1, "succeeded");
    await press("start", 1);
    expect(await answered(4)).toContain("has begun already (succeeded)");
    // They have begun it themselves: that it has begun is no news.
    expect(said(DEV)).toHaveLength(1);
  });

  it("is answered by its person or a maintainer, and refused kindly to everybody else", async () => {
    watch();
    await line(DEV, OTHER);
    for (const action of ["start", "pass"] as const) {
      await press(action, 1, { user: OTHER, channel: "C0STAGING" });
      expect(await answered(action === "start" ? 1 : 2)).toMatch(/It is for <@U0DEV> to say.*`not_holder`/);
    }
    await press("start", 1, { user: "U0VIEW" });
    expect(await answered(3)).toContain("`role_missing`");
    await press("start", 2, { user: OTHER });
    expect(await answered(4)).toMatch(/The turn of .*run #2.* has not come yet.*`not_offered`/);
    expect(await stateOf(1)).toBe("queued");
    // The control, and who it is for hears of it.
    await press("start", 1, { user: MAINTAINER });
    await until(1, "running");
    await expect
      .poll(() => said(DEV).join(), { timeout: 30_000 })
      .toMatch(/\*stg1\* is yours, and .*run #1.* has begun/);
  });

  it("that nobody took is said with a way back; its buttons then say what became of it", async () => {
    offerMs = 700;
    watch();
    await line(DEV, OTHER);
    offerMs = 300_000;
    await until(1, "cancelled");
    await expect
      .poll(() => said(DEV).at(-1), { timeout: 30_000 })
      .toMatch(/nobody answered: .* has left the queue/);
    expect(toldTo(DEV).at(-1)?.body.blocks).toContain(RUN_ACTIONS.retry);
    await expect.poll(() => said(OTHER).length, { timeout: 30_000 }).toBe(1);
    await press("start", 1);
    expect(await answered(1)).toMatch(/and nobody answered: it has left the queue.*`offer_over`/);
    await press("pass", 1);
    expect(await answered(2)).toMatch(/has left the queue already: stg1 was offered to .* nobody answered/);
    expect(await stateOf(2)).toBe("queued");
    // Back to the end of the queue, shown where the run was that it repeats.
    await press("retry", 1);
    expect(await answered(3)).toMatch(/run #3.* is waiting/);
    const again = await surface.bot.services.engine.run(3);
    expect(again).toMatchObject({ retryOf: 1, state: "queued", input: { origin: { channel: "C0STAGING" } } });
    expect((await surface.bot.services.engine.queue("stg1")).map(({ runId }) => runId)).toEqual([2, 3]);
    watch();
    expect(said(DEV).filter((text) => text.includes("nobody answered"))).toHaveLength(1);
  });

  it("is not said any more when Slack comes back after its time; what became of it is", async () => {
    const away = Array.from({ length: 10_000 }, () => ({ status: 503, body: {} }));
    surface.slack.instead.set("chat.postMessage", away);
    offerMs = 300;
    watch();
    await line(DEV);
    // The control: it was tried while the turn lasted.
    await expect.poll(() => said(DEV).join(), { timeout: 30_000 }).toMatch(/It is your turn/);
    await until(1, "cancelled");
    const before = toldTo(DEV).length;
    surface.slack.instead.clear();
    await expect.poll(() => said(DEV).at(-1), { timeout: 30_000 }).toMatch(/nobody answered/);
    expect(said(DEV).slice(before).join()).not.toMatch(/It is your turn/);
  });

  it("is taken up, given up and shown by words as well", async () => {
    await line(DEV, OTHER);
    const developer = { person: { id: "slack:U0DEV", name: "Dev" } };
    const other = { person: { id: "slack:U0GROUPED", name: "gina" } };
    const { bot } = surface;
    expect(await bot.hear("status stg1")).toMatch(
      /stg1 held by Dev \(it is the turn of run #1 .*waits for their answer\), until [^,]* \(\dm left\)/,
    );
    // Whose turn it is holds the slot and waits no more.
    expect(await bot.hear("status")).toMatch(/stg1 held by Dev .*; 1 waiting$/m);
    const page = async (path: string) => await (await fetch(`${surface.url}${path}`)).text();
    expect((await page("/")).match(/<ol class="queue">.*?<\/ol>/s)?.[0]).toMatch(
      /^(?:(?!Dev).)*gina(?:(?!Dev).)*$/s,
    );
    expect(await page("/runs/2")).toMatch(
      /starts by itself; .*is asked first if that takes longer than 30m\./,
    );
    expect(await page("/runs/1")).not.toContain("starts by itself");
    expect(await bot.hear("queue stg1")).toMatch(
      /1\. Dev, run #1 .*: it is their turn until .*\n {2}2\. .*waits for/,
    );
    expect(await bot.say("start stg1", other)).toMatchObject({ reasonCode: "not_holder" });
    for (const command of ["lock stg1", "extend stg1 1h", "test stg1"])
      expect(await bot.say(command, developer), command).toMatchObject({ reasonCode: "slot_offered" });
    expect(await bot.say("unlock stg1", other)).toMatchObject({ reasonCode: "not_holder" });
    expect(await bot.hear("leave stg1", developer)).toContain("no longer waits for stg1");
    await until(1, "cancelled");
    expect(await bot.hear("start stg1", other)).toContain("has started");
    await until(2, "running");
    expect(await bot.hear("start stg1", other)).toContain("has begun already");
    expect(await bot.hear("start #2", other)).toContain("has begun already");
    expect(await bot.say("start stg2", other)).toMatchObject({ reasonCode: "not_offered" });
    expect(await bot.say("start 77", other)).toMatchObject({ reasonCode: "unknown_run" });
    expect(await bot.say("start stg9", other)).toMatchObject({ reasonCode: "unknown_slot" });
    expect(await bot.say("leave 2", developer)).toMatchObject({ reasonCode: "not_holder" });
  });

  it("can be ended by a maintainer with --force, which its person is told; the next one is asked", async () => {
    watch();
    await line(DEV, OTHER);
    const maintainer = { person: { id: "slack:U0MAINT", name: "Mina" }, roles: ["maintainer"] as const };
    expect(await surface.bot.say("unlock stg1", maintainer)).toMatchObject({ reasonCode: "force_needed" });
    expect(await surface.bot.hear("unlock stg1 --force", maintainer)).toContain(
      "has given up the turn of run #1",
    );
    await expect
      .poll(() => said(DEV).at(-1), { timeout: 30_000 })
      .toMatch(/<@U0MAINT> has given up your turn/);
    expect(await stateOf(1)).toBe("cancelled");
    expect(await surface.bot.services.engine.offer(2)).toMatchObject({ answer: null });
  });

  it("of a slot that was taken out of the configuration meanwhile stays one, and can be answered", async () => {
    await line(DEV, OTHER);
    const { services } = surface.bot;
    const before = services.config();
    const { stg1: _, ...slots } = before.config.slots;
    Object.assign(services, { config: () => ({ ...before, config: { ...before.config, slots } }) });
    expect(await surface.bot.hear("status")).toMatch(/stg1 held by Dev .*not in the configuration any more/);
    await press("pass", 1);
    await until(1, "cancelled");
    await surface.command("start stg1", { user_id: OTHER, user_name: OTHER });
    await until(2, "running");
  });

  it("is held, with its run and its end, for programs", async () => {
    await line(DEV);
    const { slots } = (await (await fetch(`${surface.url}/api/slots`)).json()) as {
      slots: Record<string, unknown>[];
    };
    expect(Object.keys(slots[0] ?? {})).toEqual(Object.keys(slots[1] ?? {}));
    expect(slots[0]).toMatchObject({
      name: "stg1",
      state: "held",
      holder: "slack:U0DEV",
      run: 1,
      instanceId: null,
      sha: null,
    });
    const offer = await surface.bot.services.engine.offer(1);
    expect(slots[0]?.until).toBe(new Date(offer?.until ?? 0).toISOString());
    expect(slots[0]?.queue).toMatchObject([{ run: 1, requestedBy: "slack:U0DEV", position: 1 }]);
    const run = (await (await fetch(`${surface.url}/api/runs/1`)).json()) as Record<string, unknown>;
    expect(run).toMatchObject({ state: "queued", startedAt: null });
  });
});
