import type { Queryable } from "./connection.ts";

/** What a surface shows of a run: a message that is edited in place, or a reply that is sent once. */
export interface Post {
  readonly surface: string;
  readonly runId: number;
  /** `message`, or a reply's own key. */
  readonly key: string;
  readonly channel: string | null;
  /** The surface's own id of it; null until it is known to have been sent. */
  readonly externalId: string | null;
  readonly sentHash: string | null;
  readonly sentRevision: number;
}

export async function listPosts(db: Queryable, surface: string, runId: number): Promise<Post[]> {
  const rows = await db
    .selectFrom("posts")
    .selectAll()
    .where("surface", "=", surface)
    .where("run_id", "=", runId)
    .execute();
  return rows.map((row) => ({
    surface: row.surface,
    runId: row.run_id,
    key: row.key,
    channel: row.channel,
    externalId: row.external_id,
    sentHash: row.sent_hash,
    sentRevision: row.sent_revision,
  }));
}

export async function savePost(db: Queryable, post: Post, sentAt: number): Promise<void> {
  const columns = {
    channel: post.channel,
    external_id: post.externalId,
    sent_hash: post.sentHash,
    sent_revision: post.sentRevision,
    sent_at: sentAt,
  };
  await db
    .insertInto("posts")
    .values({ surface: post.surface, run_id: post.runId, key: post.key, ...columns })
    .onConflict((conflict) => conflict.columns(["surface", "run_id", "key"]).doUpdateSet(columns))
    .execute();
}

/**
 * Runs of which a surface does not yet show the newest state, oldest first. The state is compared by the run's
 * revision, so nothing need be enqueued with each change, and a crash between change and message loses neither.
 */
export async function listUnshown(db: Queryable, surface: string, since: number): Promise<number[]> {
  const rows = await db
    .selectFrom("runs")
    .leftJoin("posts", (join) =>
      join
        .onRef("posts.run_id", "=", "runs.id")
        .on("posts.surface", "=", surface)
        .on("posts.key", "=", "message"),
    )
    .select("runs.id")
    .where((eb) => eb.or([eb("runs.ended_at", "is", null), eb("runs.ended_at", ">", since)]))
    .where((eb) =>
      eb.or([eb("posts.sent_revision", "is", null), eb("posts.sent_revision", "<", eb.ref("runs.revision"))]),
    )
    .orderBy("runs.id")
    .execute();
  return rows.map((row) => row.id);
}
