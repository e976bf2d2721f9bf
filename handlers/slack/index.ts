import { App, type Receiver, webApi } from "@slack/bolt";
import type { Logger } from "pino";
import { z } from "zod";
import type { CommandServices } from "../../commands/services.ts";
import type { SlackSettings } from "../../src/config/index.ts";
import type { Guard } from "../../src/engine/guard.ts";
import type { Circumstances, Inbox, InboxHandler } from "../../src/engine/inbox.ts";
import type { Outbox, Send } from "../../src/engine/outbox.ts";
import type { Clock } from "../../src/util/clock.ts";
import type { JsonObject } from "../../src/util/json.ts";
import type { Redactor } from "../../src/util/redact.ts";
import type { Dispatch } from "../dispatch.ts";
import { type SlackAsker, slackAuthority } from "../roles.ts";
import { type Turn, Turnstile } from "../turnstile.ts";
import { Budget } from "./budget.ts";
import { type ButtonOptions, blockActions, handleButton } from "./buttons.ts";
import { clientOptions, ONE_MORE_TRY, slackLogger } from "./client.ts";
import { askerOf, handleSlashCommand, type InTurn, slashCommand } from "./command.ts";
import { createDirectory } from "./directory.ts";
import { createHttpEntrance, deliveryKey, type Intake, type SlackListener } from "./entrance.ts";
import { formView, viewSubmission } from "./forms.ts";
import { Home } from "./home.ts";
import { Messages } from "./messages.ts";
import { objectionsTo } from "./objections.ts";
import { isShown } from "./rows.ts";
import { createSender } from "./sender.ts";
import { createSocketEntrance } from "./sockets.ts";
import { Stories } from "./stories.ts";
import { handleHomeOpened, handleSubmission, openFormFor, showFormsWith } from "./submissions.ts";
import { unfurlRuns } from "./unfurl.ts";

export interface SlackOptions {
  readonly settings: SlackSettings;
  readonly services: CommandServices;
  readonly dispatch: Dispatch;
  readonly clock: Clock;
  readonly guard: Guard;
  readonly log: Logger;
  readonly redact: Redactor;
  /** How long a command waits for earlier ones whose look-ups are not done, in ms. */
  readonly patienceMs?: number;
  /** How many web sockets Socket Mode holds open. */
  readonly connections?: number;
}

/** Slack's side of the bot. The inbox and the outbox are made with its parts and given back to `connect`. */
export interface Slack {
  readonly client: webApi.WebClient;
  /** What all its parts together may ask of Slack. */
  readonly budget: Budget;
  readonly messages: Messages;
  readonly send: Send;
  readonly inboxHandler: InboxHandler;
  connect(parts: { inbox: Inbox; outbox: Outbox }): SlackEntrance;
}

export interface SlackEntrance {
  /** Null in Socket Mode: nothing is expected at `/slack/events` then. */
  readonly listener: SlackListener | null;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Types of events that are stored and handled; the rest is acknowledged and forgotten. */
const EVENTS: ReadonlySet<string> = new Set(["app_home_opened", "link_shared"]);
const CIRCUMSTANCES = "slipway";
/** The command that slack.yml names, as people are shown it. */
const COMMAND = "/stg";

export function createSlack(options: SlackOptions): Slack {
  const { settings, services, log } = options;
  const shared = clientOptions({ apiUrl: settings.apiUrl, log });
  const client = new webApi.WebClient(settings.botToken, shared);
  // Looking a second time does no harm, as posting does.
  const looking = new webApi.WebClient(settings.botToken, { ...shared, retryConfig: ONE_MORE_TRY });
  const directory = createDirectory(looking, options);
  const budget = new Budget();
  const messages = new Messages({ client, budget, redact: options.redact, log });
  const authority = (asker: SlackAsker) =>
    slackAuthority(directory, services.config().config, asker, (error) =>
      log.warn({ err: error }, "Slack could not be asked about a person"),
    );
  const mayLook = async (asker: SlackAsker) => (await authority(asker)).roles.has("viewer");
  const stories = new Stories(services, options.clock);
  const turnstile = new Turnstile(options.patienceMs);
  const home = new Home({ client, budget, services, redact: options.redact, log });
  const showForm = showFormsWith(client, log);
  let connected: ButtonOptions | undefined;
  const connection = () => {
    if (!connected) throw new Error("Slack is not connected yet.");
    return connected;
  };
  const bolt = createBolt(options, shared, {
    command: (body, circumstances) =>
      handleSlashCommand(connection(), slashCommand.parse(body), circumstances),
    button: (body, circumstances) => handleButton(connection(), blockActions.parse(body), circumstances),
    form: (body, circumstances) => handleSubmission(connection(), viewSubmission.parse(body), circumstances),
    home: (body) => handleHomeOpened(connection(), home, body),
    link: (body) => unfurlRuns({ messages, budget, services, stories, log, mayLook }, body),
  });
  return {
    client,
    budget,
    messages,
    send: createSender({
      client,
      budget,
      messages,
      isShown: (runId, channel) => isShown(options.guard.db, runId, channel),
      log,
      clock: options.clock,
    }),
    inboxHandler: {
      lane: laneOf,
      handle: (payload, circumstances) => handOver(bolt, turnstile, payload, circumstances),
    },
    connect: ({ inbox, outbox }) => {
      const { dispatch, redact } = options;
      connected = {
        dispatch,
        outbox,
        redact,
        authority,
        services,
        prefix: COMMAND,
        openForm: (command, asker, turn) =>
          openFormFor({ services, authority }, showForm, command, asker, turn),
        openLaunchForm: async (triggerId, slot) => {
          const place = { channel: services.config().config.slack?.channel ?? null, slot };
          return await showForm(triggerId, await formView("launch", services, place));
        },
      };
      const intake: Intake = {
        keyOf: (body) => deliveryKey(body, EVENTS),
        objections: (body) => objectionsTo(body, services.config().config),
        stored: (body) => {
          const command = slashCommand.safeParse(body);
          // Looked up while earlier commands are still being handled.
          if (command.success) void authority(askerOf(command.data));
        },
      };
      home.start();
      const entrance = createEntrance(options, shared, inbox, intake);
      return {
        ...entrance,
        stop: async () => {
          home.stop();
          await entrance.stop();
        },
      };
    },
  };
}

const author = z.object({ user: z.object({ id: z.string() }) });
const eventAuthor = z.object({ event: z.object({ user: z.string() }) });

/** Commands have a lane each: a turnstile keeps the order of their effects. Clicks and events are per person. */
function laneOf(payload: JsonObject): string {
  if (typeof payload.command === "string") return `command-${String(payload.trigger_id)}`;
  const clicked = author.safeParse(payload).data?.user.id;
  return clicked ?? `events-${eventAuthor.safeParse(payload).data?.event.user ?? ""}`;
}

/** App Home and the preview of a link change nothing, so they take no place. */
const NO_PLACE: Turn = { wait: async () => {}, through: () => {} };

/**
 * Bolt takes stored events as if they had just arrived; the acknowledgement was given before. The inbox calls
 * this in order of arrival, so the place in the turnstile is taken before anything else; what turns out to change
 * nothing gives it up before it asks Slack for anything.
 */
async function handOver(
  bolt: App,
  turnstile: Turnstile,
  payload: JsonObject,
  circumstances: Circumstances,
): Promise<void> {
  const turn = payload.type === "event_callback" ? NO_PLACE : turnstile.enter();
  try {
    await bolt.processEvent({
      body: { ...payload },
      ack: async () => {},
      customProperties: { [CIRCUMSTANCES]: { ...circumstances, turn } },
    });
  } finally {
    turn.through();
  }
}

type Listener = (body: unknown, circumstances: InTurn) => Promise<void>;

function createBolt(
  options: SlackOptions,
  shared: webApi.WebClientOptions,
  on: Record<"command" | "button" | "form" | "home" | "link", Listener>,
): App {
  const fromInbox: Receiver = { init: () => {}, start: async () => {}, stop: async () => {} };
  const bolt = new App({
    receiver: fromInbox,
    clientOptions: shared,
    logger: slackLogger(options.log),
    convoStore: false,
    authorize: async () => ({ botToken: options.settings.botToken }),
    ignoreSelf: false,
  });
  bolt.command(/.*/, async ({ command, context }) => {
    // Put there by handOver; Bolt passes it on untouched.
    await on.command(command, context[CIRCUMSTANCES] as InTurn);
  });
  bolt.action({ type: "block_actions" }, async ({ body, context }) => {
    await on.button(body, context[CIRCUMSTANCES] as InTurn);
  });
  bolt.view({ type: "view_submission", callback_id: /.*/ }, async ({ body, context }) => {
    await on.form(body, context[CIRCUMSTANCES] as InTurn);
  });
  bolt.event("app_home_opened", async ({ body, context }) => {
    await on.home(body, context[CIRCUMSTANCES] as InTurn);
  });
  bolt.event("link_shared", async ({ body, context }) => {
    await on.link(body, context[CIRCUMSTANCES] as InTurn);
  });
  bolt.error(async (error) => {
    throw error;
  });
  return bolt;
}

function createEntrance(
  { settings, clock, log, connections }: SlackOptions,
  shared: webApi.WebClientOptions,
  inbox: Inbox,
  intake: Intake,
): SlackEntrance {
  const { mode } = settings;
  if (mode.kind === "socket") {
    const socket = createSocketEntrance({
      appToken: mode.appToken,
      clientOptions: shared,
      inbox,
      intake,
      log,
      connections,
    });
    return { listener: null, start: socket.start, stop: socket.stop };
  }
  const listener = createHttpEntrance({ signingSecret: mode.signingSecret, inbox, intake, clock, log });
  return { listener, start: async () => {}, stop: async () => {} };
}
