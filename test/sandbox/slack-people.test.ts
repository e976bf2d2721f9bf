import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CHANNEL } from "../../sandbox/slack/people.ts";
import { signature } from "../../sandbox/slack/signature.ts";
import { type Json, MANIFEST, SECRET, type SlackStand, startStand } from "./slack-stand.ts";

/** What people do in Slack, and what the app is told of it: the payloads are those that Slack documents. */
let stand: SlackStand;
beforeEach(async () => {
  stand = await startStand();
});
afterEach(() => stand.close());

const plain = (text: string) => ({ type: "plain_text", text });
const button = (actionId: string, value?: string, more: object = {}) => ({
  type: "button",
  text: plain("Press me"),
  action_id: actionId,
  ...(value === undefined ? {} : { value }),
  ...more,
});
const actions = (...elements: object[]) => [{ type: "actions", block_id: "row", elements }];
const modal = (more: object = {}) => ({
  type: "modal",
  callback_id: "launch",
  title: plain("Launch"),
  submit: plain("Go"),
  private_metadata: "kept",
  blocks: [
    {
      type: "input",
      block_id: "slot",
      label: plain("Slot"),
      element: {
        type: "static_select",
        action_id: "choice",
        options: ["stg1", "stg2"].map((value) => ({ text: plain(value), value })),
      },
    },
    {
      type: "input",
      block_id: "why",
      optional: true,
      label: plain("Why"),
      element: { type: "plain_text_input", action_id: "text" },
    },
  ],
  ...more,
});

const post = async (blocks: object[], more: object = {}): Promise<string> =>
  (await stand.call("chat.postMessage", { channel: CHANNEL.id, text: "Run 1", blocks, ...more })).body.ts;
const press = (messageTs: string, more: object) =>
  stand.sandbox("action", { user: "developer", messageTs, ...more });
const shown = async (channel: string = CHANNEL.id): Promise<Json[]> =>
  (await stand.sandbox(`messages?channel=${channel}`)).body.messages;
/** A command's trigger, which opens one modal. */
const trigger = async (user = "developer"): Promise<string> =>
  (await stand.sandbox("command", { user, text: "launch" })).body.triggerId;
const openModal = async (view: object = modal()): Promise<Json> =>
  (await stand.call("views.open", { trigger_id: await trigger(), view })).body.view;

describe("a button of a message", () => {
  test("sends block_actions, signed, with all that Slack says of it", async () => {
    const ts = await post(actions(button("run_cancel", "1", { style: "danger" }), button("run_logs", "1")));
    const pressed = await press(ts, { actionId: "run_cancel" });
    expect(pressed).toMatchObject({ status: 200, body: { status: 200, via: "http" } });
    const request = stand.bot.received[0];
    const stamp = Number(request?.headers["x-slack-request-timestamp"]);
    expect(request?.headers["content-type"]).toBe("application/x-www-form-urlencoded");
    expect(request?.headers["x-slack-signature"]).toBe(signature(SECRET, stamp, request?.body ?? ""));
    const payload = stand.lastPayload();
    expect(payload).toMatchObject({
      type: "block_actions",
      user: { id: "U0DEVELOPER", username: "developer", team_id: "T000000001" },
      api_app_id: "A0SLIPWAY",
      container: { type: "message", message_ts: ts, channel_id: CHANNEL.id, is_ephemeral: false },
      team: { id: "T000000001", domain: "acme" },
      enterprise: null,
      is_enterprise_install: false,
      channel: { id: CHANNEL.id, name: "staging" },
      message: { type: "message", ts, text: "Run 1", bot_id: "B0SLIPWAY", app_id: "A0SLIPWAY" },
      state: { values: {} },
      actions: [{ type: "button", action_id: "run_cancel", block_id: "row", value: "1", style: "danger" }],
    });
    expect(payload.actions).toHaveLength(1);
    expect(payload.actions[0].text).toEqual(plain("Press me"));
    expect(payload.trigger_id).toBe(pressed.body.triggerId);
    expect(payload.response_url).toContain(`${stand.slack.url}/actions/`);
  });

  test("that is not there, or not for this person's eyes, cannot be pressed", async () => {
    const ts = await post(actions(button("run_cancel", "1")));
    expect(await press(ts, { actionId: "run_extend" })).toMatchObject({
      status: 409,
      body: { error: "action_not_found" },
    });
    expect((await press("1.2", { actionId: "run_cancel" })).body.error).toBe("message_not_found");
    const alone = await stand.call("chat.postEphemeral", {
      channel: CHANNEL.id,
      user: "U0VIEWER",
      text: "For you",
      blocks: actions(button("take_over")),
    });
    const hidden = await press(alone.body.message_ts, { actionId: "take_over" });
    expect(hidden.body.error).toBe("message_not_found");
    expect(stand.bot.received).toHaveLength(0);
    await stand.sandbox("action", {
      user: "viewer",
      messageTs: alone.body.message_ts,
      actionId: "take_over",
    });
    expect(stand.lastPayload()).toMatchObject({ container: { is_ephemeral: true } });
    expect(stand.lastPayload()).not.toHaveProperty("message");
  });

  test("pressed once may be delivered again, the very same", async () => {
    const ts = await post(actions(button("run_cancel", "1")));
    const { triggerId } = (await press(ts, { actionId: "run_cancel" })).body;
    await stand.call("chat.update", { channel: CHANNEL.id, ts, text: "Ended", blocks: [] });
    for (let again = 0; again < 3; again++) await press(ts, { actionId: "run_cancel", triggerId });
    const sent = new Set(stand.bot.received.map((one) => new URLSearchParams(one.body).get("payload")));
    expect(stand.bot.received).toHaveLength(4);
    expect(sent.size).toBe(1);
  });

  test("one of several with the same id is known by its value; menus say what was chosen", async () => {
    const options = ["1h", "2h"].map((value) => ({ text: plain(value), value }));
    const menu = { type: "static_select", action_id: "for", placeholder: plain("How long"), options };
    const ts = await post([
      { type: "actions", block_id: "a", elements: [button("take", "1")] },
      { type: "actions", block_id: "b", elements: [button("take", "2"), menu] },
    ]);
    await press(ts, { actionId: "take", value: "2" });
    expect(stand.lastPayload().actions[0]).toMatchObject({ block_id: "b", value: "2" });
    await press(ts, { actionId: "for", value: "2h" });
    const payload = stand.lastPayload();
    expect(payload.actions[0]).toMatchObject({ type: "static_select", selected_option: options[1] });
    expect(payload.state.values).toEqual({
      b: { for: { type: "static_select", selected_option: options[1] } },
    });
  });

  test("an outsider's press says where the outsider is from", async () => {
    const ts = await post(actions(button("run_cancel", "1")));
    await stand.sandbox("action", { user: "outsider", messageTs: ts, actionId: "run_cancel" });
    expect(stand.lastPayload()).toMatchObject({ user: { id: "U0OUTSIDER", team_id: "T0ELSEWHERE" } });
  });
});

describe("the response_url of a press", () => {
  const respond = async (body: object) => {
    const { response_url: url } = stand.lastPayload();
    const answer = await fetch(url, { method: "POST", body: JSON.stringify(body) });
    return answer.status;
  };

  test("replaces and deletes the message with the button", async () => {
    const ts = await post(actions(button("ok", "1")));
    await press(ts, { actionId: "ok" });
    expect(await respond({ replace_original: true, text: "Replaced" })).toBe(200);
    expect((await shown())[0]).toMatchObject({ ts, text: "Replaced" });
    expect((await shown())[0].editedTs).not.toBeNull();
    expect(await respond({ delete_original: "true" })).toBe(200);
    expect(await shown()).toEqual([]);
  });

  test("replaces and deletes what one person alone sees, too", async () => {
    const alone = await stand.call("chat.postEphemeral", {
      channel: CHANNEL.id,
      user: "U0DEVELOPER",
      text: "Sure?",
      blocks: actions(button("ok")),
    });
    await press(alone.body.message_ts, { actionId: "ok" });
    await respond({ replace_original: true, text: "Done" });
    expect(await shown()).toMatchObject([{ text: "Done", onlyFor: "U0DEVELOPER" }]);
    await respond({ delete_original: true });
    expect(await shown()).toEqual([]);
  });

  test("says something to its presser alone, in the thread of the message, and is checked as every message", async () => {
    const parent = await post(actions(button("ok")));
    const reply = await post(actions(button("ok")), { thread_ts: parent });
    await press(reply, { actionId: "ok" });
    expect(await respond({ text: "Only you" })).toBe(200);
    const [message] = await shown();
    expect(message.thread.at(-1)).toMatchObject({ text: "Only you", onlyFor: "U0DEVELOPER" });
    expect(await respond({ text: "x", blocks: [{ type: "nonsense" }] })).toBe(400);
  });
});

describe("modals", () => {
  test("open by a trigger, once and within three seconds", async () => {
    const first = await trigger();
    const opened = await stand.call("views.open", { trigger_id: first, view: modal() });
    expect(opened.body).toMatchObject({ ok: true, view: { type: "modal", callback_id: "launch" } });
    expect((await stand.sandbox("views?user=developer")).body.views).toMatchObject([
      { id: opened.body.view.id },
    ]);
    expect((await stand.sandbox("views?user=viewer")).body.views).toEqual([]);
    const again = await stand.call("views.open", { trigger_id: first, view: modal() });
    expect(again.body.error).toBe("exchanged_trigger_id");
    const late = await trigger();
    stand.clock.ms += 3_000;
    expect((await stand.call("views.open", { trigger_id: late, view: modal() })).body.error).toBe(
      "expired_trigger_id",
    );
    expect((await stand.call("views.open", { trigger_id: "1.2.3", view: modal() })).body.error).toBe(
      "invalid_trigger_id",
    );
  });

  test("submitted send what was filled in, and close", async () => {
    const view = await openModal();
    const sent = await stand.sandbox("view", {
      user: "developer",
      viewId: view.id,
      values: { slot: "stg2", why: { text: "a demo" } },
    });
    expect(sent.body).toMatchObject({ status: 200, errors: {}, open: [] });
    expect(stand.lastPayload()).toMatchObject({
      type: "view_submission",
      user: { id: "U0DEVELOPER", team_id: "T000000001" },
      team: { id: "T000000001" },
      view: {
        id: view.id,
        callback_id: "launch",
        private_metadata: "kept",
        state: {
          values: {
            slot: { choice: { type: "static_select", selected_option: { value: "stg2" } } },
            why: { text: { type: "plain_text_input", value: "a demo" } },
          },
        },
      },
      response_urls: [],
    });
  });

  test("with something missing are not sent at all", async () => {
    const view = await openModal();
    const sent = await stand.sandbox("view", { user: "developer", viewId: view.id });
    expect(sent).toMatchObject({ status: 409, body: { error: "missing_input" } });
    expect(Object.keys(sent.body.errors)).toEqual(["slot"]);
    const wrong = { user: "developer", viewId: view.id, values: { slot: "stg9" } };
    expect((await stand.sandbox("view", wrong)).body.error).toBe("missing_input");
    expect(stand.bot.received.filter((one) => one.body.startsWith("payload="))).toEqual([]);
  });

  test("obey what the app answers: errors, update, push, clear", async () => {
    const view = await openModal();
    const submit = async (viewId: string, answer: object) => {
      stand.bot.answer = { status: 200, body: JSON.stringify(answer) };
      return (await stand.sandbox("view", { user: "developer", viewId, values: { slot: "stg1" } })).body;
    };
    const refused = await submit(view.id, { response_action: "errors", errors: { slot: "It is taken." } });
    expect(refused).toMatchObject({ errors: { slot: "It is taken." }, open: [view.id] });
    await submit(view.id, { response_action: "update", view: modal({ title: plain("Second") }) });
    const [changed] = (await stand.sandbox("views?user=developer")).body.views;
    expect(changed).toMatchObject({ id: view.id, title: plain("Second") });
    expect(changed.hash).not.toBe(view.hash);
    const pushed = await submit(view.id, { response_action: "push", view: modal() });
    expect(pushed.open).toHaveLength(2);
    const cleared = await submit(pushed.open[1], { response_action: "clear" });
    expect(cleared.open).toEqual([]);
  });

  test("one that the app does not answer stays open and says so", async () => {
    const view = await openModal();
    stand.bot.answer = { status: 500, body: "" };
    const sent = await stand.sandbox("view", {
      user: "developer",
      viewId: view.id,
      values: { slot: "stg1" },
    });
    expect(sent.body).toMatchObject({ status: 500, open: [view.id] });
    expect(sent.body.errors[""]).toMatch(/trouble/);
  });

  test("closed tell the app where it has asked for that", async () => {
    const quiet = await openModal();
    const before = stand.bot.received.length;
    await stand.sandbox("view", { user: "developer", viewId: quiet.id, close: true });
    expect(stand.bot.received).toHaveLength(before);
    const view = await openModal(modal({ notify_on_close: true }));
    await stand.sandbox("view", { user: "developer", viewId: view.id, close: true });
    expect(stand.lastPayload()).toMatchObject({
      type: "view_closed",
      view: { id: view.id },
      is_cleared: false,
    });
    expect((await stand.sandbox("views?user=developer")).body.views).toEqual([]);
  });

  test("are updated by id, and stacked at most three high", async () => {
    const blocks = [...modal().blocks, ...actions(button("more", "1"))];
    const first = await openModal(modal({ blocks }));
    const pressed = await stand.sandbox("action", {
      user: "developer",
      viewId: first.id,
      actionId: "more",
    });
    expect(stand.lastPayload()).toMatchObject({
      type: "block_actions",
      container: { type: "view", view_id: first.id },
      view: { id: first.id },
      actions: [{ action_id: "more", value: "1" }],
    });
    expect(stand.lastPayload()).not.toHaveProperty("channel");
    const push = (triggerId: string) =>
      stand.call("views.push", { trigger_id: triggerId, view: modal({ blocks }) });
    const second = (await push(pressed.body.triggerId)).body.view;
    expect(second).toMatchObject({ previous_view_id: first.id, root_view_id: first.id });
    const next = async (viewId: string) =>
      (await stand.sandbox("action", { user: "developer", viewId, actionId: "more" })).body.triggerId;
    const third = (await push(await next(second.id))).body.view;
    expect((await push(await next(third.id))).body.error).toBe("push_limit_reached");
    const stale = await stand.call("views.update", { view_id: first.id, hash: "old", view: modal() });
    expect(stale.body.error).toBe("hash_conflict");
    const updated = await stand.call("views.update", { view_id: first.id, hash: first.hash, view: modal() });
    expect(updated.body.ok).toBe(true);
    expect((await stand.call("views.update", { view_id: "V0", view: modal() })).body.error).toBe("not_found");
  });
});

describe("the app's home", () => {
  const home = (...blocks: object[]) => ({ type: "home", blocks });

  test("opened is told to the app, and shows what the app has published", async () => {
    const opened = await stand.sandbox("home", { user: "viewer" });
    expect(opened.body).toMatchObject({ status: 200 });
    const event = JSON.parse(stand.bot.received[0]?.body ?? "");
    expect(stand.bot.received[0]?.headers["content-type"]).toBe("application/json");
    expect(event).toMatchObject({
      type: "event_callback",
      team_id: "T000000001",
      api_app_id: "A0SLIPWAY",
      event: { type: "app_home_opened", user: "U0VIEWER", tab: "home" },
      authorizations: [{ team_id: "T000000001", user_id: "U0SLIPWAY", is_bot: true }],
    });
    expect(event.event.channel).toMatch(/^D/);
    expect(event.event_id).toBe(opened.body.eventId);
    expect((await stand.sandbox("home?user=viewer")).body.view).toBeNull();
    const view = home({ type: "header", text: plain("Slots") }, ...actions(button("launch", "stg1")));
    const published = await stand.call("views.publish", { user_id: "U0VIEWER", view });
    expect(published.body).toMatchObject({ ok: true, view: { type: "home" } });
    const shownHome = (await stand.sandbox("home?user=viewer")).body.view;
    expect(shownHome.blocks[0]).toMatchObject({ text: plain("Slots") });
    await stand.sandbox("action", { user: "viewer", viewId: shownHome.id, actionId: "launch" });
    expect(stand.lastPayload()).toMatchObject({ container: { type: "view" }, view: { type: "home" } });
    const foreign = { user: "developer", viewId: shownHome.id, actionId: "launch" };
    expect((await stand.sandbox("action", foreign)).body.error).toBe("view_not_found");
  });

  test("the same event may come again, marked as a retry", async () => {
    const { eventId } = (await stand.sandbox("home", { user: "viewer" })).body;
    await stand.sandbox("home", { user: "viewer", eventId });
    const ids = stand.bot.received.map((one) => JSON.parse(one.body).event_id);
    expect(new Set(ids).size).toBe(1);
    expect(stand.bot.received[1]?.headers["x-slack-retry-num"]).toBe("1");
  });

  test("another person's cannot be published to nobody", async () => {
    const published = await stand.call("views.publish", { user_id: "U0NOBODY", view: home() });
    expect(published.body.error).toBe("user_not_found");
  });
});

describe("direct messages and files", () => {
  test("a message to a person opens the conversation, which that person's name names too", async () => {
    const sent = await stand.call("chat.postMessage", {
      channel: "U0DEVELOPER",
      text: "Your turn",
      blocks: actions(button("take", "1")),
    });
    expect(sent.body.channel).toMatch(/^D/);
    expect(await shown("developer")).toMatchObject([{ text: "Your turn" }]);
    expect(await shown(sent.body.channel)).toHaveLength(1);
    expect(await shown("viewer")).toEqual([]);
    expect(await shown()).toEqual([]);
    await press(sent.body.ts, { actionId: "take", channel: "developer" });
    expect(stand.lastPayload()).toMatchObject({
      channel: { id: sent.body.channel, name: "directmessage" },
      container: { channel_id: sent.body.channel },
    });
    await stand.sandbox("command", { user: "developer", text: "status", channel: "developer" });
    const fields = new URLSearchParams(stand.bot.received.at(-1)?.body);
    expect(fields.get("channel_id")).toBe(sent.body.channel);
  });

  test("an uploaded picture is in the thread, and is seen by people but not by programs without the scope", async () => {
    const ts = await post(actions(button("ok")));
    const upload = (await stand.call("files.getUploadURLExternal", { filename: "shot.png", length: 4 })).body;
    await fetch(upload.upload_url, { method: "POST", body: new Uint8Array([137, 80, 78, 71]) });
    const files = [{ id: upload.file_id, title: "The failing page" }];
    const where = { channel_id: CHANNEL.id, thread_ts: ts };
    await stand.call("files.completeUploadExternal", { files, ...where });
    const [message] = await shown();
    const [file] = message.thread[0].files;
    expect(file).toMatchObject({ name: "shot.png", title: "The failing page", mimetype: "image/png" });
    expect(file.url_private).toContain(stand.slack.url);
    const seen = await fetch(file.url_private);
    expect(seen.headers.get("content-type")).toBe("image/png");
    expect([...new Uint8Array(await seen.arrayBuffer())]).toEqual([137, 80, 78, 71]);
    const asked = (token: string) =>
      fetch(file.url_private, { headers: { authorization: `Bearer ${token}` } });
    expect((await asked("xoxb-other")).status).toBe(401);
    expect((await asked("xoxb-test-token")).status).toBe(403);
  });
});

describe("links", () => {
  let folder: string;
  let deaf: SlackStand;
  /** The app without its subscription, in a workspace of its own. */
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "slipway-links-"));
    const manifest = readFileSync(MANIFEST, "utf8").replace(/^ +- link_shared\n/m, "");
    writeFileSync(join(folder, "slack.yml"), manifest);
    deaf = await startStand({ manifest: join(folder, "slack.yml") });
  });
  afterEach(async () => {
    await deaf.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("to the app's domain are told to it, and unfurled below the message", async () => {
    const url = "https://slipway.example.org/runs/7";
    const said = await stand.sandbox("say", { user: "developer", text: `look: ${url}` });
    const { event } = JSON.parse(stand.bot.received[0]?.body ?? "");
    expect(event).toMatchObject({
      type: "link_shared",
      channel: CHANNEL.id,
      user: "U0DEVELOPER",
      message_ts: said.body.ts,
      links: [{ domain: "slipway.example.org", url }],
    });
    const unfurls = { [url]: { blocks: [{ type: "section", text: { type: "mrkdwn", text: "Run 7" } }] } };
    const done = await stand.call("chat.unfurl", { channel: CHANNEL.id, ts: said.body.ts, unfurls });
    expect(done.body.ok).toBe(true);
    const [message] = (await stand.sandbox("messages")).body.messages;
    expect(message.attachments).toMatchObject([{ from_url: url, blocks: [{ text: { text: "Run 7" } }] }]);
    const byId = await stand.call("chat.unfurl", {
      unfurl_id: event.unfurl_id,
      source: event.source,
      unfurls,
    });
    expect(byId.body.ok).toBe(true);
    const other = { channel: CHANNEL.id, ts: said.body.ts, unfurls: { "https://else.example": {} } };
    expect((await stand.call("chat.unfurl", other)).body.error).toBe("cannot_unfurl_url");
  });

  test("to other domains are nobody's business, and without the subscription none is", async () => {
    await stand.sandbox("say", { user: "developer", text: "https://example.com/runs/7" });
    await deaf.sandbox("say", { user: "developer", text: "https://slipway.example.org/runs/7" });
    expect(stand.bot.received).toEqual([]);
    expect(deaf.bot.received).toEqual([]);
  });
});
