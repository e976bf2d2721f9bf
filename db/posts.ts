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
  /** Attempts whose outcome is unknown: it may have been sent without our hearing of it. */
  readonly attempts: number;
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
    attempts: row.attempts,
  }));
}

export async function savePost(db: Queryable, post: Post, sentAt: number): Promise<void> {
  const columns = {
    channel: post.channel,
    external_id: post.externalId,
    sent_hash: post.sentHash,
    sent_revision: post.sentRevision,
    attempts: post.attempts,
    sent_at: sentAt,
  };
  await db
    .insertInto("posts")
    .values({ surface: post.surface, run_id: post.runId, key: post.key, ...columns })
    .onConflict((conflict) => conflict.columns(["surface", "run_id", "key"]).doUpdateSet(columns))
    .execute();
}

/** A run of which a surface does not yet show everything. */
export interface Unshown {
  readonly runId: number;
  /** The surface's own id of the run's message; null before it is sent. */
  readonly messageId: string | null;
  readonly endedAt: number | null;
  /** When this part of it was last sent; 0: never. */
  readonly sentAt: number;
}

/**
 * Runs of which a surface's `message` or `thread` is not yet of the newest state, oldest first. The state is compared
 * by the run's revision, so nothing need be enqueued with each change, and a crash between change and message loses
 * neither.
 */
export async function listUnshown(
  db: Queryable,
  surface: string,
  key: "message" | "thread",
  since: number,
): Promise<Unshown[]> {
  const rows = await openOrRecent(db, surface, key, since)
    .where((eb) =>
      eb.or([eb("shown.sent_revision", "is", null), eb("shown.sent_revision", "<", eb.ref("runs.revision"))]),
    )
    .execute();
  return rows.map(unshownOf);
}

/** Runs with a message whose times go stale: they are active, or have left something standing. */
export async function listStale(
  db: Queryable,
  surface: string,
  { since, before }: { since: number; before: number },
): Promise<Unshown[]> {
  const rows = await openOrRecent(db, surface, "message", since)
    .where("shown.external_id", "is not", null)
    .where("shown.sent_at", "<", before)
    .where((eb) =>
      eb.or([
        eb("runs.ended_at", "is", null),
        eb.exists(
          eb
            .selectFrom("obligations")
            .select("obligations.id")
            .whereRef("obligations.run_id", "=", "runs.id")
            .where("obligations.state", "<>", "gone"),
        ),
      ]),
    )
    .execute();
  return rows.map(unshownOf);
}

function openOrRecent(db: Queryable, surface: string, key: string, since: number) {
  return db
    .selectFrom("runs")
    .leftJoin("posts as message", (join) =>
      join
        .onRef("message.run_id", "=", "runs.id")
        .on("message.surface", "=", surface)
        .on("message.key", "=", "message"),
    )
    .leftJoin("posts as shown", (join) =>
      join.onRef("shown.run_id", "=", "runs.id").on("shown.surface", "=", surface).on("shown.key", "=", key),
    )
    .select(["runs.id", "runs.ended_at", "message.external_id", "shown.sent_at"])
    .where((eb) =>
      eb.or([
        eb("runs.ended_at", "is", null),
        eb("runs.ended_at", ">", since),
        // What it had left standing went since then, or will not go.
        eb("runs.id", "in", eb.selectFrom("obligations").select("run_id").where("gone_at", ">", since)),
        eb(
          "runs.id",
          "in",
          eb
            .selectFrom("obligations")
            .select("run_id")
            .where("state", "<>", "gone")
            .where("note", "is not", null)
            .where("last_error", "is not", null),
        ),
      ]),
    )
    .orderBy("runs.id");
}

function unshownOf(row: {
  id: number;
  ended_at: number | null;
  external_id: string | null;
  sent_at: number | null;
}): Unshown {
  return { runId: row.id, messageId: row.external_id, endedAt: row.ended_at, sentAt: row.sent_at ?? 0 };
}
