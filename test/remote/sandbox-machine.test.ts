import { describe, expect, it, onTestFinished } from "vitest";
import { createHost, jobId, type RemoteError, startOrJoin } from "../../src/remote/index.ts";
import { boot } from "../cloud-hosts/machine-kit.ts";
import { HOST_KEY, OTHER_HOST_KEY, USER_KEY } from "./support/keys.ts";

/** User data as a launch gives it: the derived host key. */
const userData = [
  "#cloud-config",
  "ssh_keys:",
  "  ed25519_private: |",
  ...HOST_KEY.privateKeyOpenSsh
    .trimEnd()
    .split("\n")
    .map((line) => `    ${line}`),
  `  ed25519_public: ${HOST_KEY.publicKeyLine}`,
  "",
].join("\n");

async function machine(settings: Record<string, unknown> = {}, pin = HOST_KEY) {
  const booted = await boot(settings, { userData, authorizedKeys: [USER_KEY.publicKeyLine] });
  const target = {
    host: booted.spec.address,
    port: booted.spec.sshPort,
    user: "ubuntu",
    privateKey: USER_KEY.privateKeyOpenSsh,
    hostKey: pin.publicKeyLine,
  };
  const signal = new AbortController().signal;
  const host = createHost(async () => target, { signal });
  onTestFinished(() => host.close());
  return { ...booted, host, signal };
}

describe("a machine of the local cloud", () => {
  it("takes the injected host key, runs jobs and lets them be stopped", async () => {
    const { host, signal } = await machine();
    await host.waitUntilReady({ deadline: Date.now() + 10_000, signal });
    const id = jobId("sandbox", "step", 1);
    const job = await startOrJoin(host, {
      id,
      script: 'echo "$A in $HOME"; sleep 0.2; exit 3',
      env: { A: "a" },
      timeoutMs: 9_000,
    });
    const result = await job.follow();
    expect(result.exitCode).toBe(3);
    expect(result.tail[0]).toMatch(/^a in \//);
    const long = await startOrJoin(host, {
      id: jobId("sandbox", "step", 2),
      script: "sleep 60",
      timeoutMs: 90_000,
    });
    expect(await long.stop()).toMatchObject({ state: "exited", exit: { stopped: true } });
  });

  it("that shows another host key is never let near a command", async () => {
    const { host, signal } = await machine({}, OTHER_HOST_KEY);
    const waiting = host.waitUntilReady({ deadline: Date.now() + 4_000, signal });
    expect(await waiting.catch((error: RemoteError) => error)).toMatchObject({
      code: "ssh_host_key_mismatch",
    });
  });

  it("whose disk is full is named", async () => {
    const { host, signal } = await machine({ homeFreeKiB: 64 });
    await host.waitUntilReady({ deadline: Date.now() + 10_000, signal });
    const spec = { id: jobId("sandbox", "step", 3), script: "head -c 9000000 /dev/zero", timeoutMs: 9_000 };
    const outcome = await startOrJoin(host, spec)
      .then((job) => job.follow())
      .catch((error: RemoteError) => error);
    const named = outcome instanceof Error ? outcome.code === "remote_disk_full" : outcome.diskFull;
    expect(named).toBe(true);
  });
});
