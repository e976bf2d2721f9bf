import { type Config, formatDuration } from "../../src/config/index.ts";
import { type HeldFor, heldAfter, isOwn } from "../../src/engine/turns.ts";
import type { EngineApi, HoldView, LeaseView, Person, QueueEntry, RunView } from "../../src/engine/types.ts";

/** When a place in the queue comes up: probably then; or not before somebody unlocks the slot. */
export type Turn = { readonly at: number } | { readonly unlockedBy: Person | null };

export interface EstimateParts {
  readonly engine: EngineApi;
  readonly config: Config;
  readonly now: number;
}

/**
 * When a place in the queue will probably come up; null while no earlier run tells.
 *
 * The slot comes free when the run at work has had its usual time and what is held there has had its own; each one
 * ahead then takes the usual time of its kind and the time that it keeps its environment, which only its own
 * requester's next run need not wait for. A lock without an end has none that could be told.
 */
export async function estimateStart(
  parts: EstimateParts,
  lease: LeaseView,
  queue: readonly QueueEntry[],
  runId: number,
): Promise<Turn | null> {
  let { at, hold } = await whenRunEnds(parts, lease);
  for (const entry of queue) {
    if (hold && !isOwn(entry, forWhom(hold))) {
      if (hold.until === null) return { unlockedBy: hold.holder };
      at = at === null ? null : Math.max(at, hold.until);
      hold = null;
    }
    if (entry.runId === runId) return at === null ? null : { at };
    const run = await parts.engine.run(entry.runId);
    at = await endOf(parts, run, lease.resource, at);
    const after = heldAfter(entry, hold && forWhom(hold));
    if (after === null) hold = null;
    else if (entry.leaves === "held") hold = keptBy(parts, entry.requestedBy, run, lease.resource, at);
  }
  return null;
}

/** In words, after a comma. */
export function whenText(turn: Turn | null, now: number): string {
  if (turn === null) return "no earlier run tells when";
  if ("at" in turn) return `probably in ${roughly(turn.at - now)}`;
  return `not before ${turn.unlockedBy?.name ?? "somebody"} unlocks it`;
}

/** A hold whose time is known as far as it can be: a null `until` is a lock without an end. */
type Hold = Pick<HoldView, "mode" | "holder" | "until">;

function forWhom({ holder, mode }: Hold): HeldFor {
  return { id: holder?.id ?? null, isLock: mode === "locked" };
}

/** When the run at work there ends (null: no earlier one tells), and what is held then. */
async function whenRunEnds(
  parts: EstimateParts,
  { mode, runId, resource, hold }: LeaseView,
): Promise<{ at: number | null; hold: Hold | null }> {
  const { engine, now } = parts;
  if (mode === "dirty") return { at: null, hold: null };
  if (mode !== "run" || runId === null) return { at: now, hold };
  const run = await engine.run(runId);
  const end = await endOf(parts, run, resource, run?.startedAt ?? now);
  const at = end === null ? null : Math.max(now, end);
  if (hold === null || hold.mode === "locked") return { at, hold };
  if (hold.remainingMs === null) return { at, hold: keptBy(parts, hold.holder, run, resource, at) };
  return { at, hold: { ...hold, until: (at ?? now) + hold.remainingMs } };
}

async function endOf(
  { engine }: EstimateParts,
  run: RunView | null,
  resource: string,
  begin: number | null,
): Promise<number | null> {
  const usual = run && (await usualOf(engine, run, resource));
  return usual === null || begin === null ? null : begin + usual;
}

/** What a launch keeps, for as long as it was told to, else for the slot's own time. */
function keptBy(
  { config, now }: EstimateParts,
  holder: Person | null,
  run: RunView | null,
  resource: string,
  from: number | null,
): Hold {
  const slot = config.slots[resource];
  const asked = typeof run?.input.keepMs === "number" ? run.input.keepMs : slot?.ttl;
  const ms = Math.min(asked ?? 0, slot?.maxTtl ?? Number.POSITIVE_INFINITY);
  return { mode: "kept", holder, until: (from ?? now) + ms };
}

async function usualOf(engine: EngineApi, run: RunView, resource: string): Promise<number | null> {
  return (await engine.usualDuration(run.kind, resource)) ?? (await engine.usualDuration(run.kind, null));
}

/** A length of time as a person says it: `3m`, `1h20m`, `less than a minute`. */
export function roughly(ms: number): string {
  if (ms < 60_000) return "less than a minute";
  return formatDuration(Math.round(ms / 60_000) * 60_000);
}

/** A length of time as a clock shows it, for steps: `4s`, `2m13s`. */
export function elapsed(ms: number): string {
  return ms < 1_000 ? `${Math.max(0, Math.round(ms))}ms` : formatDuration(Math.round(ms / 1_000) * 1_000);
}
