import type { Logger } from "pino";
import type { Clock } from "../util/clock.ts";
import type { Redactor } from "../util/redact.ts";
import type { Bell } from "./bell.ts";
import type { Guard } from "./guard.ts";
import type { LogBuffer } from "./log-buffer.ts";
import type { KeyedMutex } from "./mutex.ts";
import type { ObligationKinds } from "./obligation.ts";
import type { Change, HandOff } from "./types.ts";

/** What the parts of the engine share: made once, handed around, holding no state of a single run. */
export interface EngineParts {
  readonly guard: Guard;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly log: Logger;
  readonly redact: Redactor;
  readonly kinds: ObligationKinds;
  readonly mutex: KeyedMutex;
  readonly lines: LogBuffer;
  /** How long something that was told to stop may take to end before it is waited for no longer, in ms. */
  readonly patienceMs: number;
  /** How long a run's own cleanup is tried before its resource turns dirty, in ms. */
  readonly cleanupLimitMs: number;
  /** Obligations of which an attempt under way knows when it will have been met; ms since 1970. */
  readonly expected: Map<string, number>;
  /** Of the configuration with which a run begins that begins now; undefined: the one that it was asked for with. */
  readonly configHash: () => string | undefined;
  /** Asked when somebody's turn has come. */
  readonly handOff: HandOff;
  changed(change: Change): void;
  /** Wakes whoever waits for an obligation of a tenancy to be met or released. */
  readonly obligations: Bell;
}

/** One line into a run's log, under the step (or cleanup) that it belongs to. */
export function logTo(parts: EngineParts, runId: number, path: string, line: string): void {
  parts.lines.add({ runId, path, at: parts.clock.now(), line: parts.redact.text(line) });
}

/** So much of what belongs into a run's log was passed over unread. */
export function leaveOut(parts: EngineParts, runId: number, path: string, bytes: number): void {
  parts.lines.leaveOut({ runId, path, at: parts.clock.now(), bytes });
}
