import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import type { Database } from "../../db/connection.ts";
import { type Clock, systemClock } from "../util/clock.ts";
import { Redactor } from "../util/redact.ts";
import { Bell } from "./bell.ts";
import { CLEANUP_LIMIT_MS } from "./executor.ts";
import type { Guard } from "./guard.ts";
import { LogBuffer } from "./log-buffer.ts";
import { KeyedMutex } from "./mutex.ts";
import type { ObligationKinds } from "./obligation.ts";
import type { EngineParts } from "./parts.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Change, HandOff } from "./types.ts";

export interface EngineOptions {
  readonly db: Database;
  readonly pipelines: readonly Pipeline[];
  readonly kinds: ObligationKinds;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly newId?: () => string;
  readonly redact?: Redactor;
  /** Of today's configuration: who waited in the queue begins with it, not with that of the day of the request. */
  readonly configHash?: () => string | undefined;
  /** How long something that was told to stop may take to end before it is waited for no longer, in ms. */
  readonly patienceMs?: number;
  /** How long a run's own cleanup is tried before its resource turns dirty, in ms. */
  readonly cleanupLimitMs?: number;
  /** Whose turn is offered, and for how long; when left out, nobody's: every run begins by itself. */
  readonly handOff?: HandOff;
}

/** AWS calls and SSH sessions stop within seconds; what has not by then never will. */
const PATIENCE_MS = 60_000;

/** Makes what the parts of an engine share. */
export function assemble(
  options: EngineOptions,
  guard: Guard,
  changed: (change: Change) => void,
): EngineParts {
  const lines = new LogBuffer(guard, {
    onFlushed: (runIds) => {
      for (const runId of runIds) changed({ type: "log", runId });
    },
    onError: (error) => options.log.error({ err: error }, "log lines could not be written"),
  });
  return {
    guard,
    clock: options.clock ?? systemClock,
    newId: options.newId ?? randomUUID,
    log: options.log,
    redact: options.redact ?? new Redactor(),
    kinds: options.kinds,
    mutex: new KeyedMutex(),
    lines,
    expected: new Map(),
    configHash: options.configHash ?? (() => undefined),
    handOff: options.handOff ?? (() => null),
    changed,
    obligations: new Bell(),
    patienceMs: options.patienceMs ?? PATIENCE_MS,
    cleanupLimitMs: options.cleanupLimitMs ?? CLEANUP_LIMIT_MS,
  };
}
