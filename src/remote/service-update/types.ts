import { type FaultOptions, messageOf } from "../../util/errors.ts";
import { RemoteError, type RemoteFault } from "../errors.ts";
import type { Host } from "../host.ts";
import type { JobId } from "../job/id.ts";
import type { JobTransport } from "../transport.ts";

interface CommonStep {
  readonly name: string;
  /** How often a failed step is tried again. */
  readonly retries: number;
  readonly directory?: string | undefined;
  /** Variables for this step alone, over those of the context. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Run when the step has failed for good, on the same machine; then it is tried one last time. */
  readonly onFailure?: { readonly run: string } | undefined;
}

/** Shell text on the host, as a detached job. `timeout` in milliseconds. */
export interface RunStep extends CommonStep {
  readonly kind: "run";
  readonly run: string;
  readonly timeout: number;
}

/** An address that is asked, from the host, until it answers 2xx or 3xx. */
export interface WaitForStep extends CommonStep {
  readonly kind: "waitFor";
  readonly waitFor: string;
  /** Milliseconds between two questions, once the first quick ones are over. */
  readonly every: number;
  /** `every` × `attempts` is how long is waited. */
  readonly attempts: number;
}

/** A program on the bot's machine, without a shell. */
export interface LocalStep extends CommonStep {
  readonly kind: "local";
  readonly local: readonly string[];
  readonly timeout: number;
}

/** A playbook, run on the bot's machine against the host. */
export interface AnsibleStep extends CommonStep {
  readonly kind: "ansible";
  readonly ansible: {
    readonly playbook: string;
    readonly extraVars: Readonly<Record<string, string | number | boolean>>;
    readonly inventory?: string | undefined;
  };
  readonly timeout: number;
}

/** One configured step; what the configuration's own step type is assignable to. */
export type ServiceStep = RunStep | WaitForStep | LocalStep | AnsibleStep;

/** Where a job runs: for the caller's obligations. */
export type JobPlace = "host" | "local";

export interface StepContext {
  readonly host: Host;
  /** The bot's own machine, as `localExec` gives it. */
  readonly local: JobTransport;
  /** The folder that `directory` and a playbook's path are relative to for local programs: the configuration's. */
  readonly folder: string;
  /** SLIPWAY_SLOT and the like, and the configured variables. */
  readonly env: Readonly<Record<string, string>>;
  /** What `{slot}`, `{host}`, `{sha}` … stand for in arguments, playbook variables and addresses. */
  readonly fields: Readonly<Record<string, string>>;
  /** The run's uuid and the step's path: with the attempt they make a job's id. */
  readonly runUuid: string;
  readonly path: string;
  readonly signal: AbortSignal;
  /** A line of output; `job` and `nextOffset` allow to go on there after a restart (see `loggedUpTo`). */
  readonly log: (line: string, at?: { readonly job: JobId; readonly nextOffset: number }) => void;
  /** So many bytes of a job's output were passed over: it says more than anybody reads. */
  readonly leaveOut?: (bytes: number) => void;
  /** Up to which byte a job's output was logged before; lines before it are not logged again. */
  readonly loggedUpTo?: (job: JobId) => number;
  /** Awaited before a job is started (or joined), so that it can be owed first. */
  readonly onJob?: (job: { readonly id: JobId; readonly place: JobPlace }) => Promise<void>;
  /** Told before each further try of the step, counted from 1; the one after `onFailure` counts. */
  readonly onTry?: (number: number) => void;
  /** When the step began first, in milliseconds since 1970, so that a restart does not begin its time anew. */
  readonly startedAt?: number;
  readonly now?: () => number;
}

/** What one try of a step came to. */
export type Outcome =
  | { readonly ok: true; readonly tail: readonly string[] }
  | {
      readonly ok: false;
      readonly code: RemoteFault;
      readonly why: string;
      readonly tail: readonly string[];
      readonly exitCode?: number;
      readonly remedy?: string;
    };

export interface StepResult {
  /** How many tries (of a wait: questions) it took. */
  readonly attempts: number;
  /** How many times it was begun, a wait as well as a program. */
  readonly tries: number;
  readonly durationMs: number;
  readonly tail: readonly string[];
}

const LONGEST_WORDS = 200;

/** What the program said last: more often than not the reason. */
function lastWords(tail: readonly string[]): string {
  const last = tail.findLast((line) => line.trim() !== "")?.trim();
  return last === undefined ? "" : ` (last line: ${last.slice(0, LONGEST_WORDS)})`;
}

/** A step that failed on every try; `code` says how the last one did. */
export class StepFailed extends RemoteError {
  readonly step: string;
  readonly attempts: number;
  readonly durationMs: number;
  /** The last lines of the last try's output, 20 at most. */
  readonly tail: readonly string[];

  constructor(step: string, outcome: Outcome & { ok: false }, result: Omit<StepResult, "tail">) {
    const options: FaultOptions = {
      remedy: outcome.remedy ?? "See its last lines, mend it, and run it again.",
      fields: {
        step,
        attempts: result.attempts,
        tries: result.tries,
        durationMs: result.durationMs,
        exitCode: outcome.exitCode ?? null,
        tail: outcome.tail,
      },
    };
    super(outcome.code, `Step "${step}" failed: ${outcome.why}${lastWords(outcome.tail)}`, options);
    this.step = step;
    this.attempts = result.attempts;
    this.durationMs = result.durationMs;
    this.tail = outcome.tail;
  }
}

/** An outcome for what was thrown about one try, where a further try makes sense. */
export function failedBecause(error: RemoteError, tail: readonly string[] = []): Outcome & { ok: false } {
  const remedy = error.remedy === undefined ? {} : { remedy: error.remedy };
  return { ok: false, code: error.code, why: messageOf(error), tail, ...remedy };
}
