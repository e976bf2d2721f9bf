import { DECLARED_CLEAN } from "../../src/engine/holds.ts";
import { LEASE_KIND } from "../../src/engine/leasing.ts";
import type { EngineApi, ObligationView, RunView } from "../../src/engine/types.ts";
import { type Ended, hasEnded } from "../../src/publish/story.ts";

const INSTANCE = "instance";
/** A cleanup that has failed so often is told of; most of what fails once goes the next time. */
const WORTH_TELLING_ATTEMPTS = 5;

/**
 * What became of the environment that a run had left standing; null while it stands, its cleanup has only begun, or
 * there never was one. Read from what was owed, which outlives every process.
 */
export async function endedOf(
  engine: Pick<EngineApi, "obligations" | "leases">,
  run: RunView,
): Promise<Ended | null> {
  if (run.target === null || !hasEnded(run) || typeof run.facts.keptUntil !== "number") return null;
  const all = await engine.obligations({ runId: run.id });
  const own = all.filter((owed) => owed.runId === run.id && owed.kind !== LEASE_KIND);
  // Noted when it was made due; what was met before the run's end was never left standing.
  const noted = own.filter(({ note, goneAt }) => note !== null && (goneAt ?? Infinity) >= (run.endedAt ?? 0));
  // The instance is the environment: what is said of the rest says nothing of it.
  const first = noted.find(({ kind }) => kind === INSTANCE) ?? noted[0];
  if (first === undefined) return null;
  const said = { slot: run.target, why: first.note ?? "", isDeclared: isDeclared(first) };
  const open = noted.filter(({ state }) => state !== "gone");
  if (open.length > 0) {
    const stuck = open.filter(({ attempts }) => attempts >= WORTH_TELLING_ATTEMPTS);
    return stuck.length === 0 ? null : { ...said, goneAt: null, owed: stuck.map(owedText), slotIs: null };
  }
  const goneAt = Math.max(...noted.map((owed) => owed.goneAt ?? 0));
  const isReleased = all.every(({ kind, state }) => kind !== LEASE_KIND || state === "gone");
  const slotIs = isReleased ? await slotNow(engine, run.target) : null;
  // Its slot is about to be free: a moment later that can be said too.
  if (!isReleased && !(await isReplaced(engine, run))) return null;
  return { ...said, goneAt, owed: [], slotIs };
}

function isDeclared({ note }: ObligationView): boolean {
  return note?.startsWith(DECLARED_CLEAN) ?? false;
}

function owedText({ title, lastError }: ObligationView): string {
  return lastError === null ? title : `${title} (${lastError.replace(/\.$/, "")})`;
}

/** A later run has put its own there. */
async function isReplaced(engine: Pick<EngineApi, "obligations">, { id, target }: RunView): Promise<boolean> {
  const here = await engine.obligations({ resource: target ?? "", open: true });
  return here.some(({ kind, runId }) => kind !== LEASE_KIND && runId > id);
}

async function slotNow(engine: Pick<EngineApi, "leases">, slot: string): Promise<Ended["slotIs"]> {
  const [lease] = await engine.leases([slot]);
  if (lease?.mode === "free") return "free";
  return lease?.mode === "locked" && lease.holder !== null ? { lockedBy: lease.holder.name } : null;
}
