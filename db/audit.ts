import { createHash } from "node:crypto";
import type { Database, Queryable } from "./connection.ts";
import type { AuditRow } from "./schema.ts";

/** Who did what, or was refused what. */
export interface AuditEntry {
  readonly at: number;
  readonly who: string;
  readonly via: string;
  readonly action: string;
  readonly target: string | null;
  readonly outcome: "done" | "refused" | "failed";
  readonly reasonCode: string | null;
  readonly detail: string | null;
}

const GENESIS = "0".repeat(64);
const PAGE = 1_000;

/** Appends a line whose hash covers the one before it. */
export async function appendAudit(db: Database, entry: AuditEntry): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const before = await lastHash(trx);
    await trx
      .insertInto("audit")
      .values({
        at: entry.at,
        who: entry.who,
        via: entry.via,
        action: entry.action,
        target: entry.target,
        outcome: entry.outcome,
        reason_code: entry.reasonCode,
        detail: entry.detail,
        hash: chain(before, entry),
      })
      .execute();
  });
}

/** The number of the first line that does not follow from the one before it; null when the chain is whole. */
export async function findBrokenAudit(db: Queryable): Promise<number | null> {
  let before = GENESIS;
  let after = 0;
  for (;;) {
    const rows = await db
      .selectFrom("audit")
      .selectAll()
      .where("seq", ">", after)
      .orderBy("seq")
      .limit(PAGE)
      .execute();
    for (const row of rows) {
      if (row.hash !== chain(before, entryOf(row))) return row.seq;
      before = row.hash;
      after = row.seq;
    }
    if (rows.length < PAGE) return null;
  }
}

/** The newest lines first. */
export async function listAudit(db: Queryable, limit: number): Promise<AuditEntry[]> {
  const rows = await db.selectFrom("audit").selectAll().orderBy("seq", "desc").limit(limit).execute();
  return rows.map(entryOf);
}

async function lastHash(trx: Queryable): Promise<string> {
  const row = await trx.selectFrom("audit").select("hash").orderBy("seq", "desc").limit(1).executeTakeFirst();
  return row?.hash ?? GENESIS;
}

function chain(before: string, entry: AuditEntry): string {
  const { at, who, via, action, target, outcome, reasonCode, detail } = entry;
  const line = JSON.stringify([before, at, who, via, action, target, outcome, reasonCode, detail]);
  return createHash("sha256").update(line).digest("hex");
}

function entryOf(row: Omit<AuditRow, "seq">): AuditEntry {
  return {
    at: row.at,
    who: row.who,
    via: row.via,
    action: row.action,
    target: row.target,
    outcome: row.outcome as AuditEntry["outcome"],
    reasonCode: row.reason_code,
    detail: row.detail,
  };
}
