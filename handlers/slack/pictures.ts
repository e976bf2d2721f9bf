import { readFile, stat } from "node:fs/promises";
import type { webApi } from "@slack/bolt";
import type { Logger } from "pino";
import type { Picture } from "../../src/publish/story.ts";
import { messageOf } from "../../src/util/errors.ts";
import { escapedWithin } from "../../src/util/mrkdwn.ts";
import type { Redactor } from "../../src/util/redact.ts";
import { type Budget, type BudgetedMethod, withinBudget } from "./budget.ts";
import { retryAfterMsOf, slackErrorOf, troubleOf } from "./directory.ts";
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

interface Uploaded {
  readonly id: string;
  readonly title: string;
}

interface Shown {
  readonly picture: Picture;
  /** What is to be uploaded, or was before. */
  readonly from: Buffer | Uploaded;
}

/** Uploads that were not shown are made again after this, in ms. */
const KEPT_FOR_MS = 15 * 60_000;

/** Uploads pictures into a thread, several in one message. */
export class Pictures {
  readonly #client: webApi.WebClient;
  readonly #budget: Budget;
  readonly #redact: Redactor;
  readonly #log: Logger;
  readonly #breaks = new Map<string, number>();
  /** Uploaded and not shown yet: when only the last call has to wait, it alone is made again. */
  readonly #kept = new Map<string, { readonly file: Uploaded; readonly at: number }>();

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
    const { shown, notes } = await this.#read(share, draw);
    const [first, ...others] = shown;
    if (first === undefined) return { refused: "there are none", notes };
    const key = nameOf(share, first.picture);
    try {
      const files: [Uploaded, ...Uploaded[]] = [await this.#uploaded(share, first)];
      for (const one of others) files.push(await this.#uploaded(share, one));
      await before();
      await this.#complete(share, files, notes);
      this.#breaks.delete(key);
      return { refused: null, notes };
    } catch (error) {
      const why = this.#whyNever(error, key);
      if (why === null) throw error;
      this.#forget(share);
      // What was uploaded a while ago may be what Slack will not have: it is uploaded anew once.
      if (shown.some(({ from }) => "id" in from)) throw error;
      this.#log.warn({ err: troubleOf(error) }, "pictures could not be uploaded to Slack");
      return { refused: why, notes };
    }
  }

  /** What can be shown, and a note for each that cannot. */
  async #read(
    share: Share,
    draw: () => Promise<Buffer | null>,
  ): Promise<{ shown: Shown[]; notes: string[] }> {
    const oldest = performance.now() - KEPT_FOR_MS;
    for (const [name, { at }] of this.#kept) if (at < oldest) this.#kept.delete(name);
    const shown: Shown[] = [];
    const notes: string[] = [];
    for (const picture of share.pictures) {
      const kept = this.#kept.get(nameOf(share, picture))?.file;
      const from =
        kept ?? (await (picture.from === "timeline" ? draw() : contentOf(picture, picture.from.file)));
      if (typeof from === "string") notes.push(from);
      else if (from !== null) shown.push({ picture, from });
    }
    return { shown, notes };
  }

  async #uploaded(share: Share, { picture, from }: Shown): Promise<Uploaded> {
    if ("id" in from) return from;
    const file = await this.#upload(picture, from);
    this.#kept.set(nameOf(share, picture), { file, at: performance.now() });
    return file;
  }

  /** When Slack asks to wait, what was uploaded is kept; after anything else nobody knows what became of it. */
  async #complete(share: Share, files: [Uploaded, ...Uploaded[]], notes: readonly string[]): Promise<void> {
    try {
      await this.#call("files.completeUploadExternal", () =>
        this.#client.files.completeUploadExternal({
          files,
          channel_id: share.channel,
          thread_ts: share.threadTs,
          initial_comment: this.#redact.text([share.text, ...notes].join("\n")),
        }),
      );
      this.#forget(share);
    } catch (error) {
      if (retryAfterMsOf(error) === null) this.#forget(share);
      throw error;
    }
  }

  #forget(share: Share): void {
    for (const picture of share.pictures) this.#kept.delete(nameOf(share, picture));
  }

  async #upload(picture: Picture, bytes: Buffer): Promise<Uploaded> {
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
    if (retryAfterMsOf(error) !== null) return null;
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

function nameOf({ channel, threadTs }: Share, { name }: Picture): string {
  return `${channel} ${threadTs} ${name}`;
}

/** What lies in the file, or a note when it cannot be shown. */
async function contentOf(picture: Picture, file: string): Promise<Buffer | string> {
  const size = await stat(file).then(
    (found) => found.size,
    () => null,
  );
  const isTooLarge = size !== null && size > LARGEST;
  const bytes = size === null || isTooLarge ? null : await readFile(file).catch(() => null);
  if (bytes !== null && bytes.length > 0) return bytes;
  const why = isTooLarge ? "is too large to be shown here" : "is not there any more";
  return `– ${escapedWithin(picture.title, LONGEST_NOTE)}: its screenshot ${why}.`;
}

/** The bytes did not get to Slack: nothing is shown yet. */
class BrokenUpload extends Error {}
