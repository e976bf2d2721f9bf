import { isUtf8 } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type App, HTTPReceiver, isValidSlackRequest, type ReceiverEvent } from "@slack/bolt";
import type { Logger } from "pino";
import { z } from "zod";
import type { Inbox } from "../../src/engine/inbox.ts";
import type { Clock } from "../../src/util/clock.ts";
import { codeOf, SlipwayError } from "../../src/util/errors.ts";
import type { JsonObject } from "../../src/util/json.ts";
import { readBody } from "../http/body.ts";
import { slackLogger } from "./client.ts";
import { slashCommand } from "./command.ts";
import type { Objections } from "./objections.ts";

export const SLACK_SOURCE = "slack";
/** Far above anything that Slack sends; below what could hurt. */
const BODY_LIMIT = 1024 * 1024;
/** Slack's own advice: https://docs.slack.dev/authentication/verifying-requests-from-slack/ */
const TIMESTAMP_SLACK_S = 300;

export interface Intake {
  /** The key by which a repeated delivery is known; null: nothing in it is for us. */
  keyOf(body: JsonObject): string | null;
  /** What is said of a form at once instead of storing it; null: nothing. */
  objections(body: JsonObject): Objections | null;
  /** Called after an event has been stored, e.g. to look its author up early. */
  stored?(body: JsonObject): void;
}

/**
 * Where Bolt's receivers hand over what they have verified and parsed: it is written into the inbox, then
 * acknowledged. Handling comes later, from the inbox.
 */
export function sink(inbox: Inbox, intake: Intake, log: Logger): App {
  const processEvent = async ({ body, ack }: ReceiverEvent): Promise<void> => {
    // Slack's old verification token is a secret that nothing here needs.
    const { token: _, ...payload } = body as JsonObject;
    const objections = intake.objections(payload);
    if (objections !== null) return await ack({ response_action: "errors", errors: objections });
    const key = intake.keyOf(payload);
    if (key !== null) {
      const accepted = await inbox
        .accept({
          source: SLACK_SOURCE,
          deliveryKey: `slack:${key}`,
          payload,
        })
        .catch(tooDeep);
      if (accepted === "new") intake.stored?.(payload);
      else log.info({ key }, "Slack repeated an event");
    } else log.info({ type: String(payload.type).slice(0, 60) }, "nothing here is for what Slack has sent");
    await ack();
  };
  // A receiver asks nothing of its app but this method.
  return { processEvent } as unknown as App;
}

/** The HTTP entrance: answers one request to `/slack/events`. */
export type SlackListener = (request: IncomingMessage, response: ServerResponse) => void;

/** Slack over HTTP: verified, stored, acknowledged with an empty 200. */
export function createHttpEntrance(options: {
  signingSecret: string;
  inbox: Inbox;
  intake: Intake;
  clock: Clock;
  log: Logger;
}): SlackListener {
  const { signingSecret, inbox, intake, clock, log } = options;
  const receiver = new HTTPReceiver({
    signingSecret,
    endpoints: ["/slack/events"],
    bodyLimit: BODY_LIMIT,
    logger: slackLogger(log),
    // A failure to store is ours: 500 makes Slack try again, or tell the person.
    processEventErrorHandler: async ({ error, response }) => {
      const malformed = notStored(error, log) === "malformed";
      if (!response.headersSent) response.writeHead(malformed ? 400 : 500).end();
      return true;
    },
  });
  receiver.init(sink(inbox, intake, log));
  return (request, response) => {
    // What is in the body is told to nobody: it may be anything.
    const refuse = (status: number, why: string) => {
      log.warn({ status, why }, REFUSED);
      response.writeHead(status, { connection: "close" }).end();
    };
    if (!isFresh(request, clock.now())) {
      request.resume();
      refuse(401, "its timestamp is none, or older or newer than five minutes");
      return;
    }
    // Bolt compares the whole header, and some senders add a character set.
    const type = request.headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
    if (type !== undefined) request.headers["content-type"] = type;
    readBody(request, BODY_LIMIT)
      .then((rawBody) => {
        // Slack signs bytes, and its library compares text: what is no text is refused before.
        if (!isUtf8(rawBody)) return refuse(400, "its body is no UTF-8");
        if (!isReadable(rawBody.toString(), type)) {
          if (isSigned(request, rawBody.toString(), signingSecret, clock.now()))
            return refuse(400, "its body holds no object");
          return refuse(401, "its signature is wrong");
        }
        receiver.requestListener(Object.assign(request, { rawBody }), response);
      })
      .catch((error: unknown) => refuse(codeOf(error) === "body_too_large" ? 413 : 400, codeOf(error)));
  };
}

/** Whether Bolt will find an object in the body; on anything else it would stumble after its own checks. */
function isReadable(body: string, type: string | undefined): boolean {
  const isObject = (text: string): boolean => {
    try {
      const value: unknown = JSON.parse(text);
      return typeof value === "object" && value !== null && !Array.isArray(value);
    } catch {
      return false;
    }
  };
  if (type !== "application/x-www-form-urlencoded") return isObject(body);
  const payloads = new URLSearchParams(body).getAll("payload");
  return payloads.length === 0 || (payloads.length === 1 && isObject(payloads[0] ?? ""));
}

function isSigned(request: IncomingMessage, body: string, signingSecret: string, now: number): boolean {
  const signature = request.headers["x-slack-signature"];
  const timestamp = request.headers["x-slack-request-timestamp"];
  if (typeof signature !== "string" || typeof timestamp !== "string") return false;
  return isValidSlackRequest({
    signingSecret,
    body,
    headers: { "x-slack-signature": signature, "x-slack-request-timestamp": Number(timestamp) },
    nowMilliseconds: now,
  });
}

/** Bolt looks at requests from the past only; one from the future is as wrong. */
function isFresh(request: IncomingMessage, now: number): boolean {
  const written = request.headers["x-slack-request-timestamp"];
  if (written === undefined) return true; // Bolt answers: 401, or the ssl_check that needs no signature
  if (typeof written !== "string" || !/^\d{1,12}$/.test(written)) return false;
  return Math.abs(now / 1000 - Number(written)) <= TIMESTAMP_SLACK_S;
}

const MALFORMED = "malformed_request";
const REFUSED = "a request to /slack/events was refused";

const keyed = z.object({
  type: z.string().optional(),
  trigger_id: z.string().min(1).max(200).optional(),
  event_id: z.string().min(1).max(200).optional(),
  event: z.object({ type: z.string() }).optional(),
});
const CLICKS = new Set(["block_actions", "view_submission", "shortcut", "message_action"]);

/**
 * The key of a delivery that is stored: commands and clicks always, events of the named types; null for the
 * rest, which is acknowledged and forgotten.
 *
 * @throws SlipwayError `malformed_request` for what says of itself neither what command nor what type it is, and
 *   for a command or click that lacks what Slack always sends
 */
export function deliveryKey(body: JsonObject, events: ReadonlySet<string>): string | null {
  if (body.command !== undefined) {
    const command = slashCommand.safeParse(body);
    if (!command.success) throw malformed(command.error.message);
    return command.data.trigger_id;
  }
  const parsed = keyed.safeParse(body);
  if (!parsed.success) throw malformed(parsed.error.message);
  const { trigger_id, type, event_id, event } = parsed.data;
  if (type === undefined) throw malformed("neither a command nor a type");
  if (CLICKS.has(type)) {
    if (trigger_id === undefined) throw malformed("no trigger_id");
    return trigger_id;
  }
  return type === "event_callback" && event && events.has(event.type) ? (event_id ?? null) : null;
}

/** What was read, however deeply it is nested, may be too deep to be written. */
function tooDeep(error: unknown): never {
  throw error instanceof RangeError ? malformed("nested too deeply") : error;
}

/** Says in the log why nothing was stored. */
export function notStored(error: unknown, log: Logger): "malformed" | "failed" {
  const malformed = codeOf(error) === MALFORMED;
  if (malformed) log.warn({ status: 400, why: detailOf(error) }, REFUSED);
  else log.error({ err: error }, "a request of Slack could not be stored");
  return malformed ? "malformed" : "failed";
}

function detailOf(error: unknown): unknown {
  return error instanceof SlipwayError ? error.fields?.detail : undefined;
}

function malformed(detail: string): SlipwayError {
  return new SlipwayError(MALFORMED, "The request is not one that Slack sends.", { fields: { detail } });
}
