import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FORMS, type FormKind } from "../../handlers/slack/forms.ts";
import { HOME_LAUNCH } from "../../handlers/slack/home.ts";
import { parseDuration } from "../../src/config/index.ts";
import { RUN_ACTIONS } from "../../src/publish/slack-actions.ts";
import { dev2 } from "../support/bot.ts";
import { TEAM } from "../support/slack.ts";
import { TestSurface } from "../support/surface.ts";

let surface: TestSurface;
beforeEach(async () => {
  surface = await TestSurface.open();
});
afterEach(async () => {
  await surface.close();
});

let count = 0;
const form = (payload: object) => `payload=${encodeURIComponent(JSON.stringify(payload))}`;
const picked = (value: string | null) => ({
  type: "static_select",
  selected_option: value === null ? null : { text: { type: "plain_text", text: value }, value },
});
const written = (value: string | null) => ({ type: "plain_text_input", value });

/** Sends a form: https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload */
async function submit(
  kind: FormKind | "unheard_of",
  values: Readonly<Record<string, object>>,
  { user = "U0DEV", view = `V${++count}` } = {},
): Promise<Response> {
  return await surface.post(
    form({
      type: "view_submission",
      trigger_id: `submit-${++count}`,
      team: { id: TEAM, domain: "acme" },
      user: { id: user, username: user.toLowerCase(), team_id: TEAM },
      view: {
        id: view,
        type: "modal",
        callback_id: kind === "unheard_of" ? kind : FORMS[kind],
        private_metadata: JSON.stringify({ channel: "C0STAGING" }),
        state: {
          values: Object.fromEntries(
            Object.entries(values).map(([name, value]) => [name, { [name]: value }]),
          ),
        },
      },
    }),
  );
}

async function openHome(user: string): Promise<Record<string, string>> {
  const known = surface.slack.of("views.publish").length;
  await surface.post(
    JSON.stringify({
      type: "event_callback",
      team_id: TEAM,
      event_id: `Ev${++count}`,
      event: { type: "app_home_opened", user, channel: "D0", tab: "home", event_ts: "1.0" },
    }),
    { type: "application/json" },
  );
  const calls = await surface.slack.called("views.publish", known + 1);
  return { ...calls.at(-1)?.body };
}

/** From here on the slots are these, each with its longest life. */
function allowing(maxTtls: Readonly<Record<string, string>>): Readonly<Record<string, unknown>> {
  const { services } = surface.bot;
  const before = services.config();
  const slots = Object.fromEntries(
    Object.entries(maxTtls).map(([name, written]) => [
      name,
      { ...before.config.slots[name], maxTtl: parseDuration(written) },
    ]),
  );
  Object.assign(services, { config: () => ({ ...before, config: { ...before.config, slots } }) });
  return slots;
}

const firstRun = async () => await surface.bot.services.engine.run(1);

describe("a form", () => {
  it("opens for launch alone while every slot is taken, and queues what it says", async () => {
    surface.bot.pipelines.hold = true;
    await surface.command("launch stg1");
    await surface.command("launch stg2");
    await expect.poll(() => surface.bot.runCount(), { timeout: 30_000 }).toBe(2);
    await surface.command("launch", { trigger_id: "T-form" });
    const [opened] = await surface.slack.called("views.open");
    expect(opened?.body.trigger_id).toBe("T-form");
    expect(opened?.body.view).toContain("stg1 (busy");
    await submit("launch", { slot: picked("stg2"), reason: written("a demo; rm -rf / <!channel>") });
    await expect.poll(() => surface.bot.runCount(), { timeout: 30_000 }).toBe(3);
    const [waiting] = await surface.bot.services.engine.queue("stg2");
    expect(waiting?.candidates).toEqual(["stg2"]);
    expect((await surface.bot.services.engine.run(3))?.reason).toBe("a demo; rm -rf / <!channel>");
  });

  it("does not open while a slot is free, nor for those who may not; the words are carried out", async () => {
    await surface.command("launch");
    await expect.poll(() => surface.bot.runCount(), { timeout: 30_000 }).toBe(1);
    await surface.command("lock", { user_id: "U0VIEW" });
    const calls = await surface.slack.called("chat.postEphemeral", 2);
    expect(calls.some(({ body }) => body.text?.includes("`missing_argument`"))).toBe(true);
    expect(surface.slack.of("views.open")).toEqual([]);
  });

  it("that Slack does not show is replaced by the command's own answer", async () => {
    surface.slack.instead.set("views.open", [{ body: { ok: false, error: "expired_trigger_id" } }]);
    await surface.command("lock");
    const [answer] = await surface.slack.called("chat.postEphemeral");
    expect(answer?.body.text).toContain("`missing_argument`");
  });

  it.each([
    [{ stg1: "2h", stg2: "4h" }, ["1h", "2h", "4h (not on stg1)"]],
    [{ stg1: "24h", stg2: "24h" }, ["1h", "2h", "4h", "8h", "24h"]],
    [{ stg1: "40m", stg2: "20m" }, ["40m"]],
  ])("offers to keep for no longer than a slot allows: %o", async (maxTtls, offered) => {
    const slots = allowing(maxTtls);
    for (const slot of Object.keys(slots)) await surface.bot.say(`lock ${slot}`, { person: dev2 });
    await surface.command("launch");
    const [opened] = await surface.slack.called("views.open");
    const { blocks } = JSON.parse(opened?.body.view ?? "{}") as {
      blocks: { block_id: string; element: { options?: { text: { text: string }; value: string }[] } }[];
    };
    const keep = blocks.find((one) => one.block_id === "keep")?.element.options ?? [];
    expect(keep.map(({ text }) => text.text)).toEqual(offered);
    expect(keep.map(({ value }) => value)).toEqual(offered.map((text) => text.split(" ")[0]));
    // Each of them is taken for the first free slot, by one that allows it; the control: more is refused.
    await submit("launch", { slot: picked("first-free"), keep: picked(keep.at(-1)?.value ?? null) });
    await expect.poll(() => surface.bot.runCount(), { timeout: 30_000 }).toBe(1);
    const allows = Object.keys(slots).filter((name) => !offered.at(-1)?.includes(`not on ${name}`));
    if (offered.length > 1) expect((await firstRun())?.candidates).toEqual(allows);
    expect(await surface.bot.say("launch --keep 25h")).toMatchObject({ reasonCode: "max_ttl_reached" });
  });

  it.each([
    ["a time that the chosen slot does not allow", "stg1", "4h", "keep", "stg1 is kept for at most 2h"],
    ["a slot that is gone meanwhile", "stg2", "1h", "slot", "stg2 is no longer a slot here"],
  ])("stays open on %s, with what is wrong, and can be sent again", async (_, slot, keep, field, wrong) => {
    allowing({ stg1: "2h" });
    const view = "V-mended";
    const answer = await submit("launch", { slot: picked(slot), keep: picked(keep) }, { view });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({
      response_action: "errors",
      errors: { [field]: expect.stringContaining(wrong) },
    });
    // The control: what is allowed is taken, and closes the form.
    const mended = await submit("launch", { slot: picked("stg1"), keep: picked("2h") }, { view });
    expect(await mended.text()).toBe("");
    await expect.poll(() => surface.bot.runCount(), { timeout: 30_000 }).toBe(1);
    expect(await firstRun()).toMatchObject({ id: 1, candidates: ["stg1"] });
  });

  it("sent twice has one effect, and locks for its author", async () => {
    await surface.command("lock");
    await surface.slack.called("views.open");
    const values = { slot: picked("stg1"), for: picked("2h"), reason: written("load test") };
    await submit("lock", values, { view: "V-same" });
    await submit("lock", values, { view: "V-same" });
    await surface.slack.called("chat.postMessage");
    const [lease] = await surface.bot.services.engine.leases(["stg1"]);
    expect(lease).toMatchObject({ mode: "locked", reason: "load test" });
    await surface.command("status");
    await surface.slack.called("chat.postEphemeral");
    expect(surface.slack.of("chat.postMessage")).toHaveLength(1);
  });

  it("is refused like its command, and one that nobody made does nothing", async () => {
    expect((await submit("unheard_of", {})).status).toBe(200);
    await submit("launch", { slot: picked("stg1") }, { user: "U0VIEW" });
    const [refused] = await surface.slack.called("chat.postEphemeral");
    expect(refused?.body.text).toContain("`role_missing`");
    expect(await surface.bot.runCount()).toBe(0);
    await submit("launch", { slot: picked("stg1"), tests: picked("none"), keep: picked("1h") });
    await expect.poll(() => surface.bot.runCount(), { timeout: 30_000 }).toBe(1);
    expect((await firstRun())?.input).toMatchObject({ keep: true, keepMs: 3_600_000 });
  });
});

/** Presses Launch beside a slot in App Home. */
async function pressLaunch(user: string, slot: string): Promise<void> {
  const payload = {
    type: "block_actions",
    trigger_id: `home-${++count}`,
    user: { id: user, username: user.toLowerCase(), team_id: user === "U0OTHER" ? "T0OTHER" : TEAM },
    team: { id: TEAM, domain: "acme" },
    container: { type: "view", view_id: "V-home" },
    actions: [{ type: "button", action_id: HOME_LAUNCH, block_id: "b", value: slot }],
  };
  expect((await surface.post(form(payload))).status).toBe(200);
}

/** How many messages the bot has had for Slack. */
async function answers(): Promise<number> {
  return (await surface.bot.parts.db.selectFrom("outbox").select("id").execute()).length;
}

describe("Launch in App Home", () => {
  it.each([
    ["U0VIEW", "role_missing"],
    ["U0OTHER", "other_workspace"],
    ["U0GUEST", "guest"],
  ])("shows nothing to one who may not launch, and says why to them alone (%s)", async (user, code) => {
    await pressLaunch(user, "stg1");
    const [refused] = await surface.slack.called("chat.postEphemeral");
    expect(refused?.body).toMatchObject({ user, text: expect.stringContaining(`\`${code}\``) });
    expect(surface.slack.of("views.open")).toEqual([]);
    // The control: one who may is shown the form, and told nothing.
    await pressLaunch("U0DEV", "stg2");
    const [opened] = await surface.slack.called("views.open");
    expect(opened?.body.view).toContain("stg2 (free)");
    await surface.inbox.idle();
    expect(await answers()).toBe(1);
  });

  it.each([
    ["the trigger is too old", { body: { ok: false, error: "expired_trigger_id" } }],
    ["Slack is in trouble", { status: 503, body: {} }],
  ])("says once what to type when no form can be shown: %s", async (_, answer) => {
    surface.slack.instead.set("views.open", [answer]);
    await pressLaunch("U0DEV", "stg1");
    const [said] = await surface.slack.called("chat.postEphemeral");
    expect(said?.body.user).toBe("U0DEV");
    expect(said?.body.text).toMatch(/did not show the form.*nothing was started.*`\/stg launch stg1`/s);
    await surface.inbox.idle();
    expect(surface.slack.of("views.open")).toHaveLength(1);
    expect(await answers()).toBe(1);
    const [row] = await surface.bot.parts.db.selectFrom("inbox").select(["attempts", "error"]).execute();
    expect(row).toEqual({ attempts: 1, error: null });
  });
});

describe("App Home", () => {
  it("is the board, and is brought up to date while it changes", async () => {
    const { view } = await openHome("U0DEV");
    expect(view).toContain("*stg1* free");
    expect(view).toContain(HOME_LAUNCH);
    await surface.command("lock stg1 --reason demo");
    const calls = await surface.slack.called("views.publish", 2);
    expect(calls[1]?.body).toMatchObject({ user_id: "U0DEV" });
    expect(calls[1]?.body.view).toContain("*stg1* held");
  });

  it("has each slot's buttons beside what they are about; what ends something asks first", async () => {
    await surface.bot.keepSomethingOn("stg1");
    surface.bot.pipelines.hold = true;
    await surface.bot.say("launch stg2");
    const { view } = await openHome("U0DEV");
    const { blocks } = JSON.parse(view ?? "{}") as {
      blocks: { type: string; accessory?: { action_id: string; value: string; confirm?: object } }[];
    };
    expect(blocks.map(({ type }) => type)).not.toContain("actions");
    const buttons = blocks.flatMap(({ accessory }) => (accessory ? [accessory] : []));
    expect(buttons.map(({ action_id, value }) => [action_id, value])).toEqual([
      [RUN_ACTIONS.extend, "1"],
      [RUN_ACTIONS.terminate, "1"],
      [RUN_ACTIONS.cancel, "2"],
      [RUN_ACTIONS.logs, "2"],
    ]);
    const asking = buttons.filter(({ confirm }) => confirm !== undefined);
    expect(asking.map(({ action_id }) => action_id)).toEqual([RUN_ACTIONS.terminate, RUN_ACTIONS.cancel]);
  });

  it("names each who waits once, with how often", async () => {
    surface.bot.pipelines.hold = true;
    for (let count = 0; count < 4; count += 1) await surface.bot.say("launch stg1");
    await surface.bot.say("launch stg1", { person: dev2 });
    const { view } = await openHome("U0DEV");
    expect(view).toMatch(/Waiting: <@U0DEV> \(3 runs\), [^(]*"/);
  });

  it.each(["U0DEV", "U0GUEST"])("comes when the pause that Slack asks for is over (%s)", async (user) => {
    const wait = { status: 429, headers: { "retry-after": "3" }, body: { ok: false, error: "ratelimited" } };
    surface.slack.instead.set("views.publish", [wait]);
    await openHome(user);
    const since = performance.now();
    // A change in the pause asks Slack for nothing.
    await surface.bot.say("lock stg1", { person: dev2 });
    await expect.poll(() => surface.slack.of("views.publish").length, { timeout: 30_000 }).toBe(2);
    expect(performance.now() - since).toBeGreaterThan(2_500);
    const { view } = { ...surface.slack.of("views.publish")[1]?.body };
    expect(view).toContain(user === "U0DEV" ? "*stg1* held" : "no role");
  });

  it("is brought up to date though Slack took it back once", async () => {
    await openHome("U0DEV");
    const wait = { status: 429, headers: { "retry-after": "1" }, body: { ok: false, error: "ratelimited" } };
    surface.slack.instead.set("views.publish", [wait, { status: 503, body: {} }]);
    await surface.bot.say("lock stg1", { person: dev2 });
    // Refused, in trouble, then taken; nothing changes meanwhile.
    await expect.poll(() => surface.slack.of("views.publish").length, { timeout: 30_000 }).toBe(4);
    expect(surface.slack.of("views.publish")[3]?.body.view).toContain("*stg1* held");
  });

  it("shows nothing to those who have no role", async () => {
    for (const user of ["U0GUEST", "U0STRANGE", "U0OTHER"]) {
      const { view } = await openHome(user);
      expect(view).toContain("no role");
      expect(view).not.toContain("stg1");
    }
  });
});
