import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { type SlackFront, startSlackFront } from "../../sandbox/slack/front.ts";
import { CHANNEL } from "../../sandbox/slack/people.ts";
import { signature } from "../../sandbox/slack/signature.ts";
import { MANIFEST, SECRET, type StandInBot, startStandInBot, TOKEN } from "./slack-stand.ts";

let clockMs = 1_800_000_000_000;
let bot: StandInBot;
let slack: SlackFront;

beforeEach(async () => {
  clockMs = 1_800_000_000_000;
  bot = await startStandInBot();
  slack = await startSlackFront({
    botToken: TOKEN,
    signingSecret: SECRET,
    botUrl: bot.url,
    manifest: MANIFEST,
    clock: { now: () => clockMs },
  });
});

afterEach(async () => {
  await slack.close();
  bot.close();
});

type Answer = Record<string, unknown> & { ok?: boolean; error?: string };

async function call(method: string, parameters: Record<string, unknown> = {}, token: string | null = TOKEN) {
  const answer = await fetch(`${slack.url}/api/${method}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(parameters),
  });
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Answer };
}

const shownSchema = z.object({
  messages: z.array(
    z.looseObject({
      ts: z.string(),
      name: z.string(),
      text: z.string(),
      onlyFor: z.string().nullable(),
      editedTs: z.string().nullable(),
      thread: z.array(z.looseObject({ text: z.string() })),
    }),
  ),
});
const callsSchema = z.array(
  z.looseObject({ action: z.string(), parameters: z.record(z.string(), z.unknown()) }),
);

const shownMessages = async () => shownSchema.parse((await sandbox("messages")).body).messages;
const listedCalls = async () => callsSchema.parse((await sandbox("calls")).body);

async function sandbox(path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(`${slack.url}/_sandbox/${path}`, {
    method: body === undefined ? "GET" : "POST",
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as unknown };
}

const say = (text: string, more: Record<string, unknown> = {}) =>
  call("chat.postMessage", { channel: CHANNEL.id, text, ...more });

describe("tokens and scopes", () => {
  test("no token, a wrong token and the right one", async () => {
    expect((await call("auth.test", {}, null)).body.error).toBe("not_authed");
    expect((await call("auth.test", {}, "xoxb-other")).body.error).toBe("invalid_auth");
    expect((await call("auth.test")).body).toMatchObject({
      ok: true,
      user_id: "U0SLIPWAY",
      bot_id: "B0SLIPWAY",
    });
  });

  test("a method whose scope slack.yml lacks is refused, one that it has is not", async () => {
    const refused = await call("reactions.add", { channel: CHANNEL.id, name: "eyes" });
    expect(refused.body).toMatchObject({ ok: false, error: "missing_scope" });
    expect(String(refused.body.needed)).toContain("reactions:write");
    expect(String(refused.body.provided)).toContain("chat:write");
    expect((await call("usergroups.users.list", { usergroup: "S0DEVELOPERS" })).body.users).toEqual([
      "U0DEVELOPER",
      "U0DEVELOPER2",
    ]);
  });

  test("an unknown method is said to be unknown", async () => {
    expect((await call("chat.postMassage")).body.error).toBe("unknown_method");
  });
});

describe("people", () => {
  test("each person has the flags that decide on roles", async () => {
    const developer = (await call("users.info", { user: "U0DEVELOPER" })).body.user;
    expect(developer).toMatchObject({ team_id: "T000000001", is_bot: false, is_restricted: false });
    const outsider = (await call("users.info", { user: "U0OUTSIDER" })).body.user;
    expect(outsider).toMatchObject({ team_id: "T0ELSEWHERE", is_restricted: true });
    expect((await call("users.info", { user: "U0SLIPWAY" })).body.user).toMatchObject({ is_bot: true });
    expect((await call("users.info", { user: "U0NOBODY" })).body.error).toBe("user_not_found");
  });
});

describe("messages", () => {
  test("a message, its thread, its edit and what one person alone sees", async () => {
    const posted = await say("Launching stg1");
    const ts = String(posted.body.ts);
    await say("Instance is up", { thread_ts: ts });
    await call("chat.update", { channel: CHANNEL.id, ts, text: "Launched stg1" });
    await call("chat.postEphemeral", { channel: CHANNEL.id, user: "U0VIEWER", text: "You may not." });
    const messages = await shownMessages();
    expect(messages).toHaveLength(2);
    const main = messages.find((one) => one.ts === ts);
    expect(main).toMatchObject({ text: "Launched stg1", name: "slipway", onlyFor: null });
    expect(main?.editedTs).not.toBeNull();
    expect(main?.thread.map((one) => one.text)).toEqual(["Instance is up"]);
    const alone = messages.find((one) => one.onlyFor !== null);
    expect(alone).toMatchObject({ onlyFor: "U0VIEWER", text: "You may not." });
  });

  test("permalinks and uploads speak of the front's own address", async () => {
    const ts = (await say("here")).body.ts;
    const link = await call("chat.getPermalink", { channel: CHANNEL.id, message_ts: ts });
    expect(String(link.body.permalink)).toMatch(new RegExp(`^${slack.url}/archives/`));
    const upload = await call("files.getUploadURLExternal", { filename: "shot.png", length: 3 });
    expect(String(upload.body.upload_url)).toMatch(new RegExp(`^${slack.url}/upload/`));
    const sent = await fetch(String(upload.body.upload_url), { method: "POST", body: "abc" });
    expect(sent.status).toBe(200);
    const files = [{ id: upload.body.file_id, title: "shot" }];
    const done = await call("files.completeUploadExternal", { files, channel_id: CHANNEL.id, thread_ts: ts });
    expect(done.body.ok).toBe(true);
  });

  test("the calls are listed without the token, whatever way it came", async () => {
    await fetch(`${slack.url}/api/chat.postMessage`, {
      method: "POST",
      body: new URLSearchParams({ token: TOKEN, channel: CHANNEL.id, text: "by form" }),
    });
    const body = await listedCalls();
    expect(body).toHaveLength(1);
    expect(body[0]).toMatchObject({ action: "chat.postMessage", status: 200 });
    expect(JSON.stringify(body)).not.toContain(TOKEN);
    expect(body[0]?.parameters.text).toBe("by form");
  });
});

describe("limits", () => {
  test("a channel takes a short burst, then one message a second", async () => {
    const statuses: number[] = [];
    for (let count = 0; count < 5; count++) statuses.push((await say(`message ${count}`)).status);
    expect(statuses).toEqual([200, 200, 200, 200, 429]);
    const refused = await say("too soon");
    expect(refused.body.error).toBe("ratelimited");
    expect(refused.headers.get("retry-after")).toBe("1");
    clockMs += 1_000;
    expect((await say("a second later")).status).toBe(200);
    expect((await say("and at once again")).status).toBe(429);
  });

  test("another channel's limit is its own", async () => {
    for (let count = 0; count < 5; count++) await say("fill");
    expect((await call("chat.postMessage", { channel: "U0DEVELOPER", text: "hello" })).status).toBe(200);
  });

  test("a tier-3 method is refused after fifty in a minute", async () => {
    const ts = (await say("edit me")).body.ts;
    const statuses: number[] = [];
    for (let count = 0; count < 51; count++) {
      statuses.push((await call("chat.update", { channel: CHANNEL.id, ts, text: `${count}` })).status);
    }
    expect(statuses.filter((status) => status === 200)).toHaveLength(50);
    expect(statuses.at(-1)).toBe(429);
  });

  test.each([
    ["a post of 40,000 characters", () => say("x".repeat(40_000)), undefined],
    ["a post of more", () => say("x".repeat(40_001)), "msg_too_long"],
    ["fifty blocks", () => say("b", { blocks: Array(50).fill({ type: "divider" }) }), undefined],
    ["more blocks", () => say("b", { blocks: Array(51).fill({ type: "divider" }) }), "invalid_blocks"],
    ["a block that Slack has not", () => say("b", { blocks: [{ type: "checklist" }] }), "invalid_blocks"],
    [
      "a long section",
      () => say("b", { blocks: [{ type: "section", text: { type: "mrkdwn", text: "x".repeat(3001) } }] }),
      "invalid_blocks",
    ],
    [
      "a plan with a wrong state",
      () =>
        say("b", {
          blocks: [{ type: "plan", title: "p", tasks: [{ task_id: "1", title: "t", status: "completed" }] }],
        }),
      "invalid_blocks",
    ],
    [
      "a plan with a right one",
      () =>
        say("b", {
          blocks: [{ type: "plan", title: "p", tasks: [{ task_id: "1", title: "t", status: "complete" }] }],
        }),
      undefined,
    ],
  ])("%s", async (_name, post, error) => {
    expect((await post()).body.error).toBe(error);
  });

  test("an edit takes 4,000 characters", async () => {
    const ts = (await say("edit me")).body.ts;
    const edit = (text: string) => call("chat.update", { channel: CHANNEL.id, ts, text });
    expect((await edit("x".repeat(4_000))).body.ok).toBe(true);
    expect((await edit("x".repeat(4_001))).body.error).toBe("msg_too_long");
  });
});

describe("faults", () => {
  test("strike the named method as often as told, before or after the effect", async () => {
    await sandbox("faults", [
      { action: "chat.postMessage", mode: "error-before", code: "fatal_error" },
      { action: "chat.postMessage", mode: "error-after", code: "internal_error" },
      { action: "chat.postMessage", mode: "ratelimited", retryAfter: 7 },
    ]);
    expect((await say("lost")).body.error).toBe("fatal_error");
    expect((await say("arrived")).body.error).toBe("internal_error");
    const limited = await say("later");
    expect(limited.status).toBe(429);
    expect(limited.headers.get("retry-after")).toBe("7");
    expect((await say("fine")).body.ok).toBe(true);
    const messages = await shownMessages();
    expect(messages.map((one) => one.text)).toEqual(["arrived", "fine"]);
  });

  test("hang without an answer; garbage is no JSON; an empty list clears", async () => {
    await sandbox("faults", [{ action: "chat.postMessage", mode: "hang-after", times: 5 }]);
    const hanging = fetch(`${slack.url}/api/chat.postMessage`, {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
      body: JSON.stringify({ channel: CHANNEL.id, text: "said, unanswered" }),
      signal: AbortSignal.timeout(300),
    });
    await expect(hanging).rejects.toThrow();
    await sandbox("faults", []);
    expect((await say("clear again")).body.ok).toBe(true);
    expect(await shownMessages()).toHaveLength(2);
    await sandbox("faults", [{ action: "auth.*", mode: "garbage" }]);
    await expect(call("auth.test")).rejects.toThrow();
  });

  test("garbage has no effect, garbage-after has it and cuts the answer off", async () => {
    const say = (text: string) =>
      fetch(`${slack.url}/api/chat.postMessage`, {
        method: "POST",
        headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
        body: JSON.stringify({ channel: CHANNEL.id, text }),
      });
    await sandbox("faults", [
      { action: "chat.postMessage", mode: "garbage" },
      { action: "chat.postMessage", mode: "garbage-after" },
    ]);
    expect(await (await say("never said")).text()).toBe('{"ok": tru');
    const cut = await say("said");
    expect(cut.status).toBe(200);
    const body = await cut.text();
    expect(body).toMatch(/^\{"ok":true,"/);
    expect(() => JSON.parse(body)).toThrow();
    expect((await shownMessages()).map(({ text }) => text)).toEqual(["said"]);
  });

  test("a list that makes no sense is refused and changes nothing", async () => {
    const refused = await sandbox("faults", [{ action: "chat.postMessage", mode: "explode" }]);
    expect(refused.status).toBe(400);
    expect((await say("fine")).body.ok).toBe(true);
  });

  test("are reached below the API's address too", async () => {
    const answer = await fetch(`${slack.url}/api//_sandbox/calls`);
    expect(await answer.json()).toEqual([]);
  });
});

describe("slash commands", () => {
  test("the signature is that of Slack's own published example", () => {
    const body =
      "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V" +
      "&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=" +
      "&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN" +
      "&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    expect(signature("8f742231b10e8888abcd99yyyzzz85a5", 1531420618, body)).toBe(
      "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    );
  });

  test("arrive signed, with the fields that Slack sends", async () => {
    const sent = await sandbox("command", { user: "developer", text: "launch stg1" });
    expect(sent.body).toMatchObject({ status: 200, body: "" });
    const [request] = bot.received;
    const fields = new URLSearchParams(request?.body);
    expect(Object.fromEntries(fields)).toMatchObject({
      command: "/stg",
      text: "launch stg1",
      user_id: "U0DEVELOPER",
      user_name: "developer",
      team_id: "T000000001",
      channel_id: CHANNEL.id,
      channel_name: "staging",
      api_app_id: "A0SLIPWAY",
      is_enterprise_install: "false",
    });
    expect(fields.get("trigger_id")).toBeTruthy();
    const stamp = Number(request?.headers["x-slack-request-timestamp"]);
    expect(stamp).toBe(Math.floor(clockMs / 1000));
    expect(request?.headers["x-slack-signature"]).toBe(signature(SECRET, stamp, request?.body ?? ""));
    expect(request?.headers["x-slack-signature"]).not.toBe(signature("other", stamp, request?.body ?? ""));
  });

  test("what the bot answers, now or later, is shown to its author alone, at most five times", async () => {
    bot.answer = { status: 200, body: JSON.stringify({ text: "On it." }) };
    await sandbox("command", { user: "viewer", text: "status" });
    const address = new URLSearchParams(bot.received[0]?.body).get("response_url") ?? "";
    const later = async () => (await fetch(address, { method: "POST", body: '{"text":"All free."}' })).status;
    const statuses: number[] = [];
    for (let count = 0; count < 6; count++) statuses.push(await later());
    expect(statuses).toEqual([200, 200, 200, 200, 200, 404]);
    const messages = await shownMessages();
    expect(messages.map((one) => one.text).slice(0, 3)).toEqual(["/stg status", "On it.", "All free."]);
    expect(messages.every((one) => one.onlyFor === "U0VIEWER")).toBe(true);
    const calls = (await listedCalls()).filter((one) => one.action === "response_url");
    expect(calls).toHaveLength(6);
  });

  test("a bot that is not there is reported as Slack does", async () => {
    bot.close();
    const gone = await sandbox("command", { user: "developer", text: "status" });
    expect(gone.body).toMatchObject({ status: null, error: "dispatch_failed" });
    const messages = await shownMessages();
    expect(messages.at(-1)?.text).toBe('/stg failed with the error "dispatch_failed"');
  });

  test("a command that slack.yml does not have is not sent", async () => {
    const refused = await sandbox("command", { user: "developer", text: "x", command: "/deploy" });
    expect(refused.status).toBe(400);
    expect(bot.received).toHaveLength(0);
  });
});
