import { isUtf8 } from "node:buffer";
import { createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Logger } from "pino";
import { codeOf } from "../../src/util/errors.ts";
import { readBody } from "../http/body.ts";
import { sendError, sendJson } from "../http/respond.ts";

/** GitHub's own limit: https://docs.github.com/en/webhooks/webhook-events-and-payloads */
const BODY_LIMIT = 25 * 1024 * 1024;

/** As GitHub spells its events: https://docs.github.com/en/webhooks/webhook-events-and-payloads */
const EVENT = /^[a-z_]{1,60}$/;

export type GitHubListener = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * GitHub's webhooks: whatever is not signed with the App's secret, or is no event of GitHub's, is refused with 400.
 * This version obeys no event, so a genuine one is acknowledged and nothing comes of it.
 */
export function createGitHubWebhooks(options: { secret: string; log: Logger }): GitHubListener {
  const { secret, log } = options;
  return (request, response) => {
    const refuse = (status: number, code: string, message: string, headers = {}) => {
      log.warn({ status, code }, "a request to /api/github/webhooks was refused");
      sendError(response, status, code, message, headers);
    };
    readBody(request, BODY_LIMIT).then(
      (body) => {
        if (!isSigned(body, request.headers["x-hub-signature-256"], secret))
          return refuse(400, "bad_signature", "The webhook is not signed with this App's secret.");
        const event = request.headers["x-github-event"];
        if (typeof event !== "string" || !EVENT.test(event))
          return refuse(400, "bad_request", "The webhook does not name its event.");
        if (!isObject(body)) return refuse(400, "bad_request", "The webhook's body is no JSON object.");
        log.debug({ event }, "an event of GitHub that is not obeyed yet");
        sendJson(response, 202, { ok: true });
      },
      (error: unknown) => {
        const status = codeOf(error) === "body_too_large" ? 413 : 400;
        refuse(status, codeOf(error), "The webhook's body could not be read.", { connection: "close" });
      },
    );
  };
}

function isObject(body: Buffer): boolean {
  if (!isUtf8(body)) return false;
  try {
    const value: unknown = JSON.parse(body.toString());
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries */
function isSigned(body: Buffer, given: string | string[] | undefined, secret: string): boolean {
  if (typeof given !== "string") return false;
  const expected = Buffer.from(`sha256=${createHmac("sha256", secret).update(body).digest("hex")}`);
  const shown = Buffer.from(given);
  return shown.length === expected.length && timingSafeEqual(shown, expected);
}
