import { spawn } from "node:child_process";
import { connect, type Socket } from "node:net";
import { type Connection, Server, type ServerChannel, type Session, utils } from "ssh2";
import { onTestFinished } from "vitest";
import type { SshTarget } from "../../../src/remote/index.ts";
import { folder } from "./folder.ts";
import { HOST_KEY, USER_KEY } from "./keys.ts";

export interface TestServer {
  readonly target: SshTarget;
  readonly home: string;
  /** Command lines that were executed. */
  readonly commands: string[];
  /** Authentication attempts by their method. */
  readonly logins: string[];
  /** Breaks every connection, as a network that goes away and says so. */
  cut(): void;
  close(): void;
}

/** An SSH server in this process that runs real commands in a home directory of its own. */
export async function startServer(
  options: {
    hostKey?: typeof HOST_KEY;
    port?: number;
    banner?: string;
    localhost?: string;
    /** What becomes of a piece of standard error on its way; passed on as it is if left out. */
    onError?: (piece: string) => string;
  } = {},
): Promise<TestServer> {
  const home = folder();
  const hostKey = options.hostKey ?? HOST_KEY;
  const commands: string[] = [];
  const logins: string[] = [];
  const connections = new Set<Connection>();
  const sockets = new Set<Socket>();
  const server = new Server({ hostKeys: [hostKey.privateKeyOpenSsh] }, (connection) => {
    connections.add(connection);
    connection.on("close", () => connections.delete(connection));
    connection.on("error", () => {});
    authenticate(connection, logins);
    connection.on("session", (accept) => {
      runCommands(accept(), home, commands, options);
    });
    connection.on("tcpip", (accept, reject, info) => {
      // "localhost" is the machine's own, not the one of whoever connects to it.
      const host = info.destIP === "localhost" ? (options.localhost ?? "127.0.0.1") : info.destIP;
      const socket = connect(info.destPort, host);
      socket.once("error", () => reject());
      socket.once("connect", () => {
        const channel = accept();
        channel.on("error", () => {});
        channel.pipe(socket).pipe(channel);
      });
    });
  });
  // The library's server is a net.Server underneath; its sockets are what a network would break.
  (
    server as unknown as { _srv: { on(event: "connection", listener: (socket: Socket) => void): void } }
  )._srv.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(options.port ?? 0, "127.0.0.1", () => {
      const address = server.address();
      if (address !== null && typeof address === "object") resolve(address.port);
    });
  });
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  const close = () => {
    cut();
    server.close();
  };
  onTestFinished(close);
  const target = {
    host: "127.0.0.1",
    port,
    user: "tester",
    privateKey: USER_KEY.privateKeyOpenSsh,
    hostKey: hostKey.publicKeyLine,
  };
  return { target, home, commands, logins, cut, close };
}

function authenticate(connection: Connection, logins: string[]): void {
  const allowed = utils.parseKey(USER_KEY.publicKeyLine);
  if (allowed instanceof Error) throw allowed;
  connection.on("authentication", (context) => {
    logins.push(context.method);
    if (context.method !== "publickey" || !context.key.data.equals(allowed.getPublicSSH())) {
      return context.reject(["publickey"]);
    }
    if (context.signature === undefined) return context.accept();
    const verified = allowed.verify(context.blob ?? Buffer.alloc(0), context.signature, context.hashAlgo);
    if (verified === true) context.accept();
    else context.reject(["publickey"]);
  });
}

function runCommands(
  session: Session,
  home: string,
  commands: string[],
  { banner = "", onError = (piece) => piece }: { banner?: string; onError?: (piece: string) => string },
): void {
  session.on("exec", (accept, _reject, info) => {
    commands.push(info.command);
    const channel: ServerChannel = accept();
    channel.on("error", () => {});
    if (banner !== "") channel.write(banner);
    const child = spawn("/bin/sh", ["-c", info.command], {
      cwd: home,
      env: { PATH: process.env.PATH, HOME: home },
    });
    channel.pipe(child.stdin);
    child.stdin.on("error", () => {});
    child.stdout.pipe(channel, { end: false });
    child.stderr.setEncoding("utf8").on("data", (piece: string) => channel.stderr.write(onError(piece)));
    child.on("close", (code, signal) => {
      if (signal === null) channel.exit(code ?? 1);
      else channel.exit(signal.replace(/^SIG/, "") as never);
      channel.end();
    });
  });
}
