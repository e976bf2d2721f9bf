import { readFile, stat } from "node:fs/promises";
import type { webApi } from "@slack/bolt";
import type { Logger } from "pino";
import { escapedWithin } from "../../src/publish/mrkdwn.ts";
import type { Picture } from "../../src/publish/story.ts";
import { messageOf } from "../../src/util/errors.ts";
import type { Redactor } from "../../src/util/redact.ts";
import { type Budget, type BudgetedMethod, withinBudget } from "./budget.ts";
import { slackErrorOf } from "./directory.ts";
import { isDefinite } from "./messages.ts";

const UPLOAD_TIMEOUT_MS = 20_000;
const LARGEST = 10 * 1024 * 1024;
const LONGEST_NOTE = 200;
/** Uploads that break off so often are told instead: a proxy may let Slack's API through and nothing else. */
const MOST_BREAKS = 3;
export const UPLOAD_METHODS = [
  "files.getUploadURLExternal",
  "files.completeUploadExternal",
] as const satisfies readonly BudgetedMethod[];

export interface Share {
  readonly channel: string;
  readonly threadTs: string;
  /** mrkdwn, escaped already. */
  readonly text: string;
  readonly pictures: readonly Picture[];
}

/** `refused`: why nothing was shared, and never will be; `notes`: what is to be said of pictures that are missing. */
export type Shared = { readonly refused: string | null; readonly notes: readonly string[] };

interface Read {
  readonly picture: Picture;
  readonly bytes: Buffer;
}

interface Uploaded {
  readonly id: string;
  readonly title: string;
}

/** Uploads pictures into a thread, several in one message. */
export class Pictures {
  readonly #client: webApi.WebClient;
  readonly #budget: Budget;
  readonly #redact: Redactor;
  readonly #log: Logger;
  readonly #breaks = new Map<string, number>();

  constructor(parts: { client: webApi.WebClient; budget: Budget; redact: Redactor; log: Logger }) {
    this.#client = parts.client;
    this.#budget = parts.budget;
    this.#redact = parts.redact;
    this.#log = parts.log;
  }

  /** Milliseconds until so many may be uploaded; 0: now. */
  wait(count: number): number {
    return Math.max(
      this.#budget.wait("files.getUploadURLExternal", null, { count }),
      this.#budget.wait("files.completeUploadExternal"),
    );
  }

  /**
   * Throws what is worth another try; then the message may or may not have been posted.
   *
   * @param draw a picture that lies nowhere yet; null when this machine cannot draw
   * @param before called before the call that shows them, with what cannot be undone
   */
  async share(
    share: Share,
    draw: () => Promise<Buffer | null>,
    before: () => Promise<void>,
  ): Promise<Shared> {
    const { read, notes } = await this.#read(share.pictures, draw);
    const [first, ...others] = read;
    if (first === undefined) return { refused: "there are none", notes };
    const key = `${share.channel} ${share.threadTs} ${first.picture.name}`;
    try {
      const files: [Uploaded, ...Uploaded[]] = [await this.#upload(first)];
      for (const one of others) files.push(await this.#upload(one));
      await before();
      const comment = this.#redact.text([share.text, ...notes].join("\n"));
      await this.#call("files.completeUploadExternal", () =>
        this.#client.files.completeUploadExternal({
          files,
          channel_id: share.channel,
          thread_ts: share.threadTs,
          initial_comment: comment,
        }),
      );
      this.#breaks.delete(key);
      return { refused: null, notes };
    } catch (error) {
      const why = this.#whyNever(error, key);
      if (why === null) throw error;
      this.#log.warn({ err: messageOf(error) }, "pictures could not be uploaded to Slack");
      return { refused: why, notes };
    }
  }

  /** What can be read, and a note for each that cannot. */
  async #read(
    pictures: readonly Picture[],
    draw: () => Promise<Buffer | null>,
  ): Promise<{ read: Read[]; notes: string[] }> {
    const read: Read[] = [];
    const notes: string[] = [];
    for (const picture of pictures) {
      if (picture.from === "timeline") {
        const bytes = await draw();
        if (bytes !== null) read.push({ picture, bytes });
        continue;
      }
      const { file } = picture.from;
      const size = await stat(file).then(
        (found) => found.size,
        () => null,
      );
      const bytes = size === null || size > LARGEST ? null : await readFile(file).catch(() => null);
      if (bytes !== null && bytes.length > 0) read.push({ picture, bytes });
      else {
        const why =
          size !== null && size > LARGEST ? "is too large to be shown here" : "is not there any more";
        notes.push(`– ${escapedWithin(picture.title, LONGEST_NOTE)}: its screenshot ${why}.`);
      }
    }
    return { read, notes };
  }

  async #upload({ picture, bytes }: Read): Promise<Uploaded> {
    const [title, alt] = [this.#redact.text(picture.title), this.#redact.text(picture.alt)];
    const given = await this.#call("files.getUploadURLExternal", () =>
      this.#client.files.getUploadURLExternal({
        filename: picture.name,
        length: bytes.length,
        alt_text: alt,
      }),
    );
    const { upload_url: url, file_id: id } = given;
    if (url === undefined || id === undefined) throw new BrokenUpload("Slack gave no address");
    const answer = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/octet-stream" },
      body: new Uint8Array(bytes),
      signal: AbortSignal.timeout(UPLOAD_TIMEOUT_MS),
      redirect: "error",
    }).catch((error: unknown) => {
      throw new BrokenUpload(messageOf(error));
    });
    await answer.body?.cancel();
    if (!answer.ok) throw new BrokenUpload(`the upload was answered with ${answer.status}`);
    return { id, title };
  }

  /** Null when another try may help. */
  #whyNever(error: unknown, key: string): string | null {
    const { retryAfter } = error as { retryAfter?: unknown };
    if (typeof retryAfter === "number") return null;
    if (isDefinite(error)) return slackErrorOf(error) ?? "Slack refuses";
    if (!(error instanceof BrokenUpload)) return null;
    const breaks = (this.#breaks.get(key) ?? 0) + 1;
    this.#breaks.set(key, breaks);
    if (breaks < MOST_BREAKS) return null;
    this.#breaks.delete(key);
    return error.message;
  }

  #call<T>(method: BudgetedMethod, call: () => Promise<T>): Promise<T> {
    return withinBudget(this.#budget, method, null, call);
  }
}

/** The bytes did not get to Slack: nothing is shown yet. */
class BrokenUpload extends Error {}
