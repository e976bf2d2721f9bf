import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import type { BalancerTarget } from "../ports.ts";
import { BALANCER_ADDRESS } from "./address.ts";

/** Passes an upgrade (a WebSocket) through as bytes: the target's own answer decides whether it happens. */
export function passUpgrade(
  request: IncomingMessage,
  client: Duplex,
  head: Buffer,
  target: BalancerTarget,
): void {
  const upstream = connect({ host: target.address, port: target.port, localAddress: BALANCER_ADDRESS });
  upstream.on("connect", () => {
    const lines = [`${request.method} ${request.url} HTTP/1.1`];
    for (let at = 0; at < request.rawHeaders.length; at += 2) {
      lines.push(`${request.rawHeaders[at]}: ${request.rawHeaders[at + 1]}`);
    }
    upstream.write(`${lines.join("\r\n")}\r\n\r\n`);
    upstream.write(head);
    upstream.pipe(client).pipe(upstream);
  });
  upstream.on("error", () => endUpgrade(client, "502 Bad Gateway"));
  client.on("error", () => upstream.destroy());
  client.on("close", () => upstream.destroy());
}

export function endUpgrade(client: Duplex, status: string): void {
  client.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
}
