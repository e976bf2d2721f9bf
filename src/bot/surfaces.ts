import type { Logger } from "pino";
import type { CommandServices } from "../../commands/services.ts";
import type { Database } from "../../db/connection.ts";
import type { Dispatch } from "../../handlers/dispatch.ts";
import { postAlarms } from "../../handlers/slack/alarms.ts";
import { createSlack, type Slack, type SlackEntrance } from "../../handlers/slack/index.ts";
import { Notices } from "../../handlers/slack/notices.ts";
import { createSlackPublisher } from "../../handlers/slack/publisher.ts";
import type { SlackSettings } from "../config/index.ts";
import type { Engine } from "../engine/engine.ts";
import { Inbox } from "../engine/inbox.ts";
import { Outbox } from "../engine/outbox.ts";
import { systemClock } from "../util/clock.ts";
import type { Redactor } from "../util/redact.ts";

export interface SurfacesInput {
  /** Null: Slack is not set up. */
  readonly settings: SlackSettings | null;
  readonly db: Database;
  readonly engine: Engine;
  readonly services: CommandServices;
  readonly dispatch: Dispatch;
  readonly log: Logger;
  readonly redact: Redactor;
}

/** Where people are heard and told. They end in two steps, since what the engine still says is to be kept. */
export interface Surfaces {
  /** Null while Slack is not set up. */
  readonly entrance: SlackEntrance | null;
  start(): Promise<void>;
  stopHearing(): Promise<void>;
  stopTelling(): Promise<void>;
}

/** Inbox, outbox and Slack's parts, made and tied to each other. */
export function createSurfaces(input: SurfacesInput): Surfaces {
  const { settings, db, engine, services, dispatch, log, redact } = input;
  const { guard } = engine;
  const clock = systemClock;
  const slack = settings && createSlack({ settings, services, dispatch, clock, guard, log, redact });
  const inbox = new Inbox({ guard, clock, log, handlers: slack ? { slack: slack.inboxHandler } : {} });
  const outbox = new Outbox({
    guard,
    clock,
    log,
    surfaces: slack ? { slack: slack.send } : {},
    alarm: (message) => log.error(message),
  });
  const parts = slack && tellInSlack(slack, outbox, { db, engine, services, log, redact });
  const entrance = slack?.connect({ inbox, outbox }) ?? null;
  return {
    entrance,
    start: async () => {
      await inbox.start();
      await outbox.start();
      await parts?.publisher.start();
      parts?.notices.start();
      await entrance?.start();
    },
    stopHearing: async () => {
      await Promise.all([inbox.stop(), parts?.notices.stop()]);
    },
    stopTelling: async () => {
      await Promise.all([outbox.stop(), parts?.publisher.stop()]);
    },
  };
}

/** What tells people in Slack without being asked: alarms, runs' messages, words to one person. */
function tellInSlack(
  { client, budget, messages }: Slack,
  outbox: Outbox,
  { db, engine, services, log, redact }: Pick<SurfacesInput, "db" | "engine" | "services" | "log" | "redact">,
) {
  postAlarms({ engine, outbox, channel: () => services.config().config.slack?.channel ?? null, log });
  const shared = { db, client, budget, messages, services, redact, log, clock: systemClock };
  const notices = new Notices({ services, outbox, redact, log });
  const onShutOut = (...facts: Parameters<Notices["shutOut"]>) => notices.shutOut(...facts);
  return { publisher: createSlackPublisher({ ...shared, onShutOut }), notices };
}
