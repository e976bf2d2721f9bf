import type { webApi } from "@slack/bolt";
import type { KnownBlock } from "@slack/types";
import type { Logger } from "pino";
import { z } from "zod";
import { cutText } from "../../src/util/format.ts";
import type { Redactor } from "../../src/util/redact.ts";
import { type Budget, type BudgetedMethod, demandRoom, withinBudget } from "./budget.ts";
import { slackErrorOf } from "./directory.ts";
import { Forms } from "./known-forms.ts";

/** Slack refuses to update a message with more than 4,000 characters. */
const LONGEST_TEXT = 3_900;
const EVENT_TYPE = "slipway_message";
/** So far back a lost message is looked for, in messages. */
const LOOK_BACK = 400;
const PAGE = 200;

/** Answers of Slack that no repetition changes: what was to be edited, or answered in its thread, is gone. */
const GONE = new Set(["message_not_found", "thread_not_found", "cant_update_message"]);
/** The bot is shut out of the channel, until somebody lets it in. */
const SHUT_OUT = new Set(["channel_not_found", "not_in_channel", "is_archived", "restricted_action"]);

/** Why the bot may not post in a channel now, in Slack's word; null: something else is wrong. */
export function shutOutBy(error: unknown): string | null {
  const said = slackErrorOf(error);
  return said !== null && SHUT_OUT.has(said) ? said : null;
}
/** Slack refuses the form, not the words. */
const FORM_REFUSED = new Set([
  "invalid_blocks",
  "invalid_blocks_format",
  "msg_blocks_too_long",
  // Of a preview's.
  "invalid_attachments",
  "cannot_parse_attachment",
]);

export interface Content {
  readonly text: string;
  /** In the order in which they are tried. */
  readonly forms: readonly (readonly KnownBlock[])[];
}

interface Shown {
  readonly text: string;
  readonly blocks?: KnownBlock[];
}

/** By what a message of ours is known again. */
export interface Mark {
  /** A run, by its uuid, or the outbox. */
  readonly of: string;
  readonly key: string;
}

/** Posting has an answer, is hopeless, or throws: then it may or may not have happened. */
export type Posted = { readonly ts: string } | "hopeless";

const marked = z.looseObject({
  ts: z.string(),
  metadata: z.looseObject({
    event_type: z.literal(EVENT_TYPE),
    event_payload: z.looseObject({ of: z.string(), keys: z.string() }),
  }),
});
const withFiles = z.looseObject({ files: z.array(z.looseObject({ name: z.string().nullish() })) });

function metadataOf(marks: readonly Mark[]) {
  const event_payload = { of: marks[0]?.of ?? "", keys: marks.map(({ key }) => key).join("\n") };
  return { event_type: EVENT_TYPE, event_payload };
}

/** Faults of Slack's own: what was asked for may have happened. */
const UNSURE = new Set(["internal_error", "fatal_error", "service_unavailable", "request_timeout"]);

/** Slack has answered, and the answer says that nothing was posted. */
export function isDefinite(error: unknown): boolean {
  if (typeof (error as { retryAfter?: unknown }).retryAfter === "number") return true;
  const said = slackErrorOf(error);
  return said !== null && !UNSURE.has(said);
}

/** Posts, edits and finds again messages about runs, within Slack's limits and forms. */
export class Messages {
  readonly #client: webApi.WebClient;
  readonly #budget: Budget;
  readonly #redact: Redactor;
  readonly #log: Logger;
  /** Previews have rules of their own. */
  readonly #forms = { message: new Forms(), preview: new Forms() };

  constructor(parts: { client: webApi.WebClient; budget: Budget; redact: Redactor; log: Logger }) {
    this.#client = parts.client;
    this.#budget = parts.budget;
    this.#redact = parts.redact;
    this.#log = parts.log;
  }

  async post(
    channel: string,
    content: Content,
    marks: readonly Mark[],
    threadTs: string | null = null,
  ): Promise<Posted> {
    const metadata = metadataOf(marks);
    const answer = await this.#inSomeForm("chat.postMessage", channel, content.forms.length, (form) =>
      this.#client.chat.postMessage({
        channel,
        ...this.#shownAs(content, form),
        metadata,
        unfurl_links: false,
        unfurl_media: false,
        ...(threadTs !== null && { thread_ts: threadTs }),
      }),
    );
    return answer === "hopeless" || answer.ts === undefined ? "hopeless" : { ts: answer.ts };
  }

  /** False when Slack says that it will never be possible. */
  async edit(channel: string, ts: string, content: Content): Promise<boolean> {
    const answer = await this.#inSomeForm("chat.update", channel, content.forms.length, (form) =>
      this.#client.chat.update({ channel, ts, ...this.#shownAs(content, form) }),
    );
    return answer !== "hopeless";
  }

  /** Shows previews of addresses below somebody's message, by address. Throws what Slack says. */
  async unfurl(channel: string, ts: string, previews: ReadonlyMap<string, Content>): Promise<void> {
    const most = Math.max(...[...previews.values()].map(({ forms }) => forms.length));
    await this.#inSomeForm("chat.unfurl", channel, most, (form) => {
      const unfurls = [...previews].map(([url, content]) => {
        const { text, blocks } = this.#shownAs(content, form);
        return [url, blocks === undefined ? { text } : { blocks }] as const;
      });
      return this.#client.chat.unfurl({ channel, ts, unfurls: Object.fromEntries(unfurls) });
    });
  }

  /** Text as it stands. Throws what Slack says. */
  async say(channel: string, text: string, mark: Mark, blocks: readonly KnownBlock[] = []): Promise<void> {
    const metadata = metadataOf([mark]);
    await this.#call("chat.postMessage", channel, () =>
      this.#client.chat.postMessage({
        channel,
        text,
        ...(blocks.length > 0 && { blocks: [...blocks] }),
        metadata,
        unfurl_links: false,
        unfurl_media: false,
      }),
    );
  }

  /**
   * A message that may have been posted without our hearing of it; null when there is none. Where the bot may not
   * read the channel, null as well.
   */
  async find(channel: string, mark: Mark, since: number, threadTs: string | null): Promise<string | null> {
    return await this.#search(channel, since, threadTs, (message) => {
      const payload = marked.safeParse(message).data?.metadata.event_payload;
      return payload?.of === mark.of && payload.keys.split("\n").includes(mark.key);
    });
  }

  /** The same for what was said to one person: their conversation with the bot must be asked for. */
  async findDirect(user: string, mark: Mark, since: number): Promise<string | null> {
    const opened = await this.#unlessForbidden(() =>
      this.#look("conversations.open", () => this.#client.conversations.open({ users: user })),
    );
    const channel = opened?.channel?.id;
    return channel === undefined ? null : await this.find(channel, mark, since, null);
  }

  /** A message in the thread that carries one of these files. */
  async findFiles(
    channel: string,
    names: readonly string[],
    since: number,
    threadTs: string,
  ): Promise<string | null> {
    return await this.#search(channel, since, threadTs, (message) =>
      (withFiles.safeParse(message).data?.files ?? []).some(({ name }) => names.includes(name ?? "")),
    );
  }

  async #search(
    channel: string,
    since: number,
    threadTs: string | null,
    isOurs: (message: unknown) => boolean,
  ): Promise<string | null> {
    const oldest = String(Math.floor(since / 1000) - 60);
    let cursor: string | undefined;
    for (let seen = 0; seen < LOOK_BACK; seen += PAGE) {
      const page = { channel, limit: PAGE, include_all_metadata: true, ...(cursor && { cursor }) };
      const answer = await this.#unlessForbidden(() =>
        threadTs === null
          ? this.#look("conversations.history", () => this.#client.conversations.history({ ...page, oldest }))
          : this.#look("conversations.replies", () =>
              this.#client.conversations.replies({ ...page, ts: threadTs }),
            ),
      );
      const ours = (answer?.messages ?? []).find(isOurs);
      if (ours?.ts !== undefined) return ours.ts;
      cursor = answer?.response_metadata?.next_cursor;
      if (!cursor) return null;
    }
    return null;
  }

  /** Looking can wait. Throws BudgetSpent when it must. */
  #look<T>(method: BudgetedMethod, call: () => Promise<T>): Promise<T> {
    demandRoom(this.#budget, method);
    return this.#call(method, null, call);
  }

  /** Null where Slack will not let the bot look, whenever it asks. */
  async #unlessForbidden<T>(look: () => Promise<T>): Promise<T | null> {
    try {
      return await look();
    } catch (error) {
      const said = slackErrorOf(error);
      const forbidden = said === "missing_scope" || GONE.has(said ?? "") || SHUT_OUT.has(said ?? "");
      if (!forbidden) throw error;
      this.#log.warn(
        { error: said },
        "the bot may not read where it posted: a lost message cannot be looked for",
      );
      return null;
    }
  }

  /** @param most the form beyond which there is no plainer one */
  async #inSomeForm<T>(
    method: BudgetedMethod,
    channel: string,
    most: number,
    call: (form: number) => Promise<T>,
  ): Promise<T | "hopeless"> {
    const kind = method === "chat.unfurl" ? "preview" : "message";
    const forms = this.#forms[kind];
    for (let form = Math.min(forms.first, most); ; form++) {
      try {
        const answer = await this.#call(method, channel, () => call(form));
        forms.taken(form);
        return answer;
      } catch (error) {
        const said = slackErrorOf(error) ?? "";
        if (GONE.has(said)) {
          this.#log.warn({ error: said }, "a run's message in Slack is gone: it is told of no more there");
          return "hopeless";
        }
        if (!FORM_REFUSED.has(said) || form >= most) throw error;
        this.#log.warn(
          { error: said, form, kind },
          "Slack refuses this form of the message; a plainer one is tried",
        );
        if (said !== "msg_blocks_too_long") forms.refused(form);
      }
    }
  }

  /** Without secrets; beyond the last form it is words alone. */
  #shownAs({ text, forms }: Content, form: number): Shown {
    const blocks = forms[form];
    return {
      text: this.#clean(text),
      ...(blocks !== undefined && { blocks: this.#redact.deep([...blocks]) }),
    };
  }

  #call<T>(method: BudgetedMethod, channel: string | null, call: () => Promise<T>): Promise<T> {
    return withinBudget(this.#budget, method, channel, call);
  }

  #clean(text: string): string {
    const clean = this.#redact.text(text);
    return cutText(clean, LONGEST_TEXT);
  }
}
