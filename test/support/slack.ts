import { createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export const SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5";
export const TEAM = "T0ACME";

interface User {
  readonly id: string;
  readonly [key: string]: unknown;
}

const PEOPLE: readonly User[] = [
  { id: "U0VIEW", team_id: TEAM, name: "vera" },
  { id: "U0DEV", team_id: TEAM, name: "dev", profile: { display_name: "Dev" } },
  { id: "U0GROUPED", team_id: TEAM, name: "gina" },
  { id: "U0MAINT", team_id: TEAM, name: "mina" },
  { id: "U0GUEST", team_id: TEAM, name: "guest", is_restricted: true },
  { id: "U0ULTRA", team_id: TEAM, name: "ultra", is_ultra_restricted: true },
  { id: "U0GONE", team_id: TEAM, name: "gone", deleted: true },
  { id: "U0BOT", team_id: TEAM, name: "bot", is_bot: true },
  { id: "U0OTHER", team_id: "T0OTHER", name: "other" },
  { id: "U0STRANGE", team_id: TEAM, name: "strange", is_stranger: true },
];

export interface Call {
  readonly method: string;
  readonly body: Readonly<Record<string, string>>;
}

type Answer = { status?: number; headers?: Record<string, string>; body: object } | "hang";

/** Slack's Web API as far as these tests need it, over real HTTP. */
export class FakeSlack {
  readonly calls: Call[] = [];
  /** Answers to give instead, per method, first come first served. */
  readonly instead = new Map<string, Answer[]>();
  /** How long a method takes to answer, in ms. */
  readonly slow = new Map<string, number>();
  readonly #server: Server;
  readonly #hanging = new Map<ServerResponse, string>();
  #listeners: (() => void)[] = [];

  constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get apiUrl(): string {
    return `${this.url}/api/`;
  }

  /** The methods of calls that are not answered, and that their caller has not given up. */
  get hanging(): string[] {
    return [...this.#hanging.values()];
  }

  /** Cuts what hangs off. */
  letGo(): void {
    for (const response of this.#hanging.keys()) response.destroy();
  }

  of(method: string): Call[] {
    return this.calls.filter((call) => call.method === method);
  }

  /** Resolves when `method` has been called `count` times. */
  async called(method: string, count = 1): Promise<Call[]> {
    while (this.of(method).length < count) {
      await new Promise<void>((resolve) => this.#listeners.push(resolve));
    }
    return this.of(method);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const method = (request.url ?? "").replace(/^\/(?:api\/)?/, "");
    const isJson = request.headers["content-type"]?.startsWith("application/json");
    const body = isJson
      ? (JSON.parse(text) as Record<string, string>)
      : Object.fromEntries(new URLSearchParams(text));
    this.calls.push({ method, body });
    const delay = this.slow.get(method);
    if (delay !== undefined) await new Promise((resolve) => setTimeout(resolve, delay));
    const answer = this.instead.get(method)?.shift() ?? { body: this.#usual(method, body) };
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const tell of listeners) tell();
    if (answer === "hang") {
      this.#hanging.set(response, method);
      response.on("close", () => this.#hanging.delete(response));
      return;
    }
    response.writeHead(answer.status ?? 200, { "content-type": "application/json", ...answer.headers });
    response.end(JSON.stringify(answer.body));
  }

  #usual(method: string, body: Readonly<Record<string, string>>): object {
    if (method === "users.info") {
      const user = PEOPLE.find(({ id }) => id === body.user);
      return user ? { ok: true, user } : { ok: false, error: "user_not_found" };
    }
    if (method === "usergroups.users.list") return { ok: true, users: ["U0GROUPED"] };
    return { ok: true, ts: "1.000", channel: body.channel };
  }
}

export interface Signing {
  readonly secret?: string;
  /** Seconds since 1970. */
  readonly timestamp?: number | string;
  readonly type?: string;
}

/** A request's headers and body as Slack makes them. */
export function signed(
  body: string,
  options: Signing = {},
): { headers: Record<string, string>; body: string } {
  const timestamp = String(options.timestamp ?? Math.floor(Date.now() / 1000));
  const signature = createHmac("sha256", options.secret ?? SIGNING_SECRET)
    .update(`v0:${timestamp}:${body}`)
    .digest("hex");
  return {
    headers: {
      "content-type": options.type ?? "application/x-www-form-urlencoded",
      "x-slack-request-timestamp": timestamp,
      "x-slack-signature": `v0=${signature}`,
    },
    body,
  };
}

let triggers = 0;

/** The form of a slash command. */
export function slash(text: string, fields: Readonly<Record<string, string>> = {}): string {
  triggers += 1;
  return new URLSearchParams({
    token: "verification-token-of-old",
    team_id: TEAM,
    channel_id: "C0STAGING",
    user_id: "U0DEV",
    user_name: "dev",
    command: "/stg",
    text,
    trigger_id: `1.${Date.now()}.${triggers}`,
    ...fields,
  }).toString();
}
