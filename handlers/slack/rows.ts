import { createHash } from "node:crypto";
import type { Queryable } from "../../db/connection.ts";
import { listPosts, type Post } from "../../db/posts.ts";
import type { RunView } from "../../src/engine/types.ts";
import { planBlocks, sectionBlocks } from "../../src/publish/slack-blocks.ts";
import { messageText } from "../../src/publish/slack-text.ts";
import type { Story } from "../../src/publish/story.ts";
import type { Content } from "./messages.ts";

export const SURFACE = "slack";
/** Runs that ended longer ago are not told of any more after a restart, in ms. */
export const TELL_FOR_MS = 24 * 3_600_000;
/** In place of an id, where Slack says that the message can never be. */
export const HOPELESS_ID = "refused";

export function isHopeless(post: Post | undefined): boolean {
  return post?.externalId === HOPELESS_ID;
}

/** Whether a run's message is to be seen in the channel. */
export async function isShown(db: Queryable, runId: number, channel: string): Promise<boolean> {
  const posts = await listPosts(db, SURFACE, runId);
  const message = posts.find(({ key }) => key === "message");
  return message?.externalId != null && !isHopeless(message) && message.channel === channel;
}

/** A row of what has not been tried yet. */
export function blank(runId: number, key: string): Post {
  return {
    surface: SURFACE,
    runId,
    key,
    channel: null,
    externalId: null,
    sentHash: null,
    sentRevision: 0,
    attempts: 0,
  };
}

/** Where the run was asked for, when that was a channel. */
export function originOf(run: RunView): string | null {
  const origin = run.input.origin;
  const channel =
    typeof origin === "object" && origin !== null && "channel" in origin ? origin.channel : null;
  return typeof channel === "string" ? channel : null;
}

export function contentOf(story: Story): Content {
  return { text: messageText(story), forms: [planBlocks(story), sectionBlocks(story)] };
}

export function hashOf(content: Content): string {
  return createHash("sha256").update(JSON.stringify(content)).digest("hex").slice(0, 32);
}
