import { sleep } from "../util/clock.ts";
import { isConnectionFault, RemoteError } from "./errors.ts";
import { openSession, type SessionOptions, type SshSession } from "./session.ts";
import type { SshTarget } from "./target.ts";

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 1_000;
const PAUSE_GROWTH = 1.3;

export interface ReadyOptions extends SessionOptions {
  /** When to give up, in milliseconds since 1970. */
  readonly deadline: number;
  readonly now?: () => number;
  /** Called after each failed attempt. */
  readonly onAttempt?: (attempt: { readonly number: number; readonly fault: RemoteError }) => void;
}

/** Faults that a machine shows while it is starting: no sshd, not yet our host key, not yet our user's key. */
function mayPass(error: unknown): error is RemoteError {
  if (!(error instanceof RemoteError)) return false;
  return (
    isConnectionFault(error) || error.code === "ssh_host_key_mismatch" || error.code === "ssh_auth_refused"
  );
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
 * sent over such a connection; at the deadline it is thrown as what it is.
 * @throws RemoteError the last fault, at the deadline; what waiting cannot mend, at once
 */
export async function waitUntilReady(
  target: SshTarget | ((signal: AbortSignal) => Promise<SshTarget>),
  options: ReadyOptions,
): Promise<SshSession> {
  const now = options.now ?? Date.now;
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
    if (now() + pause >= options.deadline) throw outcome.fault;
    await sleep(pause, options.signal);
    pause = Math.min(pause * PAUSE_GROWTH, LONGEST_PAUSE_MS);
  }
}
