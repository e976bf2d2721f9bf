import { codeOf, messageOf, SlipwayError } from "../util/errors.ts";
import type { JsonObject, JsonValue } from "../util/json.ts";
import type { Fault } from "./types.ts";

/** Another process or another holder has taken over: this worker writes nothing more and starts no effect. */
export class FencedError extends SlipwayError {
  constructor(what: string) {
    super("fenced", `${what} has been taken over; this worker stops.`);
  }
}

/** The run was cancelled by a person. */
export class CancelledError extends SlipwayError {
  constructor(by: string | null) {
    super("cancelled", by === null ? "Cancelled." : `Cancelled by ${by}.`);
  }
}

/** A branch was stopped because another branch beside it failed. */
export class SiblingFailedError extends SlipwayError {
  constructor(failed: string) {
    super("stopped_beside_failure", `Stopped, because “${failed}” failed.`, { fields: { failed } });
  }
}

/** The process is going down: the run stays as it is in the journal and is taken up again by the next one. */
export class ShutdownError extends SlipwayError {
  constructor() {
    super("shutdown", "The process is stopping; the run goes on when it starts again.");
  }
}

export class StepTimeoutError extends SlipwayError {
  constructor(name: string, limitMs: number) {
    super("step_timed_out", `“${name}” took longer than its limit of ${Math.round(limitMs / 1000)} s.`, {
      fields: { limitMs },
      remedy: "Look at its log; raise its `timeout` in the configuration when the work is merely slow.",
    });
  }
}

/** Stopped, but it does not end: it is waited for no longer, so that cleanup can begin. */
export class StepAbandonedError extends SlipwayError {
  constructor(name: string, signal: AbortSignal) {
    super("step_abandoned", `“${name}” did not end after it was stopped (${messageOf(signal.reason)}).`, {
      cause: signal.reason,
    });
  }
}

/** An attempt at an obligation was stopped, but does not end: it is waited for no longer. */
export class DischargeAbandonedError extends SlipwayError {
  constructor(title: string) {
    super("cleanup_abandoned", `“${title}” did not end after it was stopped; it is tried anew.`);
  }
}

/** What a step or a pipeline returned cannot be journaled: a fault of the pipeline. */
export class UnwritableResultError extends SlipwayError {
  constructor(name: string, cause: unknown) {
    super("result_not_json", `What “${name}” returned is not JSON: ${messageOf(cause)}.`, { cause });
  }
}

/** A value as the journal will give it back. */
export function asJson(name: string, value: unknown): JsonValue {
  try {
    return JSON.parse(JSON.stringify(value ?? null) ?? "null") as JsonValue;
  } catch (error) {
    throw new UnwritableResultError(name, error);
  }
}

/** A pipeline used one name twice in one scope: a fault of the pipeline, found at once. */
export class DuplicateStepError extends SlipwayError {
  constructor(path: string) {
    super("duplicate_step", `Two steps of one run are both called “${path}”.`, { fields: { path } });
  }
}

/** The journal of a run does not fit the pipeline that replays it. */
export class ReplayMismatchError extends SlipwayError {
  constructor(scope: string, journaled: string, met: string) {
    super(
      "pipeline_changed",
      `The run's journal has “${journaled}” where this version of the pipeline has “${met}”.`,
      {
        fields: { scope, journaled, met },
        remedy: "The run was stopped and everything it had created is being cleaned up. Start it again.",
      },
    );
  }
}

/**
 * The journal cannot be written now: a full disk, an I/O error. Nothing is decided about the run: what it has
 * begun is found again from the journal once writing is possible.
 */
export class JournalUnavailableError extends SlipwayError {
  constructor(cause: unknown) {
    super("journal_unavailable", `The database cannot be written: ${messageOf(cause)}.`, {
      cause,
      remedy: "Free space on the disk that holds the database; runs go on by themselves.",
    });
  }
}

/** How a step failed before a restart, told again from the journal. */
export class JournaledError extends SlipwayError {
  constructor(fault: Fault) {
    super(fault.code, fault.message, {
      ...(fault.remedy !== undefined && { remedy: fault.remedy }),
      ...(fault.fields !== undefined && { fields: fault.fields }),
    });
  }
}

/** A message of megabytes (a tool's whole output) belongs into the log, not into every view of the run. */
const LONGEST_MESSAGE = 8_000;

function shortened(message: string): string {
  return message.length > LONGEST_MESSAGE ? `${message.slice(0, LONGEST_MESSAGE)} …` : message;
}

const alongside = new WeakMap<Error, readonly unknown[]>();

/** Attaches the errors of the other branches to the one that is thrown. */
export function attachAlongside(first: unknown, rest: readonly unknown[]): void {
  if (first instanceof Error && rest.length > 0) alongside.set(first, rest);
}

export function alongsideOf(error: unknown): readonly unknown[] {
  return error instanceof Error ? (alongside.get(error) ?? []) : [];
}

/** An error as it is journaled and shown. Whoever journals it redacts it. */
export function faultOf(error: unknown): Fault {
  const fault = { code: codeOf(error), message: shortened(messageOf(error)) || "Unknown fault." };
  if (!(error instanceof SlipwayError)) return fault;
  return {
    ...fault,
    ...(error.remedy !== undefined && { remedy: error.remedy }),
    ...(Object.keys(error.fields).length > 0 && { fields: fieldsOf(error) }),
  };
}

/** Whatever an error carries, journaling it must not fail: that would hide the error itself. */
function fieldsOf(error: SlipwayError): JsonObject {
  try {
    return JSON.parse(JSON.stringify(error.fields)) as JsonObject;
  } catch (cause) {
    return { unreadable: messageOf(cause) };
  }
}

/** Whether an error says that this process must leave the run alone instead of recording a failure. */
export function leavesRunAlone(error: unknown): boolean {
  return error instanceof ShutdownError || error instanceof FencedError || isJournalUnavailable(error);
}

/** Of a write (the guard says so), or of a plain read, in SQLite's own words, whatever has been wrapped around them. */
export function isJournalUnavailable(error: unknown): boolean {
  for (let one = error; one instanceof Error; one = one.cause)
    if (one instanceof JournalUnavailableError || isUnavailable(one)) return true;
  return false;
}

/** SQLite's words for a disk that is full, read-only or broken, or held by somebody else: not the run's fault. */
export function isUnavailable(error: unknown): boolean {
  return /^SQLITE_(FULL|IOERR|READONLY|BUSY|LOCKED|NOMEM|CANTOPEN|CORRUPT|NOTADB)/.test(codeOf(error));
}
