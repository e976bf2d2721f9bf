import { connect } from "node:net";
import type { AcceptConnection, RejectConnection, ServerChannel, TcpipRequestInfo } from "ssh2";

const LOOPBACK = new Set(["localhost", "127.0.0.1", "::1", "0.0.0.0"]);

/**
 * Opens a direct-tcpip channel "as seen from the machine": localhost is the machine's own address, and no
 * other place can be reached, so that nobody gets to the host's own ports through a machine.
 */
export function forward(
  ownAddress: string,
  accept: AcceptConnection<ServerChannel>,
  reject: RejectConnection,
  info: TcpipRequestInfo,
): void {
  if (!LOOPBACK.has(info.destIP) && info.destIP !== ownAddress) {
    reject();
    return;
  }
  const socket = connect({ host: ownAddress, port: info.destPort, localAddress: ownAddress });
  let opened = false;
  socket.once("connect", () => {
    opened = true;
    const channel = accept();
    channel.on("error", () => socket.destroy());
    channel.once("close", () => socket.destroy());
    channel.pipe(socket).pipe(channel);
  });
  socket.once("error", () => {
    if (!opened) reject();
  });
}
