/** How Slack sends something to the app: over one of its web sockets in Socket Mode, else by HTTP, signed. */
import type { Clock } from "../../../src/util/clock.ts";
import { codeOf } from "../../../src/util/errors.ts";
import { signedHeaders } from "../signature.ts";
import type { EnvelopeType, Sockets } from "./sockets.ts";

/** Slack gives an app this long to answer. */
const PATIENCE_MS = 3_000;

export interface Delivered {
  /** The bot's HTTP status, 200 for an acknowledgement over a socket; null when it did not answer. */
  readonly status: number | null;
  readonly body: string;
  readonly elapsedMs: number;
  readonly via: "http" | "socket";
  /** Slack's own word when the bot could not be reached or was too slow. */
  readonly error?: "dispatch_failed" | "operation_timeout";
}

export interface DeliveryParts {
  readonly botUrl: string;
  readonly signingSecret: string;
  /** Nothing goes by HTTP. */
  readonly socketMode: boolean;
  readonly sockets: Sockets;
  readonly clock: Clock;
}

export class Delivery {
  readonly #parts: DeliveryParts;

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
  }

  async send(type: EnvelopeType, payload: object, headers: Record<string, string> = {}): Promise<Delivered> {
    const started = performance.now();
    const elapsedMs = () => Math.round((performance.now() - started) * 100) / 100;
    if (this.#parts.socketMode) {
      if (!this.#parts.sockets.isConnected())
        return { status: null, body: "", elapsedMs: elapsedMs(), via: "socket", error: "dispatch_failed" };
      const answer = await this.#parts.sockets.send(type, payload, PATIENCE_MS);
      if (answer === undefined) {
        return { status: null, body: "", elapsedMs: elapsedMs(), via: "socket", error: "operation_timeout" };
      }
      const body = Object.keys(answer).length === 0 ? "" : JSON.stringify(answer);
      return { status: 200, body, elapsedMs: elapsedMs(), via: "socket" };
    }
    const answer = await this.#post(...bodyOf(type, payload), headers);
    return { ...answer, elapsedMs: elapsedMs(), via: "http" };
  }

  async #post(
    body: string,
    contentType: string,
    headers: Record<string, string>,
  ): Promise<Pick<Delivered, "status" | "body" | "error">> {
    const signed = signedHeaders(this.#parts.signingSecret, body, this.#parts.clock.now());
    try {
      const answer = await fetch(`${this.#parts.botUrl}/slack/events`, {
        method: "POST",
        headers: { ...signed, ...headers, "content-type": contentType },
        body,
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      return { status: answer.status, body: await answer.text() };
    } catch (error) {
      const isLate =
        codeOf(error) === "TimeoutError" || (error instanceof Error && error.name === "TimeoutError");
      return { status: null, body: "", error: isLate ? "operation_timeout" : "dispatch_failed" };
    }
  }
}

/** Commands are form fields, clicks and submissions one field of JSON, events JSON. */
function bodyOf(type: EnvelopeType, payload: object): [body: string, contentType: string] {
  const form = "application/x-www-form-urlencoded";
  if (type === "slash_commands") {
    return [new URLSearchParams(payload as Record<string, string>).toString(), form];
  }
  if (type === "interactive")
    return [new URLSearchParams({ payload: JSON.stringify(payload) }).toString(), form];
  return [JSON.stringify(payload), "application/json"];
}
