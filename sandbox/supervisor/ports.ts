import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { SlipwayError } from "../../src/util/errors.ts";

const FIRST = 15_000;
const BLOCK = 16;
/** Where Linux begins to hand out ports to outgoing connections, when /proc does not say. */
const USUAL_EPHEMERAL = 32_768;

export interface PortBlock {
  /** The next port of the block that is free now. */
  next(): Promise<number>;
  /** Gives the block back. */
  release(): Promise<void>;
}

/**
 * Claims a block of ports for one sandbox, by listening on the block's first port as long as it lives. The
 * block lies below the range that outgoing connections take theirs from: a bot that is killed and started again
 * must find its port free, however many connections the machine opens in between.
 */
export async function claimPorts(seed: number = process.pid): Promise<PortBlock> {
  const blocks = Math.floor((ephemeralStart() - FIRST) / BLOCK);
  for (let tried = 0; tried < blocks; tried++) {
    const base = FIRST + ((seed + tried) % blocks) * BLOCK;
    const claim = await tryListen(base);
    if (claim) return portBlock(base, claim);
  }
  throw new SlipwayError("no_free_ports", "No block of ports is free on 127.0.0.1.", {
    remedy: "End other sandboxes that still run on this machine.",
  });
}

async function isFree(port: number): Promise<boolean> {
  const server = await tryListen(port);
  await closed(server);
  return server !== undefined;
}

function portBlock(base: number, claim: Server): PortBlock {
  let last = base;
  return {
    async next() {
      while (++last < base + BLOCK) if (await isFree(last)) return last;
      throw new SlipwayError("no_free_ports", `No port is free from ${base} to ${base + BLOCK - 1}.`);
    },
    release: () => closed(claim),
  };
}

async function tryListen(port: number): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    server.unref();
    return server;
  } catch {
    return undefined;
  }
}

async function closed(server: Server | undefined): Promise<void> {
  if (server) await new Promise<void>((resolve) => server.close(() => resolve()));
}

function ephemeralStart(): number {
  try {
    const [first] = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8").trim().split(/\s+/);
    const start = Number(first);
    return start > FIRST + BLOCK * 10 ? Math.min(start, USUAL_EPHEMERAL) : USUAL_EPHEMERAL;
  } catch {
    return USUAL_EPHEMERAL;
  }
}
