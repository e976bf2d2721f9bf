import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSlack, type SlackEntrance } from "../../handlers/slack/index.ts";
import { Inbox } from "../../src/engine/inbox.ts";
import { Outbox } from "../../src/engine/outbox.ts";
import { silent, TestBot } from "../support/bot.ts";
import { slash, TEAM } from "../support/slack.ts";

/** Slack's end of Socket Mode: one web socket, text frames of less than 64 KiB. */
class SocketSlack {
  readonly server: Server;
  readonly acknowledged: string[] = [];
  #socket: Socket | undefined;
  #connected = Promise.withResolvers<void>();
  #news: () => void = () => {};

  constructor() {
    this.server = createServer((request, response) => {
      request.resume();
      const url = `ws://127.0.0.1:${this.port}/link`;
      const open = request.url === "/api/apps.connections.open" ? { ok: true, url } : null;
      const user = { id: "U0DEV", team_id: TEAM, name: "dev" };
      const body = open ?? { ok: true, user, users: [], ts: "1.0" };
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
    this.server.on("upgrade", (request, socket: Socket) => {
      const accept = createHash("sha1")
        .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
        .digest("base64");
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
      socket.on("data", (data) => this.#read(data));
      socket.on("error", () => {});
      this.#socket = socket;
      this.#send({ type: "hello", num_connections: 1, connection_info: { app_id: "A1" } });
      this.#connected.resolve();
    });
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
  }

  async deliver(id: string, payload: object): Promise<void> {
    await this.#connected.promise;
    this.#send({ envelope_id: id, type: "slash_commands", payload, accepts_response_payload: true });
    while (!this.acknowledged.includes(id)) {
      await new Promise<void>((resolve) => {
        this.#news = resolve;
      });
    }
  }

  async close(): Promise<void> {
    this.#socket?.destroy();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  #send(message: object): void {
    const text = Buffer.from(JSON.stringify(message));
    const length =
      text.length < 126 ? Buffer.of(text.length) : Buffer.of(126, text.length >> 8, text.length & 255);
    this.#socket?.write(Buffer.concat([Buffer.of(0x81), length, text]));
  }

  /** A client's frames are masked; these are short and arrive whole. */
  #read(data: Buffer): void {
    if ((data[0] ?? 0) !== 0x81) return;
    const short = (data[1] ?? 0) & 127;
    const at = short === 126 ? 4 : 2;
    const mask = data.subarray(at, at + 4);
    const text = data.subarray(at + 4).map((byte, index) => byte ^ (mask[index % 4] ?? 0));
    const { envelope_id } = JSON.parse(Buffer.from(text).toString()) as { envelope_id?: string };
    if (envelope_id) this.acknowledged.push(envelope_id);
    this.#news();
  }
}

let bot: TestBot;
let slack: SocketSlack;
let inbox: Inbox;
let outbox: Outbox;
let entrance: SlackEntrance;
beforeEach(async () => {
  bot = await TestBot.open();
  slack = new SocketSlack();
  await slack.listen();
  const { services, dispatch, redact, clock, parts } = bot;
  const side = createSlack({
    settings: {
      botToken: "xoxb-test",
      apiUrl: `http://127.0.0.1:${slack.port}/api/`,
      mode: { kind: "socket", appToken: "xapp-test", signingSecret: undefined },
    },
    services,
    dispatch,
    clock,
    guard: parts.engine.guard,
    log: silent,
    redact,
  });
  const shared = { guard: parts.engine.guard, clock, log: silent };
  inbox = new Inbox({ ...shared, handlers: { slack: side.inboxHandler } });
  outbox = new Outbox({ ...shared, surfaces: { slack: side.send }, alarm: () => {} });
  entrance = side.connect({ inbox, outbox });
  await inbox.start();
  await outbox.start();
});
afterEach(async () => {
  await entrance.stop();
  await inbox.stop();
  await outbox.stop();
  await slack.close();
  await bot.close();
});

describe("Socket Mode", () => {
  it("stores a command before it acknowledges it, and carries it out once", async () => {
    expect(entrance.listener).toBeNull();
    await entrance.start();
    const payload = Object.fromEntries(new URLSearchParams(slash("lock stg1")));
    await slack.deliver("E1", payload);
    const rows = await bot.parts.db.selectFrom("inbox").select("delivery_key").execute();
    expect(rows).toEqual([{ delivery_key: `slack:${payload.trigger_id}` }]);
    await slack.deliver("E2", payload);
    await inbox.idle();
    expect((await bot.parts.engine.leases(["stg1"]))[0]).toMatchObject({
      mode: "locked",
      holder: { id: "slack:U0DEV" },
    });
    expect(await bot.parts.db.selectFrom("inbox").select("id").execute()).toHaveLength(1);
  });
});
