import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { signed, slash } from "../support/slack.ts";
import { TestSurface } from "../support/surface.ts";

let surface: TestSurface;
beforeEach(async () => {
  surface = await TestSurface.open();
});
afterEach(async () => {
  await surface.close();
});

const now = () => Math.floor(Date.now() / 1000);

describe("a request to /slack/events", () => {
  it("is stored, then acknowledged with an empty 200", async () => {
    const response = await surface.command("status");
    expect(response.status).toBe(200);
    expect(await response.text()).toBe("");
    expect(await surface.stored()).toBe(1);
    const [row] = await surface.bot.parts.db.selectFrom("inbox").select("payload_json").execute();
    expect(row?.payload_json).not.toContain("verification-token-of-old");
  });

  it("may name a character set", async () => {
    const type = "application/x-www-form-urlencoded;charset=UTF-8";
    expect((await surface.command("status", {}, { type })).status).toBe(200);
  });

  it.each([
    ["a wrong secret", () => signed(slash("launch stg1"), { secret: "another" }), 401],
    ["an old timestamp", () => signed(slash("launch stg1"), { timestamp: now() - 301 }), 401],
    ["a timestamp from the future", () => signed(slash("launch stg1"), { timestamp: now() + 302 }), 401],
    ["no timestamp that is one", () => signed(slash("launch stg1"), { timestamp: "soon" }), 401],
    ["a body changed afterwards", () => ({ ...signed(slash("status")), body: slash("launch stg1") }), 401],
    ["no signature", () => ({ headers: { "content-type": "application/json" }, body: "{}" }), 401],
    ["a broken signature", () => broken(signed(slash("launch stg1"))), 401],
    ["broken JSON", () => signed("{", { type: "application/json" }), 400],
    ["null", () => signed("null", { type: "application/json" }), 400],
    ["a list", () => signed("[]", { type: "application/json" }), 400],
    ["a payload that is null", () => signed("payload=null"), 400],
    ["a payload that is no JSON", () => signed("payload=%7B"), 400],
    ["two payloads", () => signed("payload=%7B%7D&payload=%7B%7D"), 400],
    ["unsigned null", () => signed("null", { type: "application/json", secret: "another" }), 401],
    ["a command without a trigger", () => signed("command=/stg&text=launch+stg1&user_id=U0DEV"), 400],
    [
      "a click without a trigger",
      () => signed(`payload=${encodeURIComponent('{"type":"block_actions"}')}`),
      400,
    ],
    ["a body that is too large", () => signed(slash("x".repeat(1_100_000))), 413],
  ])("with %s is refused, and nothing is stored or started", async (_, make, status) => {
    const { headers, body } = make();
    const response = await fetch(`${surface.url}/slack/events`, { method: "POST", headers, body });
    expect(response.status).toBe(status);
    expect(await surface.stored()).toBe(0);
    expect(await surface.bot.runCount()).toBe(0);
    // Alive, and the very same thing signed rightly is taken: the refusals are not refusals of everything.
    expect((await surface.command("launch stg1")).status).toBe(200);
    expect(await surface.stored()).toBe(1);
  });

  it("answers Slack's own questions", async () => {
    const verification = { type: "url_verification", challenge: "abc" };
    const verified = await surface.post(JSON.stringify(verification), { type: "application/json" });
    expect(await verified.json()).toEqual({ challenge: "abc" });
    const check = await fetch(`${surface.url}/slack/events`, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: "ssl_check=1&token=x",
    });
    expect(check.status).toBe(200);
    expect(await surface.stored()).toBe(0);
  });

  it("of an unknown type is acknowledged at once and forgotten", async () => {
    const event = {
      type: "event_callback",
      event_id: "Ev1",
      team_id: "T0ACME",
      event: { type: "team_join" },
    };
    expect((await surface.post(JSON.stringify(event), { type: "application/json" })).status).toBe(200);
    expect(await surface.stored()).toBe(0);
  });

  it("may call the command anything", async () => {
    await surface.command("lunch", { command: "/staging" });
    const [call] = await surface.slack.called("chat.postEphemeral");
    expect(call?.body.text).toContain("`/staging launch [slot]");
  });
});

function broken({ headers, body }: ReturnType<typeof signed>) {
  return { headers: { ...headers, "x-slack-signature": "v0=zz" }, body };
}

describe("an answer", () => {
  it("goes to the response address first, for the author alone", async () => {
    await surface.command("status", { response_url: `${surface.slack.url}/respond/1` });
    const [call] = await surface.slack.called("respond/1");
    expect(call?.body).toMatchObject({ response_type: "ephemeral" });
    expect(call?.body.text).toContain("*stg1* free");
  });

  it("goes by chat.postEphemeral when the response address fails", async () => {
    surface.slack.instead.set("respond/1", [{ status: 404, body: {} }]);
    await surface.command("lunch", { response_url: `${surface.slack.url}/respond/1` });
    const [call] = await surface.slack.called("chat.postEphemeral");
    expect(call?.body).toMatchObject({ channel: "C0STAGING", user: "U0DEV" });
    expect(call?.body.text).toMatch(/Did you mean \*launch\*\?.*Nothing was started\..*`unknown_command`/s);
  });

  it("goes by direct message where the bot is no member", async () => {
    surface.slack.instead.set("chat.postEphemeral", [{ body: { ok: false, error: "not_in_channel" } }]);
    await surface.command("status");
    const [call] = await surface.slack.called("chat.postMessage");
    expect(call?.body).toMatchObject({ channel: "U0DEV" });
  });

  it("that changes things is announced in the channel, and refusals never are", async () => {
    await surface.command('lock stg1 --reason "demo"');
    const [announced] = await surface.slack.called("chat.postMessage");
    expect(announced?.body).toMatchObject({ channel: "C0STAGING" });
    expect(announced?.body.text).toContain("*stg1* is held by <@U0DEV>");
    await surface.command("unlock stg1 --force", { user_id: "U0GROUPED" });
    const [refused] = await surface.slack.called("chat.postEphemeral");
    expect(refused?.body).toMatchObject({ user: "U0GROUPED" });
    expect(surface.slack.of("chat.postMessage")).toHaveLength(1);
  });

  it("to a change that is typed to the bot alone is announced in the channel as well, a refusal is not", async () => {
    await surface.command('lock stg1 --reason "demo"', { channel_id: "D0DEV" });
    const said = await surface.slack.called("chat.postMessage", 2);
    expect(said.map(({ body }) => body.channel).toSorted()).toEqual(["C0STAGING", "D0DEV"]);
    for (const { body } of said) expect(body.text).toContain("*stg1* is held by <@U0DEV>");
    await surface.command("lock stg1", { channel_id: "D0OTHER", user_id: "U0GROUPED" });
    await surface.slack.called("chat.postEphemeral");
    expect(surface.slack.of("chat.postMessage")).toHaveLength(2);
  });

  it("tells the holder when a maintainer takes the slot", async () => {
    await surface.command("lock stg1");
    await surface.slack.called("chat.postMessage");
    await surface.command("unlock stg1 --force", { user_id: "U0MAINT" });
    const calls = await surface.slack.called("chat.postMessage", 3);
    const direct = calls.find(({ body }) => body.channel === "U0DEV");
    expect(direct?.body.text).toBe(
      "<@U0MAINT> has unlocked *stg1*, which you held. `/stg lock stg1` holds it again, if it is still free.",
    );
  });

  it("does not wait behind what Slack will not take for that person's own conversation", async () => {
    await surface.command("lock stg1");
    await surface.slack.called("chat.postMessage");
    const refused = { body: { ok: false, error: "missing_scope" } };
    surface.slack.instead.set(
      "chat.postMessage",
      Array.from({ length: 10_000 }, () => refused),
    );
    await surface.command("unlock stg1 --force", { user_id: "U0MAINT" });
    const toThem = () => surface.slack.of("chat.postMessage").filter(({ body }) => body.channel === "U0DEV");
    await expect.poll(() => toThem().length, { timeout: 30_000 }).toBeGreaterThan(1);
    await surface.command("status", { response_url: `${surface.slack.url}/respond/1` });
    const [call] = await surface.slack.called("respond/1");
    expect(call?.body.text).toContain("*stg1* free");
    // The control: what is said to them alone still waits, and comes when Slack takes it again.
    surface.slack.instead.clear();
    const tried = toThem().length;
    await expect.poll(() => toThem().length, { timeout: 30_000 }).toBeGreaterThan(tried);
    expect(toThem().at(-1)?.body.text).toContain("has unlocked *stg1*");
  });

  it.each([
    ["asks to wait", { status: 429, headers: { "retry-after": "3600" }, body: {} }],
    ["takes it not", { body: { ok: false, error: "missing_scope" } }],
  ])("to a response address does not wait behind one for which Slack %s", async (_, refusal) => {
    surface.slack.instead.set(
      "chat.postEphemeral",
      Array.from({ length: 10_000 }, () => refusal),
    );
    await surface.command("lunch");
    await surface.slack.called("chat.postEphemeral");
    for (const [index, user] of ["U0DEV", "U0MAINT"].entries()) {
      const address = `respond/${index}`;
      await surface.command("status", { user_id: user, response_url: `${surface.slack.url}/${address}` });
      const [call] = await surface.slack.called(address);
      expect(call?.body.text).toContain("*stg1* free");
    }
  });

  it("never becomes a ping, a link or markup of its author's making", async () => {
    await surface.command('lock stg1 --reason "&lt;!channel&gt; <@U0VIEW> `x` *y* &amp;lt;"');
    const [call] = await surface.slack.called("chat.postMessage");
    // The holder is named as Slack names people; nothing that was written is.
    expect(call?.body.text?.replaceAll("<@U0DEV>", "")).not.toMatch(/<[!@#]/);
    expect(call?.body.text).toContain("&lt;!channel&gt; @U0VIEW");
    await surface.command("nonsense`<!here>`");
    const [refused] = await surface.slack.called("chat.postEphemeral");
    expect(refused?.body.text).not.toMatch(/<[!@#]/);
  });

  it("names people as Slack does, and by name where that is not possible", async () => {
    const person = { id: "terminal:ops", name: "*ops* <!here>" };
    await surface.bot.say("lock stg2", { person });
    await surface.command("lock stg1 --reason demo");
    await surface.slack.called("chat.postMessage");
    await surface.command("status", { user_id: "U0VIEW" });
    const [call] = await surface.slack.called("chat.postEphemeral");
    expect(call?.body.text).toContain("*stg1* held by <@U0DEV>: demo, since");
    expect(call?.body.text).toContain("*stg2* held by *∗ops∗ &lt;!here&gt;*, no reason given");
    // Elsewhere a name, never an id.
    expect(await surface.bot.hear("status")).toContain("stg1 held by Dev: demo, since");
  });

  it("hides secrets that are known", async () => {
    surface.bot.redact.add("TOKEN", "very-secret-value");
    await surface.command("lock stg1 --reason very-secret-value");
    const [call] = await surface.slack.called("chat.postMessage");
    expect(call?.body.text).toContain("[secret TOKEN]");
    expect(JSON.stringify(surface.slack.calls)).not.toContain("very-secret-value");
  });
});

describe("a secret with marks in it", () => {
  const SECRET = "~very_*secret*&<value>_`";

  it.each([true, false])(
    "is hidden also where its marks are shown by look-alikes (known: %s)",
    async (known) => {
      if (known) surface.bot.redact.add("TOKEN", SECRET);
      const typed = SECRET.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
      await surface.command(`lock stg1 --reason "it is ${typed} there"`);
      const [call] = await surface.slack.called("chat.postMessage");
      // Control: one that is not known is shown.
      expect(call?.body.text?.includes("[secret TOKEN]")).toBe(known);
      expect(call?.body.text?.includes("secret∗&amp;&lt;value&gt;")).toBe(!known);
    },
  );
});

describe("the same trigger twice", () => {
  it("has one effect and one answer", async () => {
    const body = slash("launch stg1");
    expect((await surface.post(body)).status).toBe(200);
    expect((await surface.post(body)).status).toBe(200);
    await surface.slack.called("chat.postEphemeral");
    expect(await surface.stored()).toBe(1);
    expect(await surface.bot.runCount()).toBe(1);
    // Another trigger is another command.
    await surface.command("launch stg2");
    await surface.slack.called("chat.postEphemeral", 2);
    expect(await surface.bot.runCount()).toBe(2);
  });
});

describe("who asks", () => {
  it.each([
    ["a viewer", { user_id: "U0VIEW" }, "role_missing"],
    ["an unknown person", { user_id: "U0NOBODY" }, "unknown_person"],
    ["a guest", { user_id: "U0GUEST" }, "guest"],
    ["a single-channel guest", { user_id: "U0ULTRA" }, "guest"],
    ["a deactivated person", { user_id: "U0GONE" }, "unknown_person"],
    ["a bot", { user_id: "U0BOT" }, "bot_person"],
    ["another workspace's person", { user_id: "U0OTHER" }, "other_workspace"],
    ["a stranger of a shared channel", { user_id: "U0STRANGE" }, "other_workspace"],
    ["another workspace", { user_id: "U0DEV", team_id: "T0OTHER" }, "other_workspace"],
  ])("%s may not launch", async (_, fields, reasonCode) => {
    await surface.command("launch stg1", fields);
    const [call] = await surface.slack.called("chat.postEphemeral");
    expect(call?.body.text).toContain(`\`${reasonCode}\``);
    expect(await surface.bot.runCount()).toBe(0);
  });

  it.each([
    ["whose account", { user_id: "U0OTHER" }],
    ["whose request", { user_id: "U0DEV", team_id: "T0OTHER" }],
  ])("one %s is of another workspace is told what to do next", async (_, fields) => {
    await surface.command("launch stg1", fields);
    const [call] = await surface.slack.called("chat.postEphemeral");
    expect(call?.body.text).toMatch(
      /another workspace.*Nothing was started.*Ask a member of that workspace/s,
    );
  });

  it("a member of a developers' group may", async () => {
    await surface.command("launch stg1", { user_id: "U0GROUPED" });
    await surface.slack.called("chat.postEphemeral");
    expect(await surface.bot.runCount()).toBe(1);
  });

  it("is nobody when Slack cannot be asked, and is told so", async () => {
    surface.slack.instead.set("users.info", [
      { body: { ok: false, error: "internal_error" } },
      { body: { ok: false, error: "internal_error" } },
    ]);
    await surface.command("launch stg1");
    const [call] = await surface.slack.called("chat.postEphemeral");
    expect(call?.body.text).toContain("`permission_lookup_failed`");
    expect(await surface.bot.runCount()).toBe(0);
  });

  it("is nobody when a group cannot be asked", async () => {
    const failed = { body: { ok: false, error: "missing_scope" } };
    surface.slack.instead.set("usergroups.users.list", [failed, failed, failed]);
    await surface.command("launch stg1", { user_id: "U0GROUPED" });
    const [call] = await surface.slack.called("chat.postEphemeral");
    expect(call?.body.text).toContain("`permission_lookup_failed`");
  });

  it("is asked for once in five minutes", async () => {
    await surface.command("status");
    await surface.command("status");
    await surface.slack.called("chat.postEphemeral", 2);
    expect(surface.slack.of("users.info")).toHaveLength(1);
    surface.bot.clock.ahead = 5 * 60_000 + 1;
    await surface.post(slash("status"), { timestamp: now() + 300 });
    await surface.slack.called("chat.postEphemeral", 3);
    expect(surface.slack.of("users.info")).toHaveLength(2);
  });
});
