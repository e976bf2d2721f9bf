import { randomBytes, randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type RawData, WebSocket, WebSocketServer } from "ws";
import { z } from "zod";
import { BOT } from "../people.ts";

/** https://docs.slack.dev/apis/events-api/using-socket-mode: at most ten connections of one app. */
const MOST_CONNECTIONS = 10;
/** An address from apps.connections.open is for one connection, soon. */
const TICKET_LIFETIME_MS = 30_000;
const ACK_WITHIN_MS = 3_000;
const MOST_RETRIES = 3;
const PING_EVERY_MS = 5_000;
/** What the real one promises; nothing here is cut by itself. */
const CONNECTION_TIME_S = 3_600;

export type EnvelopeType = "slash_commands" | "interactive" | "events_api";
export type DisconnectReason = "warning" | "refresh_requested" | "link_disabled";

type Acknowledgement = Record<string, unknown>;

interface Connection {
  readonly socket: WebSocket;
  readonly number: number;
  sent: number;
}

interface Envelope {
  readonly id: string;
  readonly type: EnvelopeType;
  readonly payload: object;
  readonly resolve: (answer: Acknowledgement | undefined) => void;
  /** Connections that it was sent over and that did not acknowledge it. */
  readonly tried: Set<Connection>;
  /** Where its answer is awaited from. */
  current: Connection | undefined;
  attempt: number;
  timer: NodeJS.Timeout | undefined;
}

const ackSchema = z.looseObject({
  envelope_id: z.string(),
  payload: z.record(z.string(), z.unknown()).optional(),
});

/**
 * Socket Mode's server side. An envelope that is not acknowledged within three seconds, or whose connection is
 * cut, goes out again over another connection, up to three times: for commands and clicks too, which is harder on
 * the app than Slack itself is.
 */
export class Sockets {
  readonly #server = new WebSocketServer({ noServer: true });
  readonly #tickets = new Map<string, number>();
  readonly #connections = new Set<Connection>();
  readonly #envelopes = new Map<string, Envelope>();
  #opened = 0;

  /** The answer to apps.connections.open: an address for one connection. */
  ticket(publicUrl: string): string {
    const ticket = randomBytes(16).toString("hex");
    this.#tickets.set(ticket, Date.now() + TICKET_LIFETIME_MS);
    return `${publicUrl.replace(/^http/, "ws")}/link/?ticket=${ticket}&app_id=${BOT.app}`;
  }

  /** Takes over a connection that the HTTP server has seen the upgrade request of. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const url = new URL(request.url ?? "/", "http://slack.invalid");
    const ticket = url.searchParams.get("ticket") ?? "";
    const expires = this.#tickets.get(ticket);
    this.#tickets.delete(ticket);
    if (!url.pathname.startsWith("/link") || expires === undefined || expires < Date.now()) {
      socket.end("HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
      return;
    }
    this.#server.handleUpgrade(request, socket, head, (accepted) => this.#accept(accepted));
  }

  isConnected(): boolean {
    return this.#open().length > 0;
  }

  /** How many connections are open, and how many were ever made. */
  counts(): { readonly connections: number; readonly opened: number } {
    return { connections: this.#open().length, opened: this.#opened };
  }

  /** Resolves with what the app answered, or undefined when it did not acknowledge in time. */
  send(type: EnvelopeType, payload: object, withinMs: number): Promise<Acknowledgement | undefined> {
    return new Promise((resolve) => {
      const late = setTimeout(() => resolve(undefined), withinMs);
      const envelope: Envelope = {
        id: randomUUID(),
        type,
        payload,
        tried: new Set(),
        current: undefined,
        attempt: 0,
        timer: undefined,
        resolve: (answer) => {
          clearTimeout(late);
          resolve(answer);
        },
      };
      this.#envelopes.set(envelope.id, envelope);
      this.#dispatch(envelope);
    });
  }

  /**
   * `warning`: the connection will be closed soon. `refresh_requested`, `link_disabled`: it is closed by the app,
   * who has been told. `cut`: no word, the line is dead. Concerns so many connections, the oldest first.
   * @returns How many there were of them.
   */
  disconnect(reason: DisconnectReason | "cut", most: number): number {
    const open = this.#open().slice(0, most);
    for (const { socket } of open) {
      if (reason === "cut") socket.terminate();
      else socket.send(JSON.stringify({ type: "disconnect", reason, debug_info: { host: "sandbox" } }));
    }
    return open.length;
  }

  close(): void {
    for (const envelope of this.#envelopes.values()) this.#drop(envelope);
    for (const { socket } of this.#connections) socket.terminate();
    this.#server.close();
  }

  #accept(socket: WebSocket): void {
    if (this.#open().length >= MOST_CONNECTIONS) {
      socket.send(JSON.stringify({ type: "disconnect", reason: "too_many_websockets" }));
      socket.close();
      return;
    }
    this.#opened += 1;
    const connection: Connection = { socket, number: this.#opened, sent: 0 };
    this.#connections.add(connection);
    const ping = setInterval(() => socket.ping(), PING_EVERY_MS);
    socket.on("message", (data) => this.#acknowledged(data));
    socket.on("error", () => socket.terminate());
    socket.on("close", () => {
      clearInterval(ping);
      this.#connections.delete(connection);
      this.#resend(connection);
    });
    const hello = {
      type: "hello",
      num_connections: this.#open().length,
      debug_info: { host: "sandbox", approximate_connection_time: CONNECTION_TIME_S },
      connection_info: { app_id: BOT.app },
    };
    socket.send(JSON.stringify(hello));
    for (const envelope of this.#envelopes.values()) {
      if (!envelope.current) this.#dispatch(envelope);
    }
  }

  #acknowledged(data: RawData): void {
    const ack = ackSchema.safeParse(parsed(String(data)));
    const envelope = ack.success ? this.#envelopes.get(ack.data.envelope_id) : undefined;
    if (!ack.success || !envelope) return;
    this.#drop(envelope);
    envelope.resolve(ack.data.payload ?? {});
  }

  /** Over the connection that has had least, of those that have not failed with it. */
  #dispatch(envelope: Envelope): void {
    const open = this.#open();
    const fresh = open.filter((connection) => !envelope.tried.has(connection));
    const [connection] = (fresh.length > 0 ? fresh : open).sort((a, b) => a.sent - b.sent);
    envelope.current = connection;
    if (!connection) return;
    envelope.tried.add(connection);
    connection.sent += 1;
    connection.socket.send(JSON.stringify(wireForm(envelope)));
    envelope.timer = setTimeout(() => this.#again(envelope), ACK_WITHIN_MS);
  }

  #again(envelope: Envelope): void {
    clearTimeout(envelope.timer);
    envelope.attempt += 1;
    if (envelope.attempt > MOST_RETRIES) this.#drop(envelope);
    else this.#dispatch(envelope);
  }

  #resend(lost: Connection): void {
    for (const envelope of this.#envelopes.values()) {
      if (envelope.current === lost) this.#again(envelope);
    }
  }

  #drop(envelope: Envelope): void {
    clearTimeout(envelope.timer);
    this.#envelopes.delete(envelope.id);
  }

  #open(): Connection[] {
    return [...this.#connections].filter(({ socket }) => socket.readyState === WebSocket.OPEN);
  }
}

function wireForm({ id, type, payload, attempt }: Envelope): object {
  return {
    envelope_id: id,
    payload,
    type,
    accepts_response_payload: type !== "events_api",
    ...(attempt > 0 || type === "events_api"
      ? { retry_attempt: attempt, retry_reason: attempt > 0 ? "timeout" : "" }
      : {}),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
