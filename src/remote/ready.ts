import { sleep } from "../util/clock.ts";
import { formatDuration } from "../util/format.ts";
import { isConnectionFault, RemoteError } from "./errors.ts";
import { openSession, type SessionOptions, type SshSession } from "./session.ts";
import type { SshTarget } from "./target.ts";

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 1_000;
const PAUSE_GROWTH = 1.3;
/** cloud-init puts keys in place before or soon after sshd opens: a refusal that lasts longer stays one. */
const REFUSAL_LASTS_MS = 60_000;

export interface ReadyOptions extends SessionOptions {
  /** When to give up, in milliseconds since 1970. */
  readonly deadline: number;
  /** How long a host may show a wrong key, or refuse ours, before that is believed; default one minute. */
  readonly refusalLastsMs?: number;
  readonly now?: () => number;
  /** Called after each failed attempt. */
  readonly onAttempt?: (attempt: { readonly number: number; readonly fault: RemoteError }) => void;
}

const REFUSALS: ReadonlySet<string> = new Set(["ssh_host_key_mismatch", "ssh_auth_refused"]);

/** Faults that a machine shows while it is starting: no sshd, not yet our host key, not yet our user's key. */
function mayPass(error: unknown): error is RemoteError {
  if (!(error instanceof RemoteError)) return false;
  return isConnectionFault(error) || REFUSALS.has(error.code);
}

/**
 * One try: TCP, the pinned key, authentication.
 * @returns the session, or the fault that says why the host is not ready
 * @throws RemoteError for what waiting cannot mend (`ssh_private_key_invalid`, `ssh_host_key_invalid`)
 */
export async function probeReady(
  target: SshTarget,
  options: SessionOptions,
): Promise<{ ready: true; session: SshSession } | { ready: false; fault: RemoteError }> {
  try {
    return { ready: true, session: await openSession(target, options) };
  } catch (error) {
    if (mayPass(error)) return { ready: false, fault: error };
    throw error;
  }
}

/**
 * Tries until the host lets us in, every 250 ms at first and soon every second. A wrong host key only means
 * "not ready" (an image's own sshd may answer before cloud-init has put the key in place), and nothing is ever
 * sent over such a connection. The same refusal for a whole minute is no longer a start: it is thrown as what
 * it is, and so is whatever fault there is at the deadline.
 * @throws RemoteError the last fault; what waiting cannot mend, at once
 */
export async function waitUntilReady(
  target: SshTarget | ((signal: AbortSignal) => Promise<SshTarget>),
  options: ReadyOptions,
): Promise<SshSession> {
  const now = options.now ?? Date.now;
  const began = now();
  const refusal = new Refusal(options.refusalLastsMs ?? REFUSAL_LASTS_MS);
  let pause = FIRST_PAUSE_MS;
  for (let number = 1; ; number++) {
    options.signal.throwIfAborted();
    const left = Math.max(options.deadline - now(), 1);
    const resolved = typeof target === "function" ? await target(options.signal) : target;
    const outcome = await probeReady(resolved, {
      ...options,
      connectTimeoutMs: Math.min(options.connectTimeoutMs ?? 2_000, left),
      handshakeTimeoutMs: Math.min(options.handshakeTimeoutMs ?? 15_000, Math.max(left, 1_000)),
    });
    if (outcome.ready) return outcome.session;
    options.onAttempt?.({ number, fault: outcome.fault });
    if (refusal.stays(outcome.fault, now()) || now() + pause >= options.deadline) {
      throw triedFor(outcome.fault, now() - began);
    }
    await sleep(pause, options.signal);
    pause = Math.min(pause * PAUSE_GROWTH, LONGEST_PAUSE_MS);
  }
}

/** Since when the host has been refusing in one and the same way. */
class Refusal {
  readonly #lastsMs: number;
  #code = "";
  #since = 0;

  constructor(lastsMs: number) {
    this.#lastsMs = lastsMs;
  }

  stays({ code }: RemoteError, now: number): boolean {
    if (code !== this.#code) this.#since = now;
    this.#code = code;
    return REFUSALS.has(code) && now - this.#since >= this.#lastsMs;
  }
}

/** How long it was tried is part of what happened; only a machine that is not reached may merely be slow. */
function triedFor(fault: RemoteError, ms: number): RemoteError {
  const slow = isConnectionFault(fault) ? " If the machine merely starts slowly, raise ssh.readyWithin." : "";
  return new RemoteError(fault.code, `${fault.message} It was tried for ${formatDuration(ms)}.`, {
    remedy: `${fault.remedy ?? ""}${slow}`.trim(),
    fields: fault.fields,
    cause: fault,
  });
}
