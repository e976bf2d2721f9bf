import { rm } from "node:fs/promises";
import { join } from "node:path";
import { createMetrics, type Metrics } from "../../handlers/http/metrics.ts";
import { createHttpServer, type HttpServer } from "../../handlers/http/server.ts";
import { createSlack, type SlackEntrance } from "../../handlers/slack/index.ts";
import { terminalToken } from "../../src/cli/stg.ts";
import { Inbox } from "../../src/engine/inbox.ts";
import { Outbox } from "../../src/engine/outbox.ts";
import type { HandOff } from "../../src/engine/types.ts";
import { silent, TestBot } from "./bot.ts";
import { FakeSlack, SIGNING_SECRET, type Signing, signed, slash } from "./slack.ts";

export const MASTER_SECRET = "a master secret of these tests";

/** A bot with its real HTTP server, inbox, outbox and Slack side; Slack itself is played by a real server. */
export class TestSurface {
  readonly bot: TestBot;
  readonly slack: FakeSlack;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly http: HttpServer;
  readonly metrics: Metrics;
  readonly alarms: string[];
  readonly #entrance: SlackEntrance;
  readonly #ownsSlack: boolean;
  url = "";

  private constructor(parts: {
    bot: TestBot;
    slack: FakeSlack;
    inbox: Inbox;
    outbox: Outbox;
    http: HttpServer;
    metrics: Metrics;
    entrance: SlackEntrance;
    alarms: string[];
    ownsSlack: boolean;
  }) {
    this.bot = parts.bot;
    this.slack = parts.slack;
    this.inbox = parts.inbox;
    this.outbox = parts.outbox;
    this.http = parts.http;
    this.metrics = parts.metrics;
    this.alarms = parts.alarms;
    this.#entrance = parts.entrance;
    this.#ownsSlack = parts.ownsSlack;
  }

  static async open(
    options: {
      dashboardToken?: string;
      file?: string;
      slack?: FakeSlack;
      /** False: events are stored and not handled. */
      work?: boolean;
      ready?: () => readonly string[];
      /** Whose turn is offered, and for how long; nobody's when left out. */
      handOff?: HandOff;
      /** How long a command waits for earlier ones whose look-ups are not done, in ms. */
      patienceMs?: number;
    } = {},
  ): Promise<TestSurface> {
    const { file, handOff, patienceMs } = options;
    const bot = await TestBot.open({ ...(file !== undefined && { file }), ...(handOff && { handOff }) });
    const slack = options.slack ?? new FakeSlack();
    if (!options.slack) await slack.start();
    const alarms: string[] = [];
    const { services, dispatch, redact, clock, parts } = bot;
    const side = createSlack({
      settings: {
        botToken: "xoxb-test-token",
        apiUrl: slack.apiUrl,
        mode: { kind: "http", signingSecret: SIGNING_SECRET },
      },
      services,
      dispatch,
      clock,
      guard: parts.engine.guard,
      log: silent,
      redact,
      ...(patienceMs !== undefined && { patienceMs }),
    });
    const shared = { guard: parts.engine.guard, clock, log: silent };
    const inbox = new Inbox({ ...shared, handlers: { slack: side.inboxHandler }, pausesMs: [10, 20] });
    const outbox = new Outbox({
      ...shared,
      surfaces: { slack: side.send },
      alarm: (message) => alarms.push(message),
      firstPauseMs: 10,
    });
    const entrance = side.connect({ inbox, outbox });
    const metrics = createMetrics(services.engine);
    const http = createHttpServer({
      services,
      dispatch,
      redact,
      log: silent,
      slack: entrance.listener,
      github: null,
      dashboardToken: options.dashboardToken,
      terminalToken: terminalToken(MASTER_SECRET),
      healthy: () => true,
      ready: options.ready ?? (() => []),
      metrics,
    });
    const ownsSlack = options.slack === undefined;
    const surface = new TestSurface({
      bot,
      slack,
      inbox,
      outbox,
      http,
      metrics,
      entrance,
      alarms,
      ownsSlack,
    });
    if (options.work ?? true) {
      await inbox.start();
      await outbox.start();
    }
    const { port } = await http.listen(0, "127.0.0.1");
    surface.url = `http://127.0.0.1:${port}`;
    return surface;
  }

  /** Sends a slash command as Slack does. */
  async command(
    text: string,
    fields: Readonly<Record<string, string>> = {},
    signing: Signing = {},
  ): Promise<Response> {
    return await this.post(slash(text, fields), signing);
  }

  async post(body: string, signing: Signing = {}): Promise<Response> {
    return await fetch(`${this.url}/slack/events`, { method: "POST", ...signed(body, signing) });
  }

  /** What waits or has been in the inbox. */
  async stored(): Promise<number> {
    return (await this.bot.parts.db.selectFrom("inbox").select("id").execute()).length;
  }

  /** Stops everything and leaves the database, as a kill would. */
  async stop(): Promise<void> {
    this.metrics.close();
    await this.http.close();
    await this.#entrance.stop();
    this.bot.pipelines.letGo();
    await this.inbox.stop();
    await this.outbox.stop();
    await this.bot.parts.close();
    if (this.#ownsSlack) await this.slack.stop();
  }

  async close(): Promise<void> {
    await this.stop();
    await rm(join(this.bot.parts.file, ".."), { recursive: true, force: true });
  }
}
