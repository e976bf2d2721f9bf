import { connect, type Socket } from "node:net";
import { codeOf, messageOf } from "../util/errors.ts";
import { RemoteError } from "./errors.ts";

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused, nothing listens on that port",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "no route to its network",
  ENOTFOUND: "its name is not known",
  ETIMEDOUT: "no answer",
};

/** Nothing answers, or not as an SSH server does. @param reason stable word: `refused`, `timeout`, … */
export function unreachable(at: string, reason: string, detail: string, cause?: unknown): RemoteError {
  return new RemoteError("ssh_unreachable", `${at} cannot be reached over SSH: ${detail}.`, {
    remedy:
      "See that the image starts sshd on this port (ssh.port), and that the security group and the network let the bot's address in.",
    fields: { at, reason, detail },
    cause,
  });
}

/**
 * Opens a TCP connection within `timeoutMs`; a machine that is still starting drops packets, so the caller
 * tries again instead of waiting for the kernel's ever slower repetitions.
 * @throws RemoteError `ssh_unreachable`; the signal's reason when aborted
 */
export function dial(host: string, port: number, timeoutMs: number, signal: AbortSignal): Promise<Socket> {
  const at = `${host}:${port}`;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const socket = connect({ host, port, noDelay: true });
    const timer = setTimeout(() => {
      fail(unreachable(at, "timeout", `no answer within ${timeoutMs / 1000} s`));
    }, timeoutMs);
    const onAbort = () => fail(signal.reason);
    const onError = (error: Error) => {
      const code = codeOf(error);
      const reason = code === "ECONNREFUSED" ? "refused" : code === "ETIMEDOUT" ? "timeout" : code;
      fail(unreachable(at, reason, REASONS[code] ?? messageOf(error), error));
    };
    function settle(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      socket.removeListener("error", onError);
    }
    function fail(reason: unknown): void {
      settle();
      // A destroyed socket may still report what went wrong; nobody listens any more.
      socket.on("error", () => {});
      socket.destroy();
      reject(reason);
    }
    signal.addEventListener("abort", onAbort, { once: true });
    socket.once("error", onError);
    socket.once("connect", () => {
      settle();
      resolve(socket);
    });
  });
}
