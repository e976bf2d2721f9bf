import { expect, it, onTestFinished } from "vitest";
import { type RemoteError, waitUntilReady } from "../../src/remote/index.ts";
import { HOST_KEY, OTHER_HOST_KEY, OTHER_USER_KEY } from "./support/keys.ts";
import { startServer } from "./support/server.ts";
import { freePort, startSshd } from "./support/sshd.ts";

const signal = new AbortController().signal;

it("waits for a machine that starts: nothing, then an image's own key, then the pinned one", async () => {
  const port = await freePort();
  const own = await startServer();
  const target = { ...own.target, port };
  const seen: string[] = [];
  let server: Awaited<ReturnType<typeof startServer>> | undefined;
  const imageStarts = async () => {
    server = await startServer({ port, hostKey: OTHER_HOST_KEY });
  };
  const session = await waitUntilReady(target, {
    deadline: Date.now() + 20_000,
    signal,
    onAttempt: ({ number, fault }) => {
      seen.push(fault.code);
      if (number === 2) void imageStarts();
      if (fault.code === "ssh_host_key_mismatch" && server !== undefined) {
        expect([server.logins, server.commands]).toEqual([[], []]);
        server.close();
        void startServer({ port });
      }
    },
  });
  onTestFinished(() => session.close());
  expect(seen.slice(0, 2)).toEqual(["ssh_unreachable", "ssh_unreachable"]);
  expect(seen).toContain("ssh_host_key_mismatch");
  expect((await session.exec("echo ready")).stdout.toString()).toBe("ready\n");
});

it("a wrong host key until the deadline is named, with both fingerprints, and nothing was sent", async () => {
  const server = await startServer({ hostKey: OTHER_HOST_KEY });
  const target = { ...server.target, hostKey: HOST_KEY.publicKeyLine };
  let attempts = 0;
  const waiting = waitUntilReady(target, {
    deadline: Date.now() + 4_000,
    signal,
    onAttempt: () => attempts++,
  });
  const fault = await waiting.catch((error: RemoteError) => error);
  expect(fault).toMatchObject({ code: "ssh_host_key_mismatch" });
  expect((fault as RemoteError).message).toMatch(/SHA256:.*SHA256:/);
  expect(attempts).toBeGreaterThan(1);
  expect([server.logins, server.commands]).toEqual([[], []]);
});

it("a refused key until the deadline is named", async () => {
  const sshd = await startSshd();
  const target = { ...sshd.target, privateKey: OTHER_USER_KEY.privateKeyOpenSsh };
  const fault = await waitUntilReady(target, { deadline: Date.now() + 4_000, signal }).catch(
    (e: RemoteError) => e,
  );
  expect(fault).toMatchObject({ code: "ssh_auth_refused" });
});

it.each(["ssh_auth_refused", "ssh_host_key_mismatch"])(
  "%s that stays is believed long before the deadline",
  async (code) => {
    const server = await startServer({ hostKey: OTHER_HOST_KEY });
    const target =
      code === "ssh_auth_refused"
        ? { ...server.target, privateKey: OTHER_USER_KEY.privateKeyOpenSsh }
        : { ...server.target, hostKey: HOST_KEY.publicKeyLine };
    let attempts = 0;
    const options = {
      deadline: Date.now() + 600_000,
      refusalLastsMs: 1_000,
      signal,
      onAttempt: () => attempts++,
    };
    const fault = await waitUntilReady(target, options).catch((e: RemoteError) => e);
    expect(fault).toMatchObject({ code, message: expect.stringMatching(/It was tried for \d+s\.$/) });
    expect(attempts).toBeGreaterThan(1);
  },
);

it("an unreachable machine may take until the deadline: that it refuses to talk is not believed before", async () => {
  const target = { ...(await startServer()).target, port: await freePort() };
  const deadline = Date.now() + 3_000;
  const fault = await waitUntilReady(target, { deadline, refusalLastsMs: 300, signal }).catch(
    (e: RemoteError) => e,
  );
  expect(fault).toMatchObject({
    code: "ssh_unreachable",
    remedy: expect.stringContaining("ssh.readyWithin"),
  });
  // The last pause is not begun when the deadline would come in it.
  expect(Date.now()).toBeGreaterThan(deadline - 1_500);
});

it("does not wait for what waiting cannot mend", async () => {
  const target = {
    host: "127.0.0.1",
    port: 1,
    user: "x",
    privateKey: "nonsense",
    hostKey: HOST_KEY.publicKeyLine,
  };
  let attempts = 0;
  const options = { deadline: Date.now() + 60_000, signal, onAttempt: () => attempts++ };
  const fault = await waitUntilReady(target, options).catch((e: RemoteError) => e);
  expect([fault, attempts]).toMatchObject([{ code: "ssh_private_key_invalid" }, 0]);
});

it("an abort ends the waiting with its own reason", async () => {
  const controller = new AbortController();
  const target = { ...(await startServer()).target, port: await freePort() };
  const waiting = waitUntilReady(target, {
    deadline: Date.now() + 60_000,
    signal: controller.signal,
    onAttempt: () => controller.abort(new Error("cancelled")),
  });
  await expect(waiting).rejects.toThrow("cancelled");
});
