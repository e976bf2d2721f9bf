import { afterEach, describe, expect, it } from "vitest";
import { HOME_LAUNCH } from "../../handlers/slack/home.ts";
import { TEAM } from "../support/slack.ts";
import { TestSurface } from "../support/surface.ts";

/** What one person waits for at Slack is not what others wait for. */
const PATIENT = { timeout: 30_000, interval: 10 };
const FOR_EVER_MS = 3_600_000;

let surface: TestSurface;
afterEach(async () => {
  surface.slack.letGo();
  await surface.close();
});

let count = 0;
const event = async (one: object) =>
  await surface.post(
    JSON.stringify({ type: "event_callback", team_id: TEAM, event_id: `Ev-slow-${++count}`, event: one }),
    { type: "application/json" },
  );
const openHome = async (user: string) =>
  await event({ type: "app_home_opened", user, channel: "D0", tab: "home", event_ts: "1.0" });
const pressLaunch = async (user: string) => {
  const payload = {
    type: "block_actions",
    trigger_id: `slow-${++count}`,
    user: { id: user, username: user, team_id: TEAM },
    team: { id: TEAM },
    container: { type: "view", view_id: "V1" },
    actions: [{ action_id: HOME_LAUNCH, value: "stg2" }],
  };
  await surface.post(`payload=${encodeURIComponent(JSON.stringify(payload))}`);
};
const shareRun = async (user: string) => {
  const links = [{ domain: "bot.example.org", url: "http://bot.example.org/runs/1" }];
  await event({ type: "link_shared", user, channel: "C0OTHER", message_ts: "1700000000.1", links });
};

const modeOf = async (slot: string) => (await surface.bot.parts.engine.leases([slot]))[0]?.mode;

/** These ask for something and are answered, after which nobody has to be asked about them. */
async function meet(...users: readonly string[]): Promise<void> {
  const before = surface.slack.of("chat.postEphemeral").length;
  for (const user of users) await surface.command("status", { user_id: user });
  await surface.slack.called("chat.postEphemeral", before + users.length);
}

async function hangs(method: string, act: () => Promise<unknown>): Promise<void> {
  surface.slack.instead.set(method, ["hang"]);
  await act();
  await expect.poll(() => surface.slack.hanging, PATIENT).toEqual([method]);
}

describe("while Slack keeps one person waiting", () => {
  it.each([
    ["who opens App Home", "views.publish", async () => await openHome("U0VIEW")],
    ["who shows a run", "chat.unfurl", async () => await shareRun("U0VIEW")],
    [
      "who asks for a form",
      "views.open",
      async () => await surface.command("lock", { user_id: "U0GROUPED" }),
    ],
    ["who presses Launch in App Home", "views.open", async () => await pressLaunch("U0GROUPED")],
    [
      "whom it has not told the bot of, and who only asks",
      "users.info",
      async () => await surface.command("status", { user_id: "U0MAINT" }),
    ],
    [
      "whom it has not told the bot of, and whose command is none",
      "users.info",
      async () => await surface.command("lunch stg1", { user_id: "U0MAINT" }),
    ],
    [
      "whom it has not told the bot of, and who opens App Home",
      "users.info",
      async () => await openHome("U0MAINT"),
    ],
  ])("%s, another's command has its effect", async (_, method, act) => {
    // Whoever had a place in the order would keep it for ever.
    surface = await TestSurface.open({ patienceMs: FOR_EVER_MS });
    await surface.bot.keepSomethingOn("stg2");
    await meet("U0VIEW", "U0GROUPED", "U0DEV");
    await hangs(method, act);
    await surface.command("lock stg1");
    await expect.poll(async () => await modeOf("stg1"), PATIENT).toBe("locked");
    expect(surface.slack.hanging).toEqual([method]);
  });

  it("whose command acts, another's goes ahead before that is over", async () => {
    surface = await TestSurface.open({ patienceMs: 50 });
    await meet("U0DEV");
    await hangs("users.info", async () => await surface.command("lock stg1", { user_id: "U0MAINT" }));
    await surface.command("lock stg1");
    await expect.poll(async () => await modeOf("stg1"), PATIENT).toBe("locked");
    expect(surface.slack.hanging).toEqual(["users.info"]);
    const [lease] = await surface.bot.parts.engine.leases(["stg1"]);
    expect(lease?.holder?.id).toBe("slack:U0DEV");
  });

  it("control: whose command acts, another's waits for it as long as it is to be waited for", async () => {
    surface = await TestSurface.open({ patienceMs: FOR_EVER_MS });
    await meet("U0DEV");
    await hangs("users.info", async () => await surface.command("lock stg1", { user_id: "U0MAINT" }));
    await surface.command("lock stg1");
    // What came later and has been answered shows that the command before it had its time.
    await meet("U0DEV", "U0DEV", "U0DEV");
    expect(surface.slack.hanging).toEqual(["users.info"]);
    expect(await modeOf("stg1")).toBe("free");
    surface.slack.letGo();
    await expect.poll(async () => await modeOf("stg1"), PATIENT).toBe("locked");
    const [lease] = await surface.bot.parts.engine.leases(["stg1"]);
    expect(lease?.holder?.id).toBe("slack:U0MAINT");
  });

  it("ten others who wait too keep nobody's command back", async () => {
    surface = await TestSurface.open({ patienceMs: FOR_EVER_MS });
    await meet("U0DEV");
    const people = Array.from({ length: 10 }, (_, index) => `U0UNKNOWN${index}`);
    surface.slack.instead.set("users.info", Array(people.length).fill("hang"));
    for (const user of people) await openHome(user);
    await expect.poll(() => surface.slack.hanging.length, PATIENT).toBe(people.length);
    await surface.command("lock stg1");
    await expect.poll(async () => await modeOf("stg1"), PATIENT).toBe("locked");
    expect(surface.slack.hanging).toHaveLength(people.length);
  });
});
