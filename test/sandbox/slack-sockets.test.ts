import { setTimeout as delay } from "node:timers/promises";
import { App, SocketModeReceiver } from "@slack/bolt";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { APP_TOKEN, type Json, type SlackStand, startStand, TOKEN } from "./slack-stand.ts";

const PATIENT = { timeout: 30_000, interval: 20 };

let stand: SlackStand;
const clients: Client[] = [];
beforeEach(async () => {
  stand = await startStand({ socketMode: true });
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.terminate();
  await stand.close();
});

/** One web socket of an app, with all that it was sent. */
interface Client {
  readonly socket: WebSocket;
  readonly received: Json[];
  envelopes(): Json[];
  ack(envelope: Json, payload?: object): void;
}

const ticket = async (): Promise<string> =>
  (await stand.call("apps.connections.open", {}, APP_TOKEN)).body.url;

async function connect(acknowledges = true): Promise<Client> {
  const socket = new WebSocket(await ticket());
  const client: Client = {
    socket,
    received: [],
    envelopes: () => client.received.filter((one) => one.envelope_id),
    ack: (envelope, payload) =>
      socket.send(JSON.stringify({ envelope_id: envelope.envelope_id, ...(payload && { payload }) })),
  };
  clients.push(client);
  socket.on("error", () => {});
  socket.on("message", (data) => {
    const message = JSON.parse(String(data)) as Json;
    client.received.push(message);
    if (acknowledges && message.envelope_id) client.ack(message);
  });
  await expect.poll(() => client.received[0]?.type, PATIENT).toBe("hello");
  return client;
}

describe("apps.connections.open", () => {
  test("gives one address for one connection, to an app-level token alone", async () => {
    const address = await ticket();
    expect(address).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\/link\/\?ticket=/);
    expect((await stand.call("apps.connections.open", {}, TOKEN)).body.error).toBe("not_allowed_token_type");
    expect((await stand.call("apps.connections.open", {}, "xapp-1-other")).body.error).toBe("invalid_auth");
    expect((await stand.call("apps.connections.open", {}, null)).body.error).toBe("not_authed");
    expect((await stand.call("auth.test", {}, APP_TOKEN)).body.error).toBe("not_allowed_token_type");
    const open = (url: string) =>
      new Promise<string>((resolve) => {
        const socket = new WebSocket(url);
        socket.on("open", () => resolve("open"));
        socket.on("error", (error) => resolve(error.message));
        clients.push({ socket, received: [], envelopes: () => [], ack: () => {} });
      });
    expect(await open(address)).toBe("open");
    expect(await open(address)).toContain("401");
    expect(await open(`${stand.slack.url.replace("http", "ws")}/link/?ticket=guess`)).toContain("401");
  });
});

describe("what is sent over a web socket", () => {
  test("commands, presses and events come in envelopes, and none by HTTP", async () => {
    const client = await connect();
    expect(client.received[0]).toMatchObject({
      num_connections: 1,
      connection_info: { app_id: "A0SLIPWAY" },
    });
    const sent = await stand.sandbox("command", { user: "developer", text: "status" });
    expect(sent.body).toMatchObject({ status: 200, via: "socket" });
    const posted = await stand.call("chat.postMessage", {
      channel: "C000000001",
      text: "x",
      blocks: [
        {
          type: "actions",
          elements: [{ type: "button", action_id: "go", text: { type: "plain_text", text: "Go" } }],
        },
      ],
    });
    await stand.sandbox("action", { user: "developer", messageTs: posted.body.ts, actionId: "go" });
    await stand.sandbox("home", { user: "developer" });
    expect(client.envelopes()).toMatchObject([
      {
        type: "slash_commands",
        accepts_response_payload: true,
        payload: { command: "/stg", text: "status" },
      },
      { type: "interactive", payload: { type: "block_actions" } },
      {
        type: "events_api",
        accepts_response_payload: false,
        retry_attempt: 0,
        payload: { type: "event_callback", event: { type: "app_home_opened" } },
      },
    ]);
    expect(stand.bot.received).toEqual([]);
  });

  test("an acknowledgement may carry the answer", async () => {
    const client = await connect(false);
    const sending = stand.sandbox("command", { user: "developer", text: "status" });
    await expect.poll(() => client.envelopes().length, PATIENT).toBe(1);
    client.ack(client.envelopes()[0], { text: "All free." });
    await sending;
    const { messages } = (await stand.sandbox("messages")).body;
    expect(messages.at(-1)).toMatchObject({ text: "All free.", onlyFor: "U0DEVELOPER" });
  });

  test("connections take turns; without any, nothing reaches the app and the person is told", async () => {
    const [one, two] = [await connect(), await connect()];
    for (let count = 0; count < 4; count++) await stand.sandbox("home", { user: "developer" });
    expect([one.envelopes().length, two.envelopes().length]).toEqual([2, 2]);
    await stand.sandbox("disconnect", { most: 1 });
    await expect.poll(async () => (await stand.sandbox("connections")).body.connections, PATIENT).toBe(1);
    expect((await stand.sandbox("home", { user: "developer" })).body).toMatchObject({ status: 200 });
    expect(two.envelopes()).toHaveLength(3);
    await stand.sandbox("disconnect", {});
    await expect.poll(async () => (await stand.sandbox("connections")).body.connections, PATIENT).toBe(0);
    const sent = await stand.sandbox("command", { user: "developer", text: "status" });
    expect(sent.body).toMatchObject({ status: null, via: "socket", error: "dispatch_failed" });
    const { messages } = (await stand.sandbox("messages")).body;
    expect(messages.at(-1)).toMatchObject({
      text: '/stg failed with the error "dispatch_failed"',
      onlyFor: "U0DEVELOPER",
    });
    // It is lost: whoever connects afterwards does not get it.
    const three = await connect();
    await stand.sandbox("home", { user: "developer" });
    expect(three.envelopes()).toMatchObject([{ type: "events_api" }]);
    expect(stand.bot.received).toEqual([]);
  });

  test("without Socket Mode there is no connection, and HTTP is used", async () => {
    const plain = await startStand();
    try {
      expect((await plain.call("apps.connections.open", {}, APP_TOKEN)).body.error).toBe("invalid_auth");
      expect((await plain.sandbox("home", { user: "developer" })).body.via).toBe("http");
      expect(plain.bot.received).toHaveLength(1);
    } finally {
      await plain.close();
    }
  });

  test("not acknowledged, it comes again over another connection, three times at most", async () => {
    const [one, two] = [await connect(false), await connect(false)];
    const sent = await stand.sandbox("home", { user: "developer" });
    expect(sent.body).toMatchObject({ status: null, error: "operation_timeout" });
    const all = () => [...one.envelopes(), ...two.envelopes()];
    await expect.poll(() => all().length, PATIENT).toBe(4);
    // Were there a fifth, it would come within so long after the fourth.
    await delay(4_000);
    expect(
      all()
        .map((envelope) => envelope.retry_attempt)
        .sort(),
    ).toEqual([0, 1, 2, 3]);
    expect(new Set(all().map((envelope) => envelope.envelope_id)).size).toBe(1);
    expect(one.envelopes()).toHaveLength(2);
  });

  test("on its way when the line is cut, it comes again over the next connection", async () => {
    const first = await connect(false);
    const sending = stand.sandbox("home", { user: "developer" });
    await expect.poll(() => first.envelopes().length, PATIENT).toBe(1);
    first.socket.terminate();
    const second = await connect();
    await expect.poll(() => second.envelopes().length, PATIENT).toBe(1);
    expect(second.envelopes()[0]).toMatchObject({
      envelope_id: first.envelopes()[0].envelope_id,
      retry_attempt: 1,
    });
    await sending;
  });
});

describe("disconnecting", () => {
  test.each(["warning", "refresh_requested", "link_disabled"])(
    "%s is told to every connection",
    async (reason) => {
      const both = [await connect(), await connect()];
      expect((await stand.sandbox("disconnect", { reason })).body).toEqual({ connections: 2 });
      for (const client of both) {
        await expect
          .poll(() => client.received.at(-1), PATIENT)
          .toMatchObject({ type: "disconnect", reason });
      }
    },
  );

  test("an app of Slack's own library comes back, and takes what is sent then", async () => {
    const receiver = new SocketModeReceiver({
      appToken: APP_TOKEN,
      clientPingTimeout: 300,
      installerOptions: { clientOptions: { slackApiUrl: `${stand.slack.url}/api/` } },
    });
    const app = new App({
      receiver,
      token: TOKEN,
      clientOptions: { slackApiUrl: `${stand.slack.url}/api/` },
    });
    const heard: string[] = [];
    app.command("/stg", async ({ command, ack }) => {
      heard.push(command.text);
      await ack();
    });
    await app.start();
    try {
      for (const reason of ["refresh_requested", "cut"]) {
        const { opened } = (await stand.sandbox("connections")).body;
        await stand.sandbox("disconnect", { reason });
        await expect
          .poll(async () => (await stand.sandbox("connections")).body, PATIENT)
          .toEqual({ connections: 1, opened: opened + 1 });
        const sent = await stand.sandbox("command", { user: "developer", text: `after ${reason}` });
        expect(sent.body).toMatchObject({ status: 200, via: "socket" });
      }
      expect(heard).toEqual(["after refresh_requested", "after cut"]);
    } finally {
      await app.stop();
    }
  });
});
