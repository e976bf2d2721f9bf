import { AwsFault, type AwsFaultKind, type CallFacts, callTimedOut, classify } from "./errors.ts";
import { pause, systemTimers, type Timers } from "./timers.ts";
import { TELL_AFTER_MS, type TroubleListener } from "./trouble.ts";

/**
 * What a client is for:
 * `launch` RunInstances alone, one attempt (capacity errors come as HTTP 500, which the SDK would retry) ·
 * `poll` looks that are repeated anyway, one attempt (the poller must see throttling to slow down) ·
 * `work` everything else a pipeline does · `cleanup` undoing, never delayed by what the others do.
 */
export const PURPOSES = ["launch", "poll", "work", "cleanup"] as const;
export type Purpose = (typeof PURPOSES)[number];

/** A proxy's page in place of an answer seldom comes twice; calls for `work` and `cleanup` bear repeating. */
const GARBAGE_ATTEMPTS = 3;
const GARBAGE_PAUSE_MS = 250;

/** One call of AWS as metrics see it, after its end. */
export interface AwsCall {
  /** As IAM writes it, e.g. `ec2:DescribeInstances`. */
  readonly action: string;
  readonly region: string;
  readonly purpose: Purpose;
  readonly outcome: "ok" | "cancelled" | AwsFaultKind;
  readonly ms: number;
}

export interface CallerOptions {
  readonly region: string;
  readonly purpose: Purpose;
  /** The longest that a call may take, the SDK's own retries included. */
  readonly deadlineMs: number;
  readonly onCall?: ((call: AwsCall) => void) | undefined;
  readonly timers?: Timers;
}

export interface CallOptions {
  /** Ends the waiting; the call's effect is then as unknown as after a time-out. */
  readonly signal?: AbortSignal | undefined;
  readonly onTrouble?: TroubleListener | undefined;
}

/** Makes calls of one region and purpose: bounded in time, classified, counted. */
export class Caller {
  readonly region: string;
  readonly purpose: Purpose;
  readonly #options: CallerOptions;
  readonly #timers: Timers;

  constructor(options: CallerOptions) {
    this.region = options.region;
    this.purpose = options.purpose;
    this.#options = options;
    this.#timers = options.timers ?? systemTimers;
  }

  facts(action: string): CallFacts {
    return { action, region: this.region };
  }

  /**
   * Sends one request. It ends when the deadline passes or the signal aborts whatever the SDK is doing then
   * (resolving credentials, for one, cannot be aborted).
   *
   * @throws AwsFault; or the signal's own reason when the caller aborted.
   */
  async call<T>(
    action: string,
    send: (signal: AbortSignal) => Promise<T>,
    { signal, onTrouble }: CallOptions = {},
  ): Promise<T> {
    signal?.throwIfAborted();
    const bound = this.#bound(action, signal);
    const answered = this.#tellWhenSilent(onTrouble);
    try {
      for (let attempt = 1; ; attempt++) {
        try {
          const answer = await this.#once(
            action,
            () => Promise.race([send(bound.signal), bound.ended]),
            signal,
          );
          answered();
          return answer;
        } catch (error) {
          if (!this.#isWorthAnother(error, attempt)) throw error;
          await Promise.race([pause(this.#timers, GARBAGE_PAUSE_MS * attempt, signal), bound.ended]);
        }
      }
    } finally {
      answered.stop();
      bound.release();
    }
  }

  /** The SDK tries again by itself, out of sight: what can be told is for how long there has been no answer. */
  #tellWhenSilent(onTrouble: TroubleListener | undefined) {
    const since = this.#timers.now();
    let told = false;
    const stop = onTrouble
      ? this.#timers.after(TELL_AFTER_MS, () => {
          told = true;
          onTrouble({ since, fault: undefined });
        })
      : () => {};
    const answered = () => {
      if (told) onTrouble?.(null);
    };
    return Object.assign(answered, { stop });
  }

  async #once<T>(action: string, send: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const began = this.#timers.now();
    const report = (outcome: AwsCall["outcome"]) => {
      const ms = this.#timers.now() - began;
      this.#options.onCall?.({ action, region: this.region, purpose: this.purpose, outcome, ms });
    };
    try {
      const answer = await send();
      report("ok");
      return answer;
    } catch (error) {
      if (signal?.aborted) {
        report("cancelled");
        throw signal.reason;
      }
      const fault = classify(error, this.facts(action));
      report(fault.kind);
      throw fault;
    }
  }

  /** The SDK repeats what AWS refused or left open, but takes an answer that it cannot read for the last word. */
  #isWorthAnother(error: unknown, attempt: number): boolean {
    if (this.purpose !== "work" && this.purpose !== "cleanup") return false;
    return error instanceof AwsFault && error.kind === "garbage" && attempt < GARBAGE_ATTEMPTS;
  }

  /** A signal for the SDK, and a promise that rejects at the deadline or when the caller aborts. */
  #bound(action: string, outer: AbortSignal | undefined) {
    const controller = new AbortController();
    const { promise: ended, reject } = Promise.withResolvers<never>();
    ended.catch(() => {});
    const end = (reason: unknown) => {
      reject(reason);
      controller.abort(reason);
    };
    const { deadlineMs } = this.#options;
    const stop = this.#timers.after(deadlineMs, () => end(callTimedOut(this.facts(action), deadlineMs)));
    const onAbort = () => end(outer?.reason);
    outer?.addEventListener("abort", onAbort, { once: true });
    const release = () => {
      stop();
      outer?.removeEventListener("abort", onAbort);
    };
    return { signal: controller.signal, ended, release };
  }
}
