import { join } from "node:path";
import { onTestFinished } from "vitest";
import { createHost, type HostOptions, type JobTransport, localExec } from "../../../src/remote/index.ts";
import { folder } from "./folder.ts";
import { startServer } from "./server.ts";
import { startSshd } from "./sshd.ts";

/** A host on the connection of a server, closed with the test. */
export function hostOn(
  server: {
    target: Parameters<typeof createHost>[0] extends (s: AbortSignal) => Promise<infer T> ? T : never;
  },
  options: Partial<HostOptions> = {},
) {
  const host = createHost(async () => server.target, { signal: new AbortController().signal, ...options });
  onTestFinished(() => host.close());
  return host;
}

/** Every machine that jobs run on: they behave alike. */
export const MACHINES: [string, () => Promise<{ transport: JobTransport; jobs: string }>][] = [
  [
    "the bot's machine",
    async () => {
      const transport = localExec(folder());
      return { transport, jobs: transport.root };
    },
  ],
  [
    "the library's own server",
    async () => {
      const server = await startServer();
      return { transport: hostOn(server), jobs: join(server.home, ".slipway/jobs") };
    },
  ],
  [
    "Debian's sshd",
    async () => {
      const sshd = await startSshd();
      return { transport: hostOn(sshd), jobs: join(sshd.home, ".slipway/jobs") };
    },
  ],
];
