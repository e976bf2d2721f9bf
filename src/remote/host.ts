import type { Duplex } from "node:stream";
import { sleep } from "../util/clock.ts";
import { isConnectionFault, RemoteError } from "./errors.ts";
import { type Outage, type OutageListener, Outages } from "./outage.ts";
import { probeReady, type ReadyOptions, waitUntilReady } from "./ready.ts";
import type { ScriptOptions, ScriptResult } from "./script.ts";
import type { SessionOptions, SshSession } from "./session.ts";
import type { SshTarget } from "./target.ts";
import type { JobTransport } from "./transport.ts";

/** sshd allows ten sessions on one connection (MaxSessions); two are left for killing and for people. */
const CHANNELS_PER_CONNECTION = 8;
const RECONNECT_WITHIN_MS = 5 * 60_000;
const RECONNECT_HOOK_EVERY_MS = 10_000;
const JOB_ROOT = ".slipway/jobs";

export interface HostOptions extends SessionOptions {
  /** Where job folders lie; default `.slipway/jobs` in the user's home directory. */
  readonly jobRoot?: string;
  /** How long a lost host is looked for before its commands fail; default 5 minutes. */
  readonly reconnectWithinMs?: number;
  /** That an earlier process was told of, and that had not ended when it did. */
  readonly outage?: Outage;
  /** Told of a connection that was lost or froze, for the log: the commands that need it connect again. */
  readonly onLost?: (fault: RemoteError) => void;
  /**
   * Called when connecting again has failed, at most every ten seconds: the place to look whether the bot's
   * own address, and with it the ingress rule, has changed. What it throws ends the reconnecting.
   */
  readonly onReconnect?: (attempt: { readonly number: number; readonly fault: RemoteError }) => Promise<void>;
}

/** A machine that is connected to on demand, and again when the connection was lost. */
export interface Host extends JobTransport {
  /** Runs shell text once. @throws what `SshSession.exec` throws: a lost connection is not tried again here. */
  exec(script: string, options?: ScriptOptions): Promise<ScriptResult>;
  /** A TCP connection that starts at the host. */
  openTcp(host: string, port: number, signal: AbortSignal): Promise<Duplex>;
  /** Waits for a machine that is just starting; see `waitUntilReady`. The connection is kept for later use. */
  waitUntilReady(options: Pick<ReadyOptions, "deadline" | "signal" | "onAttempt">): Promise<void>;
  /** Where the host is now, asked anew: for programs that make their own connection. */
  currentTarget(signal: AbortSignal): Promise<SshTarget>;
  /** Tells whoever wants to know that the host was lost and is looked for. @returns ends the telling */
  watch(listener: OutageListener): () => void;
  close(): void;
}

/**
 * @param provide tells where the host is; asked before every connection, since addresses change
 */
export function createHost(provide: (signal: AbortSignal) => Promise<SshTarget>, options: HostOptions): Host {
  return new PooledHost(provide, options);
}

class PooledHost implements Host {
  readonly root: string;
  #target: SshTarget | undefined;
  readonly #provide: (signal: AbortSignal) => Promise<SshTarget>;
  readonly #options: HostOptions;
  readonly #busy = new Map<SshSession, number>();
  readonly #closing = new AbortController();
  readonly #outages: Outages;
  #connecting: Promise<void> | undefined;

  constructor(provide: (signal: AbortSignal) => Promise<SshTarget>, options: HostOptions) {
    this.#provide = provide;
    this.#options = options;
    this.root = options.jobRoot ?? JOB_ROOT;
    this.#outages = new Outages(options.outage);
  }

  get where(): string {
    return this.#target === undefined ? "the host" : `${this.#target.user}@${this.#target.host}`;
  }

  exec(script: string, options: ScriptOptions = {}): Promise<ScriptResult> {
    return this.#withSession(options.signal, (session) => session.exec(script, options));
  }

  run(script: string, io: ScriptOptions): Promise<ScriptResult> {
    return this.exec(script, io);
  }

  async openTcp(host: string, port: number, signal: AbortSignal): Promise<Duplex> {
    return this.#withSession(signal, (session) => session.openTcp(host, port));
  }

  async waitUntilReady(options: Pick<ReadyOptions, "deadline" | "signal" | "onAttempt">): Promise<void> {
    const signal = AbortSignal.any([options.signal, this.#closing.signal]);
    this.#add(await waitUntilReady((s) => this.#provide(s), { ...this.#options, ...options, signal }));
  }

  currentTarget(signal: AbortSignal): Promise<SshTarget> {
    return this.#provide(signal);
  }

  watch(listener: OutageListener): () => void {
    return this.#outages.watch(listener);
  }

  close(): void {
    this.#closing.abort(closed());
    for (const session of this.#busy.keys()) session.close();
    this.#busy.clear();
  }

  async #withSession<T>(
    signal: AbortSignal | undefined,
    use: (session: SshSession) => Promise<T>,
  ): Promise<T> {
    const session = await this.#acquire(signal);
    try {
      return await use(session);
    } finally {
      const users = this.#busy.get(session);
      if (users !== undefined) this.#busy.set(session, users - 1);
    }
  }

  /** A living session with a free channel, counted as in use. */
  async #acquire(signal: AbortSignal | undefined): Promise<SshSession> {
    for (;;) {
      signal?.throwIfAborted();
      this.#closing.signal.throwIfAborted();
      for (const [session, users] of this.#busy) {
        if (session.fault === undefined && users < CHANNELS_PER_CONNECTION) {
          this.#busy.set(session, users + 1);
          return session;
        }
      }
      // All who wait share one attempt; it goes on when one of them no longer wants it.
      this.#connecting ??= this.#connect().finally(() => {
        this.#connecting = undefined;
      });
      await orAborted(this.#connecting, signal);
    }
  }

  async #connect(): Promise<void> {
    const signal = AbortSignal.any([this.#options.signal, this.#closing.signal]);
    const withinMs = this.#options.reconnectWithinMs ?? RECONNECT_WITHIN_MS;
    const deadline = this.#outages.looking(withinMs);
    let hookedAt = 0;
    for (let number = 1; ; number++) {
      signal.throwIfAborted();
      const outcome = await probeReady(await this.#provide(signal), { ...this.#options, signal });
      if (outcome.ready) return this.#add(outcome.session);
      if (!isConnectionFault(outcome.fault)) throw outcome.fault;
      if (Date.now() >= deadline) throw this.#outages.gaveUp(outcome.fault, withinMs);
      if (Date.now() - hookedAt >= RECONNECT_HOOK_EVERY_MS) {
        hookedAt = Date.now();
        await this.#options.onReconnect?.({ number, fault: outcome.fault });
      }
      await sleep(Math.min(250 * number, 1_000), signal);
    }
  }

  #add(session: SshSession): void {
    this.#target = session.target;
    this.#busy.set(session, 0);
    this.#outages.found();
    void session.closed.then((fault) => {
      this.#busy.delete(session);
      if (!isConnectionFault(fault)) return;
      if (this.#busy.size === 0) this.#outages.lost(fault);
      this.#options.onLost?.(fault);
    });
  }
}

function closed(): RemoteError {
  return new RemoteError("ssh_session_closed", "The connection to the host was closed by the bot.");
}

/** Whether sending the same script again may help: the connection failed, and the host was not given up. */
export function mayTryAgain(error: unknown): boolean {
  return isConnectionFault(error) && (error as RemoteError).fields.gaveUp !== true;
}

function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
