import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { codeOf, messageOf } from "../../util/errors.ts";
import { RemoteError } from "../errors.ts";

/** What asking an address once came to. */
export const PROBE_OUTCOMES = ["passed", "status", "refused", "empty-reply", "timeout", "failed"] as const;
export type ProbeOutcome = (typeof PROBE_OUTCOMES)[number];

export interface ProbeResult {
  readonly outcome: ProbeOutcome;
  readonly status?: number;
  /** For a person, e.g. `empty reply: the connection was closed without an answer`. */
  readonly text: string;
}

/** Opens a TCP connection that starts where the address is to be seen from. */
export type OpenTcp = (host: string, port: number, signal: AbortSignal) => Promise<Duplex>;

/** RFC 4254, section 5.1: the reasons with which a server refuses to open a channel. */
const PROHIBITED = 1;
const STATUS_LINE = /^HTTP\/\d(?:\.\d)? (\d{3})/;

/**
 * Asks an HTTP address once, over a connection that starts elsewhere. Only the status line is read: 2xx and
 * 3xx pass, and a redirection is not followed.
 * @throws RemoteError `ssh_forwarding_refused`; the connection's faults; the signal's reason when aborted
 */
export async function probeHttp(
  open: OpenTcp,
  address: string,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<ProbeResult> {
  const url = new URL(address);
  const time = AbortSignal.timeout(options.timeoutMs);
  const signal = AbortSignal.any([options.signal, time]);
  const late: ProbeResult = { outcome: "timeout", text: `no answer within ${options.timeoutMs / 1000} s` };
  let stream: Duplex | undefined;
  const opening = openStream(open, url, signal);
  // A connection that comes about when nobody waits for it any more is closed again.
  opening.then(
    (opened) => signal.aborted && opened.destroy(),
    () => {},
  );
  try {
    stream = await unlessAborted(opening, signal);
    return judge(await unlessAborted(ask(stream, url), signal));
  } catch (error) {
    if (options.signal.aborted) throw options.signal.reason;
    if (time.aborted) return late;
    return named(error);
  } finally {
    stream?.on("error", () => {}).destroy();
  }
}

async function openStream(open: OpenTcp, url: URL, signal: AbortSignal): Promise<Duplex> {
  const secure = url.protocol === "https:";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const plain = await open(host, Number(url.port) || (secure ? 443 : 80), signal);
  if (!secure) return plain;
  const servername = /^[\d.]+$|:/.test(host) ? {} : { servername: host };
  return connectTls({ socket: plain, ...servername });
}

/** Sends the request and reads as far as the first line, or to the end where there is none. */
function ask(stream: Duplex, url: URL): Promise<string> {
  return new Promise((resolve, reject) => {
    let head = "";
    stream.on("data", (chunk: Buffer) => {
      head += chunk.toString("latin1");
      if (head.includes("\n") || head.length > 4_096) resolve(head);
    });
    stream.once("end", () => resolve(head));
    stream.once("close", () => resolve(head));
    stream.once("error", reject);
    stream.write(request(url));
  });
}

function request(url: URL): string {
  const lines = [`GET ${url.pathname}${url.search} HTTP/1.1`, `Host: ${url.host}`, "Accept: */*"];
  if (url.username !== "") {
    const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    lines.push(`Authorization: Basic ${Buffer.from(login).toString("base64")}`);
  }
  lines.push("User-Agent: slipway", "Connection: close");
  return `${lines.join("\r\n")}\r\n\r\n`;
}

function judge(head: string): ProbeResult {
  if (head === "") {
    return { outcome: "empty-reply", text: "empty reply: the connection was closed without an answer" };
  }
  const status = Number(STATUS_LINE.exec(head)?.[1]);
  if (Number.isNaN(status)) return { outcome: "failed", text: "what answers there does not speak HTTP" };
  const passed = status >= 200 && status < 400;
  return { outcome: passed ? "passed" : "status", status, text: `answered ${status}` };
}

/** Faults of the host's connection are the caller's matter; those of the address asked are an outcome. */
function named(error: unknown): ProbeResult {
  if (error instanceof RemoteError) throw error;
  const reason = (error as { reason?: unknown }).reason;
  if (reason === PROHIBITED) {
    throw new RemoteError(
      "ssh_forwarding_refused",
      "The host's sshd does not allow forwarding to its own ports.",
      {
        remedy: "Set AllowTcpForwarding to local or yes in its sshd_config.",
        cause: error,
      },
    );
  }
  const code = codeOf(error);
  if (code === "ECONNRESET") return { outcome: "empty-reply", text: "empty reply: the connection was reset" };
  const detail = messageOf(error).replace("(SSH) Channel open failure: ", "");
  if (typeof reason === "number" || code === "ECONNREFUSED") {
    return { outcome: "refused", text: `refused: ${detail || "nothing listens there"}` };
  }
  return { outcome: "failed", text: detail };
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
