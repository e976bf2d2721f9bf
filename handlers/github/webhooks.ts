import { createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Logger } from "pino";
import { codeOf } from "../../src/util/errors.ts";
import { readBody } from "../http/body.ts";
import { sendError, sendJson } from "../http/respond.ts";

/** GitHub's own limit: https://docs.github.com/en/webhooks/webhook-events-and-payloads */
const BODY_LIMIT = 25 * 1024 * 1024;

export type GitHubListener = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * GitHub's webhooks: whatever is not signed with the App's secret is refused with 400. This version obeys no event,
 * so a genuine one is acknowledged and nothing comes of it.
 */
export function createGitHubWebhooks(options: { secret: string; log: Logger }): GitHubListener {
  const { secret, log } = options;
  return (request, response) => {
    readBody(request, BODY_LIMIT).then(
      (body) => {
        if (!isSigned(body, request.headers["x-hub-signature-256"], secret)) {
          return sendError(
            response,
            400,
            "bad_signature",
            "The webhook is not signed with this App's secret.",
          );
        }
        log.debug({ event: request.headers["x-github-event"] }, "an event of GitHub that is not obeyed yet");
        sendJson(response, 202, { ok: true });
      },
      (error: unknown) => {
        const tooLarge = codeOf(error) === "body_too_large";
        sendError(response, tooLarge ? 413 : 400, codeOf(error), "The webhook's body could not be read.", {
          connection: "close",
        });
      },
    );
  };
}

/** https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries */
function isSigned(body: Buffer, given: string | string[] | undefined, secret: string): boolean {
  if (typeof given !== "string") return false;
  const expected = Buffer.from(`sha256=${createHmac("sha256", secret).update(body).digest("hex")}`);
  const shown = Buffer.from(given);
  return shown.length === expected.length && timingSafeEqual(shown, expected);
}
