import { createServer, type Server, type Socket } from "node:net";
import type { Connection, ParsedKey, SFTPWrapper } from "ssh2";
import ssh2 from "ssh2";
import { authenticate } from "./authentication.ts";
import type { Connected } from "./environment.ts";
import { forward } from "./forwarding.ts";
import { makeHostKey } from "./host-keys.ts";
import { type StartCommand, serveSession } from "./session.ts";
import type { MachineSettings } from "./settings.ts";
import { type FileRoots, serveFiles } from "./sftp.ts";
import { ignore, Wire } from "./wire.ts";

/** sshd's own default for MaxSessions. */
const MAX_SESSIONS = 10;
/** sshd's own default for LoginGraceTime. */
const LOGIN_GRACE_MS = 120_000;

export interface SshdOptions extends FileRoots {
  readonly address: string;
  readonly port: number;
  readonly keys: readonly ParsedKey[];
  settings(): MachineSettings;
  /** The host key to show to a connection that begins now. */
  hostKey(): string;
  mayConnect(sourceAddress: string): boolean;
  startCommand(connected: Connected): StartCommand;
}

/**
 * A machine's SSH server: its own port, its own host key, and every way in which a test wants it to
 * misbehave.
 */
export class Sshd {
  readonly #options: SshdOptions;
  readonly #listener: Server;
  readonly #wires = new Set<Wire>();
  readonly #ignored = new Set<Socket>();
  readonly #strange = makeHostKey();
  #frozen = false;
  #dropped = 0;

  constructor(options: SshdOptions) {
    this.#options = options;
    this.#listener = createServer((socket) => this.#accept(socket));
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#listener.once("error", reject);
      this.#listener.listen(this.#options.port, this.#options.address, () => {
        // Later ones (too many open files) concern one connection, not the server.
        this.#listener.on("error", () => {});
        resolve();
      });
    });
  }

  get listening(): boolean {
    return this.#listener.listening;
  }

  /** Counts dropped connections from zero again, after the settings changed. */
  resetDrops(): void {
    this.#dropped = 0;
  }

  freeze(): void {
    this.#frozen = true;
    for (const wire of this.#wires) wire.freeze();
  }

  thaw(): void {
    this.#frozen = false;
    for (const wire of this.#wires) wire.thaw();
  }

  dropConnections(): void {
    for (const wire of this.#wires) wire.reset();
  }

  close(): Promise<void> {
    for (const socket of this.#ignored) socket.destroy();
    this.dropConnections();
    if (!this.#listener.listening) return Promise.resolve();
    return new Promise((resolve) => this.#listener.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    const source = socket.remoteAddress ?? "";
    if (this.#frozen || !this.#options.settings().reachable || !this.#options.mayConnect(source)) {
      this.#ignored.add(socket);
      socket.once("close", () => this.#ignored.delete(socket));
      ignore(socket);
      return;
    }
    const wire = new Wire(socket);
    this.#wires.add(wire);
    socket.once("close", () => this.#wires.delete(wire));
    socket.on("error", () => {});
    const hostKey = this.#options.settings().hostKey === "other" ? this.#strange : this.#options.hostKey();
    // A server object per connection, because ssh2 fixes the host keys at construction and ours change.
    const server = new ssh2.Server({ hostKeys: [hostKey], ident: "OpenSSH_9.2p1 Debian-2" });
    server.on("connection", (client) => this.#serve(client, wire));
    server.on("error", () => {});
    server.injectSocket(socket);
  }

  #serve(client: Connection, wire: Wire): void {
    const { settings, keys } = this.#options;
    const grace = setTimeout(() => wire.reset(), LOGIN_GRACE_MS);
    let sessions = 0;
    client.on("error", () => {});
    client.on("close", () => clearTimeout(grace));
    client.on("authentication", (context) => {
      authenticate(context, settings().user, settings().auth === "refuse" ? [] : keys);
    });
    client.on("ready", () => {
      clearTimeout(grace);
      this.#breakLater(wire);
    });
    client.on("tcpip", (accept, reject, info) => forward(this.#options.address, accept, reject, info));
    client.on("session", (accept, reject) => {
      if (sessions >= MAX_SESSIONS) return reject();
      sessions++;
      const session = accept();
      const { remoteAddress = "", remotePort = 0 } = wire.socket;
      const start = this.#options.startCommand({ clientAddress: remoteAddress, clientPort: remotePort });
      const hangUp = serveSession(session, start);
      client.once("close", hangUp);
      session.once("close", () => {
        sessions--;
        client.off("close", hangUp);
        hangUp();
      });
      session.on("sftp", (open) => {
        const files = open();
        serveFiles(files, this.#options);
        session.once("end", () => endFiles(files));
      });
    });
  }

  #breakLater(wire: Wire): void {
    const { drop } = this.#options.settings();
    if (drop === null || this.#dropped >= drop.times) return;
    this.#dropped++;
    wire.breakAfter({ bytes: drop.afterBytes, ms: drop.afterMs });
  }
}

/**
 * Ends an SFTP session as sftp-server does when its input ends: status 0, then close. scp looks at the
 * status.
 */
function endFiles(files: SFTPWrapper): void {
  // ssh2 has no public way to send an exit status for a subsystem.
  const { outgoing, _protocol: protocol } = files as unknown as {
    outgoing: { id: number; state: string };
    _protocol: { exitStatus(channel: number, status: number): void };
  };
  if (outgoing.state === "open") protocol.exitStatus(outgoing.id, 0);
  files.end();
}
