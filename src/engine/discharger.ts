import type { Queryable } from "../../db/connection.ts";
import { findLease } from "../../db/leases.ts";
import {
  changeObligation,
  countSharers,
  findObligation,
  type StoredObligation,
} from "../../db/obligations.ts";
import { changeRun, findRun } from "../../db/runs.ts";
import { saveStep, setStepDetail, stepStartedAt } from "../../db/steps.ts";
import { sleep } from "../util/clock.ts";
import { messageOf, SlipwayError } from "../util/errors.ts";
import { DischargeAbandonedError, leavesRunAlone } from "./errors.ts";
import type { Fence } from "./guard.ts";
import { isDue, openObligations } from "./leasing.ts";
import type { After, DischargeContext, ObligationKind } from "./obligation.ts";
import { type EngineParts, logTo } from "./parts.ts";
import { orAbandon } from "./patience.ts";
import { DetailWriter } from "./step.ts";

/** One attempt at one obligation may take this long, in ms; AWS needs minutes to terminate an instance. */
const ATTEMPT_LIMIT_MS = 10 * 60_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

export interface DischargeOptions {
  readonly tenancy: string;
  readonly fence: Fence;
  /** Ends the trying: the process stops, or the time for it is over. */
  readonly signal: AbortSignal;
  /** What this run owes is left alone: only what stood there before it is met. */
  readonly exceptRun?: number | undefined;
}

/**
 * Meets the due obligations of a tenancy: each as soon as those that it needs out of the way are, all others
 * beside it, each on its own retry, so that a stuck one does not hold up the rest. Returns when none is left or
 * the signal ends it; what is left then stays owed.
 */
export async function dischargeDue(parts: EngineParts, options: DischargeOptions): Promise<void> {
  const working = new Map<string, Promise<void>>();
  const fatal = new AbortController();
  const signal = AbortSignal.any([options.signal, fatal.signal]);
  const begin = (id: string) =>
    persist(parts, id, { ...options, signal })
      .catch((error) => fatal.abort(error))
      .finally(() => working.delete(id));
  try {
    for (;;) {
      // A released one lets others begin while it goes on, so the list is read again after every change.
      const change = parts.obligations.listen(options.tenancy);
      try {
        if (!signal.aborted) {
          for (const id of await readyNow(parts, options)) if (!working.has(id)) working.set(id, begin(id));
        }
        if (working.size === 0) break;
        await Promise.race([...working.values(), change.rung]);
      } finally {
        change.stop();
      }
    }
  } catch (error) {
    fatal.abort(error);
    await Promise.allSettled(working.values());
  }
  if (fatal.signal.aborted) throw fatal.signal.reason;
}

/** The due obligations of a tenancy that nothing stands before. */
async function readyNow(
  parts: EngineParts,
  { tenancy, exceptRun }: Pick<DischargeOptions, "tenancy" | "exceptRun">,
): Promise<string[]> {
  const open = await openObligations(parts.guard.db, tenancy);
  const due = open.filter((obligation) => isDue(obligation) && obligation.runId !== exceptRun);
  return due
    .filter((obligation) => isReady(obligation, due, parts.kinds.get(obligation.kind)?.after))
    .map(({ id }) => id);
}

/** Pure: whether everything due that must be out of the way first is, by what it needs and by its kind's order. */
export function isReady(
  obligation: Pick<StoredObligation, "id" | "needs">,
  due: readonly Pick<StoredObligation, "id" | "kind" | "releasedAt" | "attempts">[],
  after: readonly After[] = [],
): boolean {
  const needed = obligation.needs.every((need) =>
    isOut(
      due.find((other) => other.id === need.id),
      need.until,
    ),
  );
  const inOrder = after.every(({ kind, until, failures = Number.POSITIVE_INFINITY }) =>
    due.every((other) => other.kind !== kind || isOut(other, until) || other.attempts >= failures),
  );
  return needed && inOrder;
}

function isOut(
  other: Pick<StoredObligation, "releasedAt"> | undefined,
  until: "gone" | "released" = "gone",
): boolean {
  return other === undefined || (until === "released" && other.releasedAt !== null);
}

/** Tries one obligation until it is met or the signal ends it. */
async function persist(parts: EngineParts, id: string, options: DischargeOptions): Promise<void> {
  for (;;) {
    const before = await findObligation(parts.guard.db, id);
    const wait = (before?.nextAttemptAt ?? 0) - parts.clock.now();
    // Bounded, because the clock may have been set back.
    if (wait > 0) await sleep(Math.min(wait, LONGEST_PAUSE_MS), options.signal);
    if (options.signal.aborted) return;
    // Read again: it may have been struck out, or its facts learnt, in the pause.
    const obligation = await findObligation(parts.guard.db, id);
    if (!obligation || obligation.state === "gone") return;
    if (await attempt(parts, obligation, options)) return;
  }
}

async function attempt(
  parts: EngineParts,
  obligation: StoredObligation,
  options: DischargeOptions,
): Promise<boolean> {
  const { guard, clock } = parts;
  const number = obligation.attempts + 1;
  const now = clock.now();
  const shownIn = await guard.write(options.fence, (trx) =>
    showCleanup(trx, obligation, { state: "running", attempt: number, now }),
  );
  const place = { runId: shownIn ?? obligation.runId, fence: options.fence };
  const details = new DetailWriter(parts, place, cleanupPath(obligation));
  parts.changed({ type: "run", runId: obligation.runId });
  try {
    const kind = handlerOf(parts, obligation);
    await inShareOrder(parts, obligation, async () => {
      // Its turn at a shared thing may have come late: when the time is over, or somebody else is at it.
      options.signal.throwIfAborted();
      await guard.check(options.fence);
      const limit = AbortSignal.any([options.signal, AbortSignal.timeout(ATTEMPT_LIMIT_MS)]);
      const work = () => kind.discharge(contextFor(parts, obligation, options.fence, limit, details));
      await orAbandon(work, limit, parts.patienceMs, () => new DischargeAbandonedError(obligation.title));
      await guard.write(options.fence, async (trx) => {
        await changeObligation(trx, obligation.id, { state: "gone", goneAt: clock.now(), lastError: null });
        await showCleanup(trx, obligation, { state: "succeeded", attempt: number, now: clock.now() });
      });
    });
    parts.obligations.ring(obligation.tenancy);
    parts.changed({ type: "run", runId: obligation.runId });
    return true;
  } catch (error) {
    details.stop();
    if (options.signal.aborted) return false;
    if (leavesRunAlone(error)) throw error;
    await noteFailure(parts, obligation, options.fence, error);
    return false;
  } finally {
    details.stop();
    parts.expected.delete(obligation.id);
  }
}

function handlerOf(parts: EngineParts, obligation: StoredObligation): ObligationKind {
  const kind = parts.kinds.get(obligation.kind);
  const knows = kind && (kind.version === obligation.version || kind.accepts?.includes(obligation.version));
  if (knows) return kind;
  throw new SlipwayError(
    "obligation_unknown",
    `This version of Slipway does not know how to undo “${obligation.kind}” (version ${obligation.version}).`,
    { remedy: "Start the version that made it, or undo it by hand and declare the slot clean." },
  );
}

/** Those who share a thing are met one after the other: only so is "the last one out" well defined. */
async function inShareOrder(
  parts: EngineParts,
  obligation: StoredObligation,
  work: () => Promise<void>,
): Promise<void> {
  if (obligation.shareKey === null) return await work();
  await parts.mutex.run(obligation.shareKey, work);
}

function contextFor(
  parts: EngineParts,
  obligation: StoredObligation,
  fence: Fence,
  signal: AbortSignal,
  details: DetailWriter,
): DischargeContext {
  const { guard, clock } = parts;
  let facts = obligation.facts;
  return {
    id: obligation.id,
    tenancy: obligation.tenancy,
    runId: obligation.runId,
    resource: obligation.resource,
    get facts() {
      return facts;
    },
    state: obligation.state,
    createdAt: obligation.createdAt,
    attempt: obligation.attempts + 1,
    signal,
    now: () => clock.now(),
    log: (line) => logTo(parts, obligation.runId, cleanupPath(obligation), line),
    detail: (text) => details.set(text),
    learn: async (learnt, state) => {
      facts = { ...facts, ...learnt };
      await guard.write(fence, (trx) =>
        changeObligation(trx, obligation.id, { facts, ...(state && { state }) }),
      );
    },
    expect: async (by, why) => {
      parts.expected.set(obligation.id, by);
      await guard.write(fence, async (trx) => {
        const runId = await shownOn(trx, obligation);
        if (runId !== null) await setStepDetail(trx, runId, cleanupPath(obligation), parts.redact.text(why));
      });
      parts.changed({ type: "run", runId: obligation.runId });
    },
    release: async () => {
      await guard.write(fence, (trx) => changeObligation(trx, obligation.id, { releasedAt: clock.now() }));
      parts.obligations.ring(obligation.tenancy);
    },
    isShared: async () =>
      obligation.shareKey !== null && (await countSharers(guard.db, obligation.shareKey, obligation.id)) > 0,
    siblings: async (kind) => {
      const open = await openObligations(guard.db, obligation.tenancy);
      return open
        .filter((other) => other.kind === kind)
        .map(({ id, facts, due }) => ({ id, facts, isDue: isDue({ due }) }));
    },
  };
}

async function noteFailure(
  parts: EngineParts,
  obligation: StoredObligation,
  fence: Fence,
  error: unknown,
): Promise<void> {
  const attempts = obligation.attempts + 1;
  const pause = Math.min(FIRST_PAUSE_MS * 2 ** (attempts - 1), LONGEST_PAUSE_MS);
  const lastError = parts.redact.text(messageOf(error));
  parts.log.warn({ obligation: obligation.id, attempts, error: lastError }, "obligation not met yet");
  logTo(parts, obligation.runId, cleanupPath(obligation), `${obligation.title}: not yet (${lastError})`);
  await parts.guard.write(fence, async (trx) => {
    const now = parts.clock.now();
    await changeObligation(trx, obligation.id, { attempts, lastError, nextAttemptAt: now + pause });
    await showCleanup(trx, { ...obligation, lastError }, { state: "running", attempt: attempts, now });
  });
  parts.obligations.ring(obligation.tenancy);
  parts.changed({ type: "run", runId: obligation.runId });
}

/** Cleanup is shown among the steps of the run that is at work there, else of the one that owed it until it ends. */
async function shownOn(trx: Queryable, obligation: StoredObligation): Promise<number | null> {
  const { runId } = await findLease(trx, obligation.resource);
  const run = await findRun(trx, runId ?? obligation.runId);
  return run?.state === "running" ? run.id : null;
}

/** Since when it has been tried, for which time, and why it is not done yet. @returns where that is shown */
async function showCleanup(
  trx: Queryable,
  obligation: StoredObligation,
  shown: { readonly state: "running" | "succeeded"; readonly attempt: number; readonly now: number },
): Promise<number | null> {
  const runId = await shownOn(trx, obligation);
  if (runId === null) return null;
  const path = cleanupPath(obligation);
  const { state, attempt, now } = shown;
  const { lastError } = obligation;
  await changeRun(trx, runId, {});
  await saveStep(trx, runId, {
    path,
    scope: "cleanup",
    ordinal: 0,
    name: obligation.title,
    kind: "cleanup",
    state,
    attempt,
    startedAt: (await stepStartedAt(trx, runId, path)) ?? now,
    attemptAt: now,
    endedAt: state === "running" ? null : now,
    detail: state === "running" && lastError !== null ? `not yet: ${lastError}` : null,
    result: null,
    error: null,
  });
  return runId;
}

export function cleanupPath(obligation: Pick<StoredObligation, "id" | "tenancy">): string {
  return `cleanup/${obligation.id.slice(obligation.tenancy.length + 1)}`;
}
