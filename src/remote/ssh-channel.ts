import type { Client, ClientChannel } from "ssh2";
import { sleep } from "../util/clock.ts";
import { RemoteError } from "./errors.ts";
import { killGroupScript, type ProcessEnd, READER_COMMAND, type ScriptChannel } from "./script.ts";

/** How long the second channel, which kills the first one's process, may take. */
const KILL_WITHIN_MS = 5_000;

/**
 * Starts the script reader over a connection.
 * @param lost resolves with the connection's fault when it ends
 * @throws RemoteError that fault, or `ssh_connection_lost` when the server refuses another channel
 */
export async function openScriptChannel(client: Client, lost: Promise<RemoteError>): Promise<ScriptChannel> {
  const channel = await open(client, READER_COMMAND, lost);
  return {
    stdin: channel,
    stdout: channel,
    stderr: channel.stderr,
    ended: endOf(channel, lost),
    kill: (leader) => kill(client, channel, leader, lost),
  };
}

function open(client: Client, command: string, lost: Promise<RemoteError>): Promise<ClientChannel> {
  const opened = new Promise<ClientChannel>((resolve, reject) => {
    client.exec(command, (error, channel) => {
      if (error === undefined || error === null) resolve(channel);
      else reject(error);
    });
  }).catch(async (cause: Error) => {
    // A connection that ends refuses its pending channels first, and says why a moment later.
    const fault = await Promise.race([lost, sleep(100).then(() => undefined)]);
    throw fault ?? refusedChannel(cause);
  });
  return Promise.race([opened, lost.then((fault) => Promise.reject(fault))]);
}

function refusedChannel(cause: Error): RemoteError {
  return new RemoteError("ssh_connection_lost", `The SSH server opens no further channel: ${cause.message}`, {
    remedy: "See MaxSessions in the host's sshd_config, and whether the machine is out of memory.",
    cause,
  });
}

/** A channel that closes without an exit status was cut off: the connection's own fault says why. */
function endOf(channel: ClientChannel, lost: Promise<RemoteError>): Promise<ProcessEnd> {
  let end: ProcessEnd | undefined;
  channel.on("exit", (code: number | null, signal?: string) => {
    end = { exitCode: code ?? null, signal: signal ?? null };
  });
  const closed = new Promise<void>((resolve) => {
    channel.once("close", () => resolve());
    channel.once("error", () => resolve());
  });
  const ended = Promise.race([closed, lost]).then(async () => {
    if (end !== undefined) return end;
    const fault = await Promise.race([lost, sleep(500).then(() => undefined)]);
    throw (
      fault ??
      new RemoteError(
        "ssh_connection_lost",
        "The SSH server closed a command's channel without its exit code.",
        {
          remedy: "See the host's log: its sshd or the command's shell was killed.",
        },
      )
    );
  });
  ended.catch(() => {});
  return ended;
}

/**
 * OpenSSH does not end a process when its channel closes, so a second channel kills the first one's group.
 * The signal request is for servers that understand it, where no second channel can be had.
 */
async function kill(
  client: Client,
  channel: ClientChannel,
  leader: number | undefined,
  lost: Promise<RemoteError>,
): Promise<void> {
  if (leader !== undefined) {
    const second = open(client, `/bin/sh -c '${killGroupScript(leader)}'`, lost).then(async (killer) => {
      killer.resume();
      killer.stderr.resume();
      killer.end();
      await endOf(killer, lost);
    });
    await Promise.race([second.catch(() => {}), sleep(KILL_WITHIN_MS)]);
  }
  try {
    channel.signal("KILL");
  } catch {
    // The channel is closed already.
  }
  channel.close();
}
