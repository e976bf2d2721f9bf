import { setTimeout as pause } from "node:timers/promises";
import { SocketModeReceiver, type webApi } from "@slack/bolt";
import type { Logger } from "pino";
import type { Inbox } from "../../src/engine/inbox.ts";
import { slackLogger } from "./client.ts";
import { retryAfterMsOf } from "./directory.ts";
import { type Intake, notStored, sink } from "./entrance.ts";

/**
 * Slack gives each event to one of an app's connections, ten at most, and closes each from time to time: what comes
 * while one is closed goes to the others. https://docs.slack.dev/apis/events-api/using-socket-mode
 */
const CONNECTIONS = 3;
/** Slack lets connections live equally long: opened together, they would be closed together. */
const APART_MS = 2_000;
const OPEN_WITHIN_MS = 30_000;
/** One that has lived so long is opened anew at once. */
const STEADY_MS = 10_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

export interface SocketOptions {
  readonly appToken: string;
  readonly clientOptions: webApi.WebClientOptions;
  readonly inbox: Inbox;
  readonly intake: Intake;
  readonly log: Logger;
  readonly connections?: number | undefined;
}

/** Slack by Socket Mode: the same as over HTTP, over web sockets that the bot opens and keeps open. */
export function createSocketEntrance(options: SocketOptions): {
  start(): Promise<void>;
  stop(): Promise<void>;
} {
  const stopping = new AbortController();
  return {
    // Being ready never depends on a third party: the bot works while Slack is away, and connects when it is back.
    start: async () => {
      const count = options.connections ?? CONNECTIONS;
      for (let number = 1; number <= count; number++) void keepOpen(options, number, stopping.signal);
    },
    stop: async () => stopping.abort(),
  };
}

/** Slack's library would wait five seconds before it opens a connection anew, and give up on the first failure. */
async function keepOpen(options: SocketOptions, number: number, stop: AbortSignal): Promise<void> {
  const wait = async (ms: number) => await pause(ms, undefined, { ref: false, signal: stop }).catch(() => {});
  await wait((number - 1) * APART_MS);
  for (let short = 0; !stop.aborted; ) {
    const began = performance.now();
    const failure = await holdOpen(options, stop);
    short = performance.now() - began >= STEADY_MS && failure === null ? 0 : short + 1;
    const pauseMs = short === 0 ? 0 : Math.min(FIRST_PAUSE_MS * 2 ** (short - 1), LONGEST_PAUSE_MS);
    if (failure !== null && !stop.aborted) {
      // Said at first, then once a minute; the others go on.
      const level = short === 1 || pauseMs === LONGEST_PAUSE_MS ? "error" : "debug";
      options.log[level]({ err: failure, number, pauseMs }, "Slack's web socket could not be opened");
    }
    await wait(Math.max(pauseMs, retryAfterMsOf(failure) ?? 0));
  }
}

/** Opens one connection. Null when it was closed after it had been open; what went wrong when it was not. */
async function holdOpen(options: SocketOptions, stop: AbortSignal): Promise<unknown> {
  const { receiver, closed } = newConnection(options);
  const close = () => void receiver.client.disconnect();
  const late = setTimeout(close, OPEN_WITHIN_MS);
  stop.addEventListener("abort", close, { once: true });
  try {
    await receiver.start();
    clearTimeout(late);
    if (stop.aborted) close();
    await closed;
    options.log.debug("one of Slack's web sockets was closed");
    return null;
  } catch (error) {
    close();
    return error ?? new Error("It was closed before Slack had greeted.");
  } finally {
    clearTimeout(late);
    stop.removeEventListener("abort", close);
  }
}

function newConnection({ appToken, clientOptions, inbox, intake, log }: SocketOptions): {
  receiver: SocketModeReceiver;
  closed: Promise<unknown>;
} {
  const logger = slackLogger(log);
  const receiver = new SocketModeReceiver({
    appToken,
    // Its failures are said above, from time to time.
    logger: { ...logger, error: logger.info },
    autoReconnectEnabled: false,
    installerOptions: { clientOptions },
    // Not acknowledged, Slack sends it again or tells the person.
    processEventErrorHandler: async ({ error }) => {
      notStored(error, log);
      return false;
    },
  });
  receiver.init(sink(inbox, intake, log));
  const { promise: closed, resolve } = Promise.withResolvers<unknown>();
  receiver.client.once("disconnected", resolve);
  return { receiver, closed };
}
