import { execFile } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ClientChannel, SFTPWrapper } from "ssh2";
import { describe, expect, test } from "vitest";
import { boot, channelOf, isAlive, KEYS, later, login, OTHER_KEYS, run, until } from "./machine-kit.ts";

const execute = promisify(execFile);
/** How much more the server may send; ssh2 has no public word for it. */
function windowOf(channel: ClientChannel): number {
  return (channel as unknown as { incoming: { window: number } }).incoming.window;
}

describe("commands over SSH", () => {
  test("run for real: output, errors, exit status and signal", async () => {
    const { spec } = await boot();
    const { client } = await login(spec);
    expect(await run(client, "echo out; echo err >&2; exit 7")).toEqual({
      status: 7,
      signal: null,
      stdout: "out\n",
      stderr: "err\n",
    });
    expect((await run(client, "kill -TERM $$")).signal).toBe("SIGTERM");
    expect((await run(client, "cat; echo done", {}, "from stdin\n")).stdout).toBe("from stdin\ndone\n");
    expect((await run(client, "head -c 300000 /dev/zero | wc -c")).stdout.trim()).toBe("300000");
    expect((await run(client, "head -c 3000000 /dev/zero")).stdout.length).toBe(3_000_000);
  });

  test("nothing of the cloud's environment leaks in, and only accepted variables do", async () => {
    process.env.CLOUD_SECRET_FOR_TEST = "leak";
    later(() => {
      delete process.env.CLOUD_SECRET_FOR_TEST;
    });
    const { spec } = await boot();
    const { client } = await login(spec);
    const environment = (await run(client, "env; pwd", { env: { LC_TEST: "yes", GIT_TOKEN: "no" } })).stdout;
    expect(environment).not.toContain("CLOUD_SECRET_FOR_TEST");
    expect(environment).not.toContain("GIT_TOKEN");
    expect(environment).toContain("LC_TEST=yes");
    expect(environment).toContain(`HOME=${spec.folder}/home/ubuntu\n`);
    expect(environment).toContain(`PATH=${spec.folder}/bin:`);
    expect(environment.trim().endsWith(`${spec.folder}/home/ubuntu`)).toBe(true);
  });

  test("a signal request reaches the command", async () => {
    const { spec } = await boot();
    const { client } = await login(spec);
    const channel = await channelOf(
      client,
      "trap 'echo caught; exit 3' USR1; echo ready; while :; do sleep 0.05; done",
    );
    let output = "";
    channel.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      if (output === "ready\n") channel.signal("USR1");
    });
    const status = await new Promise((resolve) => channel.once("exit", resolve));
    expect(status).toBe(3);
    expect(output).toContain("caught");
  });

  test("a command whose child keeps the output open: the status comes at once, the close waits", async () => {
    const { spec } = await boot();
    const { client } = await login(spec);
    const order: string[] = [];
    const channel = await channelOf(client, "(sleep 0.5; echo late) & exit 4", {}, (opened) => {
      opened.on("data", (chunk: Buffer) => order.push(chunk.toString().trim()));
      opened.once("exit", (status: number) => order.push(`exit ${status}`));
    });
    await new Promise((resolve) => channel.once("close", resolve));
    expect(order).toEqual(["exit 4", "late"]);
  });

  test("a client that reads late gets both outputs whole, and the status, whatever waits for its window", async () => {
    const { spec } = await boot();
    const { client } = await login(spec);
    const [out, err] = [6_000_000, 5_000_000];
    const command = `head -c ${out} /dev/zero & until [ -e behind ]; do sleep 0.02; done
      echo told >&2; touch told; wait; until [ -e alone ]; do sleep 0.02; done
      head -c ${err} /dev/zero >&2; echo last >&2; exit 6`;
    const seen = { status: null as number | null, out: 0, err: 0, last: "" };
    const channel = await channelOf(client, command, {}, (opened) => {
      opened.once("exit", (status: number) => {
        seen.status = status;
      });
    });
    const closed = new Promise((resolve) => channel.once("close", resolve));
    const home = join(spec.folder, "home/ubuntu");
    const full = () =>
      until(
        () => windowOf(channel),
        (left) => left === 0,
        30_000,
      );

    // Standard error waits behind standard output, which waits for a window that the client has not opened again.
    await full();
    await writeFile(join(home, "behind"), "");
    await until(
      () => readFile(join(home, "told")).catch(() => undefined),
      (told) => told !== undefined,
      30_000,
    );
    channel.on("data", (chunk: Buffer) => {
      seen.out += chunk.length;
    });
    channel.stderr.on("data", (chunk: Buffer) => {
      seen.err += chunk.length;
      seen.last = (seen.last + chunk.toString("latin1")).slice(-5);
    });
    await until(
      () => ({ ...seen }),
      (now) => now.out === out && now.last === "told\n",
      30_000,
    );

    // Now it waits alone, after the other one did.
    channel.stderr.pause();
    await writeFile(join(home, "alone"), "");
    await full();
    channel.stderr.resume();
    await closed;
    expect(seen).toEqual({ status: 6, out, err: err + "told\nlast\n".length, last: "last\n" });
  });

  test("ten sessions on one connection, not eleven", async () => {
    const { spec } = await boot();
    const { client } = await login(spec);
    const channels: ClientChannel[] = [];
    for (let count = 0; count < 10; count++) channels.push(await channelOf(client, "cat"));
    await expect(channelOf(client, "true")).rejects.toThrow();
    channels[0]?.resume().end();
    await until(
      () => run(client, "echo again").catch(() => undefined),
      (ran) => ran?.stdout === "again\n",
    );
  });

  test("OpenSSH's own client agrees", async () => {
    const { spec } = await boot();
    const folder = await mkdtemp(join(tmpdir(), "slipway-ssh-"));
    later(() => rm(folder, { recursive: true, force: true }));
    const key = join(folder, "key");
    await writeFile(key, KEYS.private);
    await chmod(key, 0o600);
    const options = ["StrictHostKeyChecking=no", `UserKnownHostsFile=${folder}/hosts`, "BatchMode=yes"];
    const words = [...options.flatMap((o) => ["-o", o]), "-i", key, "-p", String(spec.sshPort)];
    const ran = await execute("ssh", [...words, `ubuntu@${spec.address}`, "echo $USER; exit 5"]).catch(
      (e) => e,
    );
    expect(ran.code).toBe(5);
    expect(ran.stdout).toBe("ubuntu\n");
    const terminal = await execute("ssh", ["-tt", ...words, `ubuntu@${spec.address}`, "echo one; echo two"]);
    expect(terminal.stdout).toBe("one\r\ntwo\r\n");
    await writeFile(join(folder, "file"), "copied");
    const scp = [...options.flatMap((o) => ["-o", o]), "-i", key, "-P", String(spec.sshPort)];
    await execute("scp", [...scp, join(folder, "file"), `ubuntu@${spec.address}:received`]);
    expect(await readFile(join(spec.folder, "home/ubuntu/received"), "utf8")).toBe("copied");
  });
});

describe("who may log in", () => {
  test("the key pair's key alone, as the image's user", async () => {
    const { spec } = await boot();
    await expect(login(spec)).resolves.toBeDefined();
    await expect(login(spec, { privateKey: OTHER_KEYS.private })).rejects.toThrow(/authentication/);
    await expect(login(spec, { username: "root" })).rejects.toThrow(/authentication/);
  });

  test("nobody, when the machine refuses", async () => {
    const { spec, machine } = await boot({ auth: "refuse" });
    await expect(login(spec)).rejects.toThrow(/authentication/);
    await machine.reconfigure({ auth: "accept" });
    await expect(login(spec)).resolves.toBeDefined();
  });
});

describe("processes", () => {
  test("without a terminal a dropped connection only closes the pipes; with one it sends SIGHUP", async () => {
    const { spec, machine } = await boot();
    const { client } = await login(spec);
    await channelOf(client, "exec sleep 1000");
    await channelOf(client, "exec sleep 2000", { pty: true });
    await channelOf(client, "exec setsid sleep 3000", { pty: true });
    const commands = async () => (await machine.jobs()).map((job) => job.command).sort();
    await until(commands, (list) => list.length === 3);
    machine.dropConnections();
    expect(await until(commands, (list) => !list.includes("sleep 2000"))).toEqual([
      "sleep 1000",
      "sleep 3000",
    ]);
  });

  test("a detached job survives the connection and is gone after stop", async () => {
    const { spec, machine } = await boot();
    const { client } = await login(spec);
    const started = await run(client, "setsid nohup sleep 1000 >/dev/null 2>&1 </dev/null & echo $!");
    client.end();
    const pid = Number(started.stdout);
    await until(
      () => machine.jobs(),
      (jobs) => jobs.some((job) => job.command === "sleep 1000"),
    );
    expect(isAlive(pid)).toBe(true);
    await machine.stop();
    expect(await machine.jobs()).toEqual([]);
    await until(
      () => isAlive(pid),
      (alive) => !alive,
    );
  });

  test("stop of one machine leaves another's processes alone", async () => {
    const one = await boot();
    const two = await boot();
    for (const { spec } of [one, two]) {
      const { client } = await login(spec);
      await run(client, "setsid sleep 1000 >/dev/null 2>&1 </dev/null &");
    }
    await one.machine.stop();
    expect((await two.machine.jobs()).map((job) => job.command)).toEqual(["sleep 1000"]);
  });
});

describe("forwarding", () => {
  test("localhost is the machine's own address, and no other place is reachable", async () => {
    const { spec } = await boot();
    const server = createServer((_request, response) => response.end("from the machine"));
    await new Promise<void>((resolve) => server.listen(8600, spec.address, resolve));
    const host = createServer((_request, response) => response.end("from the host"));
    await new Promise<void>((resolve) => host.listen(0, "127.0.0.1", resolve));
    later(() => server.close());
    later(() => host.close());
    const { client } = await login(spec);
    const get = (address: string, port: number) =>
      new Promise<string>((resolve, reject) => {
        client.forwardOut("127.0.0.1", 1, address, port, (error, channel) => {
          if (error) return reject(error);
          let text = "";
          channel.on("data", (chunk: Buffer) => {
            text += chunk.toString();
          });
          channel.on("close", () => resolve(text));
          channel.write("GET / HTTP/1.0\r\n\r\n");
        });
      });
    expect(await get("localhost", 8600)).toContain("from the machine");
    expect(await get(spec.address, 8600)).toContain("from the machine");
    const { port } = host.address() as { port: number };
    await expect(get("127.0.0.1", port)).rejects.toThrow();
    await expect(get("127.0.0.2", port)).rejects.toThrow();
    expect((await run(client, "curl -s http://localhost:8600/")).stdout).toBe("from the machine");
  });
});

describe("files over SFTP", () => {
  test("are written under the machine's own root", async () => {
    const { spec } = await boot();
    const { client } = await login(spec);
    const sftp = await new Promise<SFTPWrapper>((resolve, reject) =>
      client.sftp((error, wrapper) => (error ? reject(error) : resolve(wrapper))),
    );
    const write = (path: string, text: string) =>
      new Promise<void>((resolve, reject) =>
        sftp.writeFile(path, text, (error) => (error ? reject(error) : resolve())),
      );
    await write("note.txt", "hello");
    await write("/opt/note.txt", "in the root");
    await write("../../../../../../../../opt/up.txt", "no way out");
    expect(await readFile(join(spec.folder, "home/ubuntu/note.txt"), "utf8")).toBe("hello");
    expect(await readFile(join(spec.folder, "opt/note.txt"), "utf8")).toBe("in the root");
    expect(await readFile(join(spec.folder, "opt/up.txt"), "utf8")).toBe("no way out");
    await run(client, "ln -s /etc escape");
    await expect(write("escape/slipway-test", "x")).rejects.toThrow();
  });
});

test("stop closes the port", async () => {
  const { spec, machine } = await boot();
  await machine.stop();
  const error = await new Promise<NodeJS.ErrnoException>((resolve) => {
    connect(spec.sshPort, spec.address).once("error", resolve);
  });
  expect(error.code).toBe("ECONNREFUSED");
});
