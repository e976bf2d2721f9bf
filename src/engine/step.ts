import { createHash } from "node:crypto";
import { changeRun } from "../../db/runs.ts";
import { type StoredStep, saveStep, setStepDetail } from "../../db/steps.ts";
import { after, sleep } from "../util/clock.ts";
import type { JsonValue } from "../util/json.ts";
import {
  asJson,
  faultOf,
  JournaledError,
  leavesRunAlone,
  StepAbandonedError,
  StepTimeoutError,
  UnwritableResultError,
} from "./errors.ts";
import type { Fence } from "./guard.ts";
import type { Journal } from "./journal.ts";
import { type EngineParts, leaveOut, logTo } from "./parts.ts";
import { orAbandon } from "./patience.ts";

/** What a step's function gets. */
export interface Step {
  readonly path: string;
  /** Counts the tries that the step's own retries allow; a restart does not count it up. */
  readonly attempt: number;
  /** Stable over restarts: the same for the same run, path and attempt. For tokens and remote job ids. */
  readonly id: string;
  /** When the step first began, ms since 1970, the same after a restart. */
  readonly startedAt: number;
  /** Aborts on cancel, on a failed branch beside this one, at the time limit, and when the process stops. */
  readonly signal: AbortSignal;
  /** Ends the attempt; ms since 1970, the same after a restart. Null without a time limit. */
  readonly deadline: number | null;
  now(): number;
  log(line: string): void;
  /** So many bytes of what it would have logged were passed over unread: too much to read. */
  leaveOut(bytes: number): void;
  /** What it is doing now, in a few words; the last word counts. */
  detail(text: string): void;
}

export interface StepOptions {
  /** For each attempt, in ms. */
  readonly timeoutMs?: number;
  /** How many times more after a failed attempt. */
  readonly retries?: number;
  /** Pause before the n-th retry, in ms. */
  readonly retryPauseMs?: (retry: number) => number;
  /** Which errors are worth another attempt; all, unless said. */
  readonly retryOn?: (error: unknown) => boolean;
}

export interface StepPlace {
  readonly runId: number;
  readonly runUuid: string;
  readonly fence: Fence;
  readonly scope: string;
  readonly ordinal: number;
  readonly name: string;
  readonly signal: AbortSignal;
}

const DETAIL_EVERY_MS = 1_000;

/**
 * Runs one journaled step: intent, effect, outcome. A step that the journal has finished is not run again; one
 * that was under way is, with the same id, so that its effect can be found and joined.
 */
export async function runStep<T extends JsonValue | undefined | void>(
  parts: EngineParts,
  journal: Journal,
  place: StepPlace,
  work: (step: Step) => Promise<T>,
  options: StepOptions,
): Promise<T> {
  const path = pathOf(place.scope, place.name);
  const known = journal.meet(place.scope, place.ordinal, path, place.name);
  if (known?.state === "succeeded") return (known.result ?? undefined) as T;
  if (known?.state === "failed")
    throw new JournaledError(known.error ?? { code: "unknown", message: "Failed." });
  place.signal.throwIfAborted();
  let row = known ?? beginning(parts, place, path);
  if (known) await parts.guard.check(place.fence);
  else await write(parts, place, row);
  for (;;) {
    try {
      const result = await attemptStep(parts, place, row, work, options);
      await succeed(parts, place, row, result);
      return result;
    } catch (error) {
      if (leavesRunAlone(error) || leavesRunAlone(place.signal.reason))
        throw leavesRunAlone(error) ? error : place.signal.reason;
      if (place.signal.aborted || !mayRetry(row, options, error)) return await fail(parts, place, row, error);
      logTo(parts, place.runId, path, `Attempt ${row.attempt} failed: ${faultOf(error).message}`);
      await sleep(options.retryPauseMs?.(row.attempt) ?? 0, place.signal);
      if (place.signal.aborted) return await stopped(parts, place, row);
      row = { ...row, attempt: row.attempt + 1, attemptAt: parts.clock.now() };
      await write(parts, place, row);
    }
  }
}

function beginning(parts: EngineParts, place: StepPlace, path: string): StoredStep {
  const now = parts.clock.now();
  return {
    path,
    scope: place.scope,
    ordinal: place.ordinal,
    name: place.name,
    kind: "step",
    state: "running",
    attempt: 1,
    startedAt: now,
    attemptAt: now,
    endedAt: null,
    detail: null,
    result: null,
    error: null,
  };
}

async function attemptStep<T>(
  parts: EngineParts,
  place: StepPlace,
  row: StoredStep,
  work: (step: Step) => Promise<T>,
  options: StepOptions,
): Promise<T> {
  const deadline =
    options.timeoutMs === undefined ? null : (row.attemptAt ?? parts.clock.now()) + options.timeoutMs;
  const limit = new AbortController();
  const overdue = () => limit.abort(new StepTimeoutError(row.name, options.timeoutMs ?? 0));
  // A clock that was set back must not lengthen it.
  const left = deadline === null ? null : Math.min(deadline - parts.clock.now(), options.timeoutMs ?? 0);
  const stopTimer = left === null ? undefined : after(left, overdue);
  const signal = AbortSignal.any([place.signal, limit.signal]);
  const details = new DetailWriter(parts, place, row.path);
  const begin = async () =>
    await work({
      path: row.path,
      attempt: row.attempt,
      startedAt: row.startedAt ?? parts.clock.now(),
      id: createHash("sha256")
        .update(`${place.runUuid}\n${row.path}\n${row.attempt}`)
        .digest("hex")
        .slice(0, 32),
      signal,
      deadline,
      now: () => parts.clock.now(),
      log: (line) => logTo(parts, place.runId, row.path, line),
      leaveOut: (bytes) => leaveOut(parts, place.runId, row.path, bytes),
      detail: (text) => details.set(text),
    });
  try {
    return await orAbandon(begin, signal, parts.patienceMs, () => new StepAbandonedError(row.name, signal));
  } catch (error) {
    if (error instanceof StepAbandonedError) {
      logTo(parts, place.runId, row.path, error.message);
      parts.log.warn({ runId: place.runId, step: row.path }, "a stopped step does not end");
      if (!place.signal.aborted) throw error;
    }
    // Whatever form the abort took on its way through a library, the reason that we gave is the true one.
    throw limit.signal.aborted && !place.signal.aborted
      ? limit.signal.reason
      : place.signal.aborted
        ? place.signal.reason
        : error;
  } finally {
    stopTimer?.();
    details.stop();
  }
}

function mayRetry(row: StoredStep, options: StepOptions, error: unknown): boolean {
  if (error instanceof UnwritableResultError || error instanceof StepAbandonedError) return false;
  return row.attempt <= (options.retries ?? 0) && (options.retryOn?.(error) ?? true);
}

/**
 * Finished work counts even when a cancel came meanwhile: it must not be done a second time.
 *
 * @throws UnwritableResultError (never retried: the work has been done) when the result is not JSON.
 */
async function succeed(
  parts: EngineParts,
  place: StepPlace,
  row: StoredStep,
  result: unknown,
): Promise<void> {
  const written = asJson(row.name, result);
  await write(parts, place, { ...row, state: "succeeded", endedAt: parts.clock.now(), result: written });
}

/** Aborted in the pause before another attempt: it is not begun. */
async function stopped(parts: EngineParts, place: StepPlace, row: StoredStep): Promise<never> {
  if (leavesRunAlone(place.signal.reason)) throw place.signal.reason;
  return await fail(parts, place, row, place.signal.reason);
}

async function fail(parts: EngineParts, place: StepPlace, row: StoredStep, error: unknown): Promise<never> {
  const fault = parts.redact.deep(faultOf(error));
  await write(parts, place, { ...row, state: "failed", endedAt: parts.clock.now(), error: fault });
  throw error;
}

async function write(parts: EngineParts, place: StepPlace, row: StoredStep): Promise<void> {
  const clean = { ...row, result: parts.redact.deep(row.result) };
  await parts.guard.write(place.fence, async (trx) => {
    await saveStep(trx, place.runId, clean);
    await changeRun(trx, place.runId, {});
  });
  parts.changed({ type: "run", runId: place.runId });
}

export function pathOf(scope: string, name: string): string {
  return scope === "" ? name : `${scope}/${name}`;
}

/** Details change often and matter little: at most one write a second, the newest one. */
export class DetailWriter {
  readonly #parts: EngineParts;
  readonly #place: Pick<StepPlace, "runId" | "fence">;
  readonly #path: string;
  #next: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: EngineParts, place: Pick<StepPlace, "runId" | "fence">, path: string) {
    this.#parts = parts;
    this.#place = place;
    this.#path = path;
  }

  set(text: string): void {
    this.#next = this.#parts.redact.text(text);
    this.#timer ??= setTimeout(() => void this.#write(), DETAIL_EVERY_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#next = undefined;
  }

  async #write(): Promise<void> {
    this.#timer = undefined;
    const detail = this.#next;
    if (detail === undefined) return;
    const { runId, fence } = this.#place;
    try {
      await this.#parts.guard.write(fence, async (trx) => {
        await setStepDetail(trx, runId, this.#path, detail);
        await changeRun(trx, runId, {});
      });
      this.#parts.changed({ type: "run", runId });
    } catch (error) {
      this.#parts.log.warn({ err: error, runId }, "a step's detail could not be written");
    }
  }
}
