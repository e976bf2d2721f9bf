import { randomBytes } from "node:crypto";
import { z } from "zod";
import type { Clock } from "../../src/util/clock.ts";
import type { CallLog } from "../front/calls.ts";
import { jsonAnswer } from "../front/faulty.ts";
import type { Answer } from "../front/forward.ts";
import type { EmulatedSlack } from "./emulator.ts";
import { BOT, TEAM } from "./people.ts";
import { failed } from "./served.ts";
import { nextTs, type Transcript } from "./transcript.ts";

/** https://docs.slack.dev/interactivity/handling-user-interaction: five answers within thirty minutes. */
const MOST_ANSWERS = 5;
const LIFETIME_MS = 30 * 60_000;

const answerSchema = z.looseObject({
  text: z.string().optional(),
  blocks: z.array(z.unknown()).optional(),
  response_type: z.string().optional(),
  thread_ts: z.string().optional(),
});

interface Address {
  readonly user: string;
  readonly channel: string;
  readonly expires: number;
  left: number;
}

/** The `response_url` of each command: where the bot may still answer its author later. */
export class ResponseUrls {
  readonly #parts: ResponseParts;
  readonly #addresses = new Map<string, Address>();

  constructor(parts: ResponseParts) {
    this.#parts = parts;
  }

  create(user: string, channel: string): string {
    const path = `/commands/${TEAM.id}/${randomBytes(6).toString("hex")}/${randomBytes(12).toString("hex")}`;
    const expires = this.#parts.clock.now() + LIFETIME_MS;
    this.#addresses.set(path, { user, channel, expires, left: MOST_ANSWERS });
    return this.#parts.publicUrl() + path;
  }

  /** Takes what the bot sends to a response_url; recorded as the call `response_url`. */
  async answer(path: string, body: string): Promise<Answer> {
    const address = this.#addresses.get(path);
    const record = (status: number, error?: string) =>
      this.#parts.calls.add({
        action: "response_url",
        parameters: { user: address?.user, channel: address?.channel, body: body.slice(0, 50_000) },
        status,
        ...(error ? { error } : {}),
      });
    if (!address || address.expires < this.#parts.clock.now()) {
      record(404, "expired_url");
      return { ...failed("expired_url"), status: 404 };
    }
    if (address.left-- <= 0) {
      record(404, "used_url");
      return { ...failed("used_url"), status: 404 };
    }
    const shown = await this.show(body, address.user, address.channel);
    record(shown ? 200 : 400, shown ? undefined : "invalid_payload");
    return shown ? jsonAnswer(200, { ok: true }) : { ...failed("invalid_payload"), status: 400 };
  }

  /** Shows a command's answer (JSON, or plain text) to its author, or to all with `in_channel`. */
  async show(body: string, user: string, channel: string): Promise<boolean> {
    const message = answerSchema.safeParse(jsonOrText(body));
    if (!message.success) return false;
    const { text = "", blocks, response_type: type, thread_ts: threadTs } = message.data;
    if (text === "" && !blocks) return type === undefined;
    if (type === "in_channel") {
      await this.#parts.slack.call("chat.postMessage", { channel, text, blocks, thread_ts: threadTs });
    } else {
      const ts = nextTs(this.#parts.clock.now());
      this.#parts.transcript.add({ ts, channel, user: BOT.user, text, blocks, threadTs, onlyFor: user });
    }
    return true;
  }
}

export interface ResponseParts {
  readonly slack: EmulatedSlack;
  readonly transcript: Transcript;
  readonly calls: CallLog;
  readonly clock: Clock;
  publicUrl(): string;
}

function jsonOrText(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return { text: body };
  }
}
