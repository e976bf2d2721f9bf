import type { webApi } from "@slack/bolt";
import type { Logger } from "pino";

type Level = webApi.LogLevel;
type SlackLogger = webApi.Logger;

/** Slack's libraries log through ours; their "info" is our "debug". */
export function slackLogger(log: Logger): SlackLogger {
  const child = log.child({ part: "slack" });
  const text = (words: readonly unknown[]) => words.map(String).join(" ");
  return {
    debug: (...words) => child.trace(text(words)),
    info: (...words) => child.debug(text(words)),
    warn: (...words) => child.warn(text(words)),
    error: (...words) => child.error(text(words)),
    setLevel: () => {},
    getLevel: () => "info" as Level,
    setName: () => {},
  };
}

/** For calls that change nothing. */
export const ONE_MORE_TRY = { retries: 1, minTimeout: 200, maxTimeout: 1_000 };

/**
 * Options of every WebClient. Left to itself it tries 10 times over 30 minutes without a time-out, and a 429
 * stops its whole queue: here trying again is the outbox's affair. A message whose answer was lost would be posted
 * twice by a client that tries again by itself.
 */
export function clientOptions(options: { apiUrl: string | undefined; log: Logger }): webApi.WebClientOptions {
  return {
    ...(options.apiUrl === undefined ? {} : { slackApiUrl: options.apiUrl }),
    timeout: 10_000,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    allowAbsoluteUrls: false,
    maxRequestConcurrency: 20,
    logger: slackLogger(options.log),
  };
}
