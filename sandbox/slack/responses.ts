import { randomBytes } from "node:crypto";
import { z } from "zod";
import type { Clock } from "../../src/util/clock.ts";
import type { CallLog } from "../front/calls.ts";
import { jsonAnswer } from "../front/faulty.ts";
import type { Answer } from "../front/forward.ts";
import { failed } from "./answers.ts";
import { contentError } from "./content/content.ts";
import type { EmulatedSlack } from "./emulator.ts";
import { BOT, TEAM } from "./people.ts";
import { nextTs, type Transcript } from "./transcript.ts";

/** https://docs.slack.dev/interactivity/handling-user-interaction: five answers within thirty minutes. */
const MOST_ANSWERS = 5;
const LIFETIME_MS = 30 * 60_000;

/** Slack's own examples write booleans as text. */
const flag = z.union([z.boolean(), z.enum(["true", "false"]).transform((word) => word === "true")]);
const answerSchema = z.looseObject({
  text: z.string().optional(),
  blocks: z.array(z.unknown()).optional(),
  response_type: z.string().optional(),
  thread_ts: z.string().optional(),
  replace_original: flag.optional(),
  delete_original: flag.optional(),
});

/** The message with the button that was pressed. */
export interface Origin {
  readonly ts: string;
  readonly threadTs: string | undefined;
}

interface Address {
  readonly user: string;
  readonly channel: string;
  /** None for a command: there is nothing to replace. */
  readonly origin: Origin | undefined;
  readonly expires: number;
  left: number;
}

/** The `response_url` of each command and click: where the bot may still answer its author later. */
export class ResponseUrls {
  readonly #parts: ResponseParts;
  readonly #addresses = new Map<string, Address>();

  constructor(parts: ResponseParts) {
    this.#parts = parts;
  }

  create(user: string, channel: string, origin?: Origin): string {
    const kind = origin === undefined ? "commands" : "actions";
    const path = `/${kind}/${TEAM.id}/${randomBytes(6).toString("hex")}/${randomBytes(12).toString("hex")}`;
    const expires = this.#parts.clock.now() + LIFETIME_MS;
    this.#addresses.set(path, { user, channel, origin, expires, left: MOST_ANSWERS });
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
    const refused = (status: number, error: string): Answer => {
      record(status, error);
      return { ...failed(error), status };
    };
    if (!address || address.expires < this.#parts.clock.now()) return refused(404, "expired_url");
    if (address.left-- <= 0) return refused(404, "used_url");
    const error = await this.show(body, address.user, address.channel, address.origin);
    if (error !== undefined) return refused(400, error);
    record(200);
    return jsonAnswer(200, { ok: true });
  }

  /**
   * Shows an answer (JSON, or plain text) to its author, or to all with `in_channel`; with `replace_original` in
   * place of the message whose button was pressed. Returns what is wrong with it, if anything.
   */
  async show(body: string, user: string, channel: string, origin?: Origin): Promise<string | undefined> {
    const message = answerSchema.safeParse(jsonOrText(body));
    if (!message.success) return "invalid_payload";
    const { text = "", blocks, response_type: type, thread_ts: threadTs } = message.data;
    const { replace_original: isReplaced, delete_original: isDeleted } = message.data;
    const { slack, transcript, clock } = this.#parts;
    if (isDeleted === true && origin) {
      if (!transcript.remove(channel, origin.ts)) await slack.call("chat.delete", { channel, ts: origin.ts });
      return undefined;
    }
    if (text === "" && !blocks) return type === undefined ? undefined : "no_text";
    const wrong = contentError("response_url", message.data);
    if (wrong) return wrong.error;
    if (isReplaced === true && origin) {
      const editedTs = nextTs(clock.now());
      const isOurs = transcript.change(channel, origin.ts, { text, blocks, editedTs });
      if (!isOurs) await slack.call("chat.update", { channel, ts: origin.ts, text, blocks: blocks ?? [] });
      return undefined;
    }
    if (type === "in_channel") {
      await slack.call("chat.postMessage", { channel, text, blocks, thread_ts: threadTs });
    } else {
      const ts = nextTs(clock.now());
      const place = threadTs ?? origin?.threadTs;
      transcript.add({ ts, channel, user: BOT.user, text, blocks, threadTs: place, onlyFor: user });
    }
    return undefined;
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
