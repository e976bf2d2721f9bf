import type { Duplex } from "node:stream";
import { NodeSSH } from "node-ssh";
import type { Client } from "ssh2";
import { codeOf, messageOf } from "../util/errors.ts";
import { dial, unreachable } from "./dial.ts";
import { RemoteError } from "./errors.ts";
import { fingerprintOf, hostKeyAlgorithms, type PinnedKey, parsePublicKeyLine } from "./host-key.ts";
import { runScript, type ScriptOptions, type ScriptResult } from "./script.ts";
import { openScriptChannel } from "./ssh-channel.ts";
import { checkPrivateKey, normalisePrivateKey, privateKeyFault, type SshTarget } from "./target.ts";

export interface SessionOptions {
  readonly signal: AbortSignal;
  /** For the TCP connection alone; default 5 s. */
  readonly connectTimeoutMs?: number;
  /** For key exchange and authentication; default 15 s. */
  readonly handshakeTimeoutMs?: number;
  /** A peer that answers nothing for interval × count is taken for gone; default 5 s × 3. */
  readonly keepaliveIntervalMs?: number;
  readonly keepaliveCountMax?: number;
}

/** An authenticated connection to a host that showed the pinned key. */
export interface SshSession {
  readonly target: SshTarget;
  /** How many commands run now; sshd allows 10 on one connection by default. */
  readonly channels: number;
  /** The fault that ended the connection, or undefined while it lives. */
  readonly fault: RemoteError | undefined;
  /** Resolves, never rejects, when the connection has ended for whatever reason. */
  readonly closed: Promise<RemoteError>;
  /**
   * Runs shell text. The text travels over standard input, so that neither it nor a value is visible in `ps`.
   * An abort or a time-out kills the remote process with all of its group.
   * @throws RemoteError `ssh_connection_lost`, `ssh_half_open`, `remote_timeout`, `remote_shell_failed`
   */
  exec(script: string, options?: ScriptOptions): Promise<ScriptResult>;
  /** A TCP connection that starts at the host (direct-tcpip). The error of the far end is passed on. */
  openTcp(host: string, port: number): Promise<Duplex>;
  close(): void;
}

/**
 * Connects, checks the host's key before anything is sent, and authenticates.
 * @throws RemoteError `ssh_private_key_invalid` and `ssh_host_key_invalid` before any connection;
 *   `ssh_unreachable`, `ssh_host_key_mismatch`, `ssh_auth_refused`; the signal's reason when aborted
 */
export async function openSession(target: SshTarget, options: SessionOptions): Promise<SshSession> {
  const pin = parsePublicKeyLine(target.hostKey);
  await checkPrivateKey(target.privateKey);
  const socket = await dial(target.host, target.port, options.connectTimeoutMs ?? 5_000, options.signal);
  return handshake(target, pin, socket, options);
}

async function handshake(
  target: SshTarget,
  pin: PinnedKey,
  sock: Duplex,
  options: SessionOptions,
): Promise<SshSession> {
  const ssh = new NodeSSH();
  let seen: Buffer | undefined;
  const ready = ssh.connect({
    sock,
    username: target.user,
    privateKey: normalisePrivateKey(target.privateKey),
    authHandler: ["publickey"],
    algorithms: { serverHostKey: hostKeyAlgorithms(pin.type) as never },
    hostVerifier: (key: Buffer) => {
      seen = key;
      return key.equals(pin.blob);
    },
    readyTimeout: options.handshakeTimeoutMs ?? 15_000,
    keepaliveInterval: options.keepaliveIntervalMs ?? 5_000,
    keepaliveCountMax: options.keepaliveCountMax ?? 3,
  });
  const client = ssh.connection;
  if (client === null) return ready.then(() => Promise.reject(new Error("The library made no connection.")));
  const life = new Life(client, target);
  const abort = () => client.destroy();
  options.signal.addEventListener("abort", abort, { once: true });
  try {
    await ready;
  } catch (error) {
    sock.destroy();
    if (options.signal.aborted) throw options.signal.reason;
    throw handshakeFault(target, pin, seen, life.firstError ?? error);
  } finally {
    options.signal.removeEventListener("abort", abort);
  }
  if (options.signal.aborted) {
    client.destroy();
    throw options.signal.reason;
  }
  life.established = true;
  return new Session(client, target, life);
}

function handshakeFault(
  target: SshTarget,
  pin: PinnedKey,
  seen: Buffer | undefined,
  error: unknown,
): RemoteError {
  const at = `${target.host}:${target.port}`;
  const keyFault = privateKeyFault(error);
  if (keyFault !== undefined) return keyFault;
  if (seen !== undefined && !seen.equals(pin.blob)) return mismatch(at, pin, seen);
  if ((error as { level?: unknown }).level === "client-authentication") {
    return new RemoteError("ssh_auth_refused", `${at} refuses the SSH key for user ${target.user}.`, {
      remedy:
        "See that this user (ssh.user) exists on the image, and that the key pair that the instance was launched " +
        "with (keyName) is the public half of ssh.privateKey.",
      fields: { at, user: target.user },
      cause: error,
    });
  }
  if ((error as { level?: unknown }).level === "client-timeout") {
    return unreachable(at, "timeout", "it accepts connections but does not complete the handshake", error);
  }
  return unreachable(at, `handshake: ${codeOf(error)}`, messageOf(error), error);
}

function mismatch(at: string, pin: PinnedKey, seen: Buffer): RemoteError {
  const found = fingerprintOf(seen);
  return new RemoteError(
    "ssh_host_key_mismatch",
    `${at} shows the wrong SSH host key: ${found} instead of ${pin.fingerprint}. The bot did not log in and sent it nothing.`,
    {
      remedy:
        "If every launch ends like this: the image does not take its host key from user data (cloud-init's " +
        "ssh_keys), or ssh.hostKey or ssh.address belong to another machine. If only this one did: find out who " +
        "answers at this address before you try again.",
      fields: { at, expected: pin.fingerprint, seen: found },
    },
  );
}

/** Why and when a connection ended. The library emits errors at any time, so it listens from the start. */
class Life {
  established = false;
  fault: RemoteError | undefined;
  firstError: unknown;
  readonly closed: Promise<RemoteError>;
  readonly #at: string;

  constructor(client: Client, target: SshTarget) {
    this.#at = `${target.host}:${target.port}`;
    client.on("error", (error) => {
      this.firstError ??= error;
    });
    this.closed = new Promise((resolve) => {
      client.once("close", () => {
        this.fault ??= this.#lost();
        resolve(this.fault);
      });
    });
  }

  #lost(): RemoteError {
    const cause = this.firstError;
    const fields = { at: this.#at };
    if ((cause as { level?: unknown } | undefined)?.level === "client-timeout") {
      return new RemoteError("ssh_half_open", `${this.#at} stopped answering on an open SSH connection.`, {
        remedy:
          "See in the machine's console output and metrics whether it was frozen, out of memory or cut off from " +
          "the network. Then run it again, on a larger instanceType if it was out of memory.",
        fields,
        cause,
      });
    }
    const detail = cause === undefined ? "the other side closed it" : messageOf(cause);
    return new RemoteError("ssh_connection_lost", `The SSH connection to ${this.#at} was lost: ${detail}.`, {
      remedy:
        "See in the machine's console output whether it went down or sshd was killed, and whether something on " +
        "the way ends connections. Then run it again.",
      fields,
      cause,
    });
  }
}

class Session implements SshSession {
  readonly target: SshTarget;
  channels = 0;
  readonly #client: Client;
  readonly #life: Life;

  constructor(client: Client, target: SshTarget, life: Life) {
    this.#client = client;
    this.target = target;
    this.#life = life;
  }

  get fault(): RemoteError | undefined {
    return this.#life.fault;
  }

  get closed(): Promise<RemoteError> {
    return this.#life.closed;
  }

  async exec(script: string, options: ScriptOptions = {}): Promise<ScriptResult> {
    if (this.#life.fault !== undefined) throw this.#life.fault;
    options.signal?.throwIfAborted();
    this.channels++;
    try {
      return await runScript(await openScriptChannel(this.#client, this.#life.closed), script, options);
    } finally {
      this.channels--;
    }
  }

  openTcp(host: string, port: number): Promise<Duplex> {
    if (this.#life.fault !== undefined) return Promise.reject(this.#life.fault);
    const opened = new Promise<Duplex>((resolve, reject) => {
      this.#client.forwardOut("127.0.0.1", 0, host, port, (error, channel) => {
        if (error) reject(error);
        else resolve(channel);
      });
    });
    return Promise.race([opened, this.#life.closed.then((fault) => Promise.reject(fault))]);
  }

  close(): void {
    this.#life.fault ??= new RemoteError("ssh_session_closed", "The SSH session was closed by the bot.");
    this.#client.end();
    // A peer that answers nothing would keep the socket open.
    setTimeout(() => this.#client.destroy(), 2_000).unref();
  }
}
