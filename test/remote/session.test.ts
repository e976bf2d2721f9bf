import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { RemoteError } from "../../src/remote/errors.ts";
import { openSession, type SessionOptions, type SshTarget } from "../../src/remote/index.ts";
import { HOST_KEY, OTHER_HOST_KEY, OTHER_USER_KEY } from "./support/keys.ts";
import { startServer } from "./support/server.ts";
import { childrenOf, freePort, processesWith, startSshd } from "./support/sshd.ts";
import { until } from "./support/wait.ts";

async function open(target: SshTarget, options: Partial<SessionOptions> = {}) {
  const session = await openSession(target, { signal: new AbortController().signal, ...options });
  onTestFinished(() => session.close());
  return session;
}

const faultOf = async (work: Promise<unknown>): Promise<RemoteError> => {
  const error = await work.then(
    () => new Error("it succeeded"),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(RemoteError);
  return error as RemoteError;
};

describe.each([
  ["the library's own server", startServer],
  ["Debian's sshd", startSshd],
])("a session with %s", (_, start) => {
  it("runs shell text and keeps its streams, exit code, input and variables apart", async () => {
    const session = await open((await start()).target);
    const result = await session.exec('cat; echo "$A" >&2; exit 7', {
      stdin: "in\n",
      env: { A: 'it\'s "a" $value\nof two lines' },
    });
    expect(result.stdout.toString()).toBe("in\n");
    expect(result.stderr.toString()).toBe('it\'s "a" $value\nof two lines\n');
    expect(result).toMatchObject({ exitCode: 7, signal: null });
  });

  it("runs where it is told, and fails where that is not", async () => {
    const session = await open((await start()).target);
    expect((await session.exec("pwd", { directory: "/usr/bin" })).stdout.toString()).toBe("/usr/bin\n");
    const missing = await session.exec("echo reached", { directory: "/no where" });
    expect(missing.exitCode).toBe(1);
    expect(missing.stdout.toString()).toBe("");
  });

  it("carries a script of 200 KB and binary output of 1 MB", async () => {
    const session = await open((await start()).target);
    const long = `${"# a comment of some length\n".repeat(7_500)}echo end`;
    expect((await session.exec(long)).stdout.toString()).toBe("end\n");
    let received = 0;
    const result = await session.exec("head -c 1000000 /dev/urandom", {
      onStdout: (chunk) => {
        received += chunk.length;
      },
    });
    expect([received, result.exitCode]).toEqual([1_000_000, 0]);
  });

  it("an abort kills the remote process and what it started", async () => {
    const { target, home } = await start();
    const session = await open(target);
    const controller = new AbortController();
    const work = session.exec(`sleep 4001 & sleep 4002 & echo $! > ${home}/ready; wait`, {
      signal: controller.signal,
    });
    work.catch(() => {});
    await until("it runs", () => existsSync(join(home, "ready")));
    const pid = Number(readFileSync(join(home, "ready"), "utf8"));
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    controller.abort(new Error("enough"));
    await expect(work).rejects.toThrow("enough");
    await until(
      "it is gone",
      () => processesWith("sleep\x004001").concat(processesWith("sleep\x004002")).length === 0,
    );
    expect((await session.exec("echo still here")).stdout.toString()).toBe("still here\n");
  });

  it("a time-out kills it too, and is named", async () => {
    const session = await open((await start()).target);
    const fault = await faultOf(session.exec("trap '' TERM; sleep 4003; sleep 4003", { timeoutMs: 300 }));
    expect(fault.code).toBe("remote_timeout");
    expect(fault.remedy).toBeTruthy();
    await until("it is gone", () => processesWith("sleep\x004003").length === 0);
  });

  it("a wrong host key ends it before anything is sent, naming both fingerprints", async () => {
    const { target } = await start({ hostKey: OTHER_HOST_KEY });
    const fault = await faultOf(open({ ...target, hostKey: HOST_KEY.publicKeyLine }));
    expect(fault.code).toBe("ssh_host_key_mismatch");
    expect(fault.fields.expected).toMatch(/^SHA256:/);
    expect(fault.fields.seen).toMatch(/^SHA256:/);
    expect(fault.fields.seen).not.toBe(fault.fields.expected);
    await open(target);
  });

  it("a key that is not accepted is named", async () => {
    const { target } = await start();
    const fault = await faultOf(open({ ...target, privateKey: OTHER_USER_KEY.privateKeyOpenSsh }));
    expect(fault.code).toBe("ssh_auth_refused");
    expect(fault.fields.user).toBe(target.user);
  });

  it("understands a private key whose line breaks were written out", async () => {
    const { target } = await start();
    const escaped = target.privateKey.trim().replaceAll("\n", "\\n");
    const session = await open({ ...target, privateKey: escaped });
    expect((await session.exec("echo in")).stdout.toString()).toBe("in\n");
  });
});

it("sees no authentication on a server with a wrong host key", async () => {
  const server = await startServer({ hostKey: OTHER_HOST_KEY });
  await faultOf(open({ ...server.target, hostKey: HOST_KEY.publicKeyLine }));
  expect([server.logins, server.commands]).toEqual([[], []]);
  await (await open(server.target)).exec("true");
  expect([server.logins.length > 0, server.commands.length]).toEqual([true, 1]);
});

it("tells what a login shell prints from what the script prints", async () => {
  const { target } = await startServer({ banner: "Welcome to the machine\n" });
  const session = await open(target);
  expect((await session.exec("echo mine")).stdout.toString()).toBe("mine\n");
});

it("keeps script and values off every command line", async () => {
  const server = await startServer();
  const session = await open(server.target);
  await session.exec("echo planted-text $SECRET", { env: { SECRET: "planted-value" } });
  expect(server.commands.join("\n")).toContain("setsid");
  expect(server.commands.join("\n")).not.toMatch(/planted/);
});

describe("ways to fail", () => {
  it("a bad private key is named before any connection", async () => {
    const target = { host: "127.0.0.1", port: 1, user: "x", hostKey: HOST_KEY.publicKeyLine };
    for (const privateKey of ["", "nonsense", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"]) {
      const fault = await faultOf(open({ ...target, privateKey }));
      expect(fault.code, privateKey).toBe("ssh_private_key_invalid");
      expect(fault.message).not.toContain("AAAA");
    }
    const fault = await faultOf(open({ ...target, privateKey: OTHER_USER_KEY.privateKeyOpenSsh }));
    expect(fault.code).toBe("ssh_unreachable");
  });

  it("nobody listens: refused", async () => {
    const { target } = await startServer();
    const fault = await faultOf(open({ ...target, port: await freePort() }));
    expect([fault.code, fault.fields.reason]).toEqual(["ssh_unreachable", "refused"]);
  });

  it("a listener that never answers: a time-out", async () => {
    const { createServer } = await import("node:net");
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void silent.close());
    const { port } = silent.address() as { port: number };
    const { target } = await startServer();
    const fault = await faultOf(open({ ...target, port }, { handshakeTimeoutMs: 300 }));
    expect([fault.code, fault.fields.reason]).toEqual(["ssh_unreachable", "timeout"]);
  });

  it("a connection that is cut in the middle of a command: lost", async () => {
    const server = await startServer();
    const session = await open(server.target);
    const work = session.exec("sleep 0.4; sleep 30");
    work.catch(() => {});
    await until("it runs", () => server.commands.length > 0);
    server.cut();
    expect((await faultOf(work)).code).toBe("ssh_connection_lost");
    expect((await faultOf(session.exec("true"))).code).toBe("ssh_connection_lost");
  });

  it("sshd's process for the connection is killed: lost", async () => {
    const sshd = await startSshd();
    const session = await open(sshd.target);
    const work = session.exec("sleep 20");
    work.catch(() => {});
    await until("served", () => sshd.connections().length > 0);
    for (const pid of sshd.connections()) process.kill(pid, "SIGKILL");
    expect((await faultOf(work)).code).toBe("ssh_connection_lost");
  });

  it("a frozen peer is noticed, and one that is only quiet is not", async () => {
    const sshd = await startSshd();
    const quick = { keepaliveIntervalMs: 300, keepaliveCountMax: 4 };
    const session = await open(sshd.target, quick);
    // Quiet for longer than the keepalive allows a frozen one.
    expect((await session.exec("sleep 2; echo quiet")).stdout.toString()).toBe("quiet\n");
    const work = session.exec("sleep 20");
    work.catch(() => {});
    await until("served", () => sshd.connections().length > 0);
    const serving = sshd.connections().flatMap((pid) => [pid, ...childrenOf(pid)]);
    for (const pid of serving) process.kill(pid, "SIGSTOP");
    onTestFinished(() => {
      for (const pid of serving) {
        try {
          process.kill(pid, "SIGKILL");
        } catch {
          // Gone already.
        }
      }
    });
    const fault = await faultOf(work);
    expect(fault.code).toBe("ssh_half_open");
    expect(fault.remedy).toBeTruthy();
  });

  it("an abort while connecting is the abort's own reason", async () => {
    const { target } = await startServer();
    const controller = new AbortController();
    controller.abort(new Error("cancelled"));
    await expect(open(target, { signal: controller.signal })).rejects.toThrow("cancelled");
  });
});
