import type { ChildProcess } from "node:child_process";
import type { ServerChannel, Session } from "ssh2";
import { isAcceptedVariable } from "./environment.ts";
import { Outputs } from "./outputs.ts";
import { signalGroup } from "./processes.ts";

/**
 * Starts `/bin/sh -c command` (or a shell that reads its commands) on the machine, in a session of its own.
 */
export type StartCommand = (
  command: string | undefined,
  accepted: Readonly<Record<string, string>>,
) => ChildProcess;

const SIGNALS = [
  "HUP",
  "INT",
  "QUIT",
  "ILL",
  "ABRT",
  "FPE",
  "KILL",
  "USR1",
  "SEGV",
  "USR2",
  "PIPE",
  "ALRM",
  "TERM",
];

/**
 * One SSH session. What sshd does: an `env` request outside AcceptEnv is refused; the exit status is sent
 * when the command ends, the channel closes when its output does; when the client goes away, a command with a
 * terminal gets SIGHUP, and one without only finds its pipes closed. Returns what to do when the client is
 * gone.
 */
export function serveSession(session: Session, start: StartCommand): () => void {
  const accepted: Record<string, string> = {};
  let terminal = false;
  let child: ChildProcess | undefined;

  session.on("env", (accept, reject, info) => {
    if (!isAcceptedVariable(info.key)) return reject?.();
    accepted[info.key] = info.val;
    accept?.();
  });
  session.on("pty", (accept) => {
    terminal = true;
    accept?.();
  });
  session.on("window-change", (accept) => accept?.());
  session.on("signal", (accept, _reject, info) => {
    const name = info.name.replace(/^SIG/, "");
    if (child?.pid !== undefined && SIGNALS.includes(name)) {
      signalGroup(child.pid, `SIG${name}` as NodeJS.Signals);
    }
    accept?.();
  });
  session.on("exec", (accept, _reject, info) => {
    child = connect(accept(), start(info.command, accepted), terminal);
  });
  session.on("shell", (accept) => {
    child = connect(accept(), start(undefined, accepted), terminal);
  });
  return () => {
    if (child !== undefined) hangUp(child, terminal);
  };
}

function hangUp(child: ChildProcess, terminal: boolean): void {
  const running = child.exitCode === null && child.signalCode === null;
  if (terminal && running && child.pid !== undefined) signalGroup(child.pid, "SIGHUP");
  for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe?.destroy();
}

function connect(channel: ServerChannel, child: ChildProcess, terminal: boolean): ChildProcess {
  const { stdin, stdout, stderr } = child;
  if (stdin === null || stdout === null || stderr === null)
    throw new Error("A session's command needs pipes");
  channel.pipe(stdin);
  const outputs = new Outputs(channel);
  if (terminal) {
    // A terminal has one output, and its driver turns line feeds into carriage return and line feed.
    outputs.pass(stdout, channel, withReturns);
    outputs.pass(stderr, channel, withReturns);
  } else {
    outputs.pass(stdout, channel);
    outputs.pass(stderr, channel.stderr);
  }

  child.once("error", (error) => {
    channel.stderr.end(`sh: ${error.message}\n`);
    channel.exit(127);
    channel.end();
  });
  child.once("exit", (status, signal) => {
    if (signal !== null) channel.exit(signal.replace(/^SIG/, ""));
    else channel.exit(status ?? 255);
  });
  child.once("close", () => void outputs.passed().then(() => channel.end()));

  for (const stream of [channel, stdin, stdout, stderr]) stream.on("error", () => {});
  return child;
}

function withReturns(chunk: Buffer): Buffer {
  return Buffer.from(chunk.toString("latin1").replaceAll("\n", "\r\n"), "latin1");
}
