import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import { createInstanceHost, Machine } from "../../sandbox/cloud/instances/index.ts";
import { sampleApplication } from "../../sandbox/sample/index.ts";
import { boot, channelOf, later, login, machineSpec, run, until } from "./machine-kit.ts";
import { get } from "./web-kit.ts";

/** The bytes that a TCP server sends within the time, or the error's code. */
function greeting(address: string, port: number, ms: number): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(port, address);
    socket.on("data", (chunk) => {
      text += chunk.toString();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "error"));
    socket.on("close", () => resolve(`${text}closed`));
    setTimeout(() => {
      resolve(text);
      socket.destroy();
    }, ms);
  });
}

test("a connection that the firewall does not let in stays silent, and one that it does is greeted", async () => {
  let open = false;
  const asked: [string, number][] = [];
  const { spec } = await boot(
    {},
    {
      mayConnect: (source, port) => {
        asked.push([source, port]);
        return open;
      },
    },
  );
  expect(await greeting(spec.address, 2222, 300)).toBe("");
  await expect(login(spec, { readyTimeout: 300 })).rejects.toThrow(/Timed out/);
  open = true;
  expect(await greeting(spec.address, 2222, 300)).toMatch(/^SSH-2.0-/);
  expect(asked[0]).toEqual(["127.0.0.1", 2222]);
});

test("closing the firewall does not cut a connection that is there", async () => {
  let open = true;
  const { spec } = await boot({}, { mayConnect: () => open });
  const { client } = await login(spec);
  open = false;
  expect((await run(client, "echo still")).stdout).toBe("still\n");
});

test("an unreachable machine answers nothing on any port until it is reachable", async () => {
  const { spec, machine } = await boot({ reachable: false }, {}, sampleApplication);
  expect(await greeting(spec.address, 2222, 200)).toBe("");
  const early = get(`http://${spec.address}:8080/`);
  const silent = await Promise.race([
    early,
    new Promise((resolve) => setTimeout(() => resolve("silent"), 300)),
  ]);
  expect(silent).toBe("silent");
  await machine.reconfigure({ reachable: true });
  await login(spec);
  expect((await early).status).toBe(503);
});

test("slow boot: the port is closed at first", async () => {
  const { spec, machine } = await boot({ sshAfterMs: 500 });
  expect(await greeting(spec.address, 2222, 100)).toBe("ECONNREFUSED");
  expect(machine.ports()).toEqual([]);
  await until(
    () => machine.ports(),
    (ports) => ports.length === 1,
  );
  await login(spec);
});

test("a machine that is stopped during a slow boot never opens its port", async () => {
  const { spec, machine } = await boot({ sshAfterMs: 100 });
  await machine.stop();
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await greeting(spec.address, 2222, 100)).toBe("ECONNREFUSED");
});

test("a boot that fails rejects and leaves nothing", async () => {
  // Two machines cannot have one address: the second one's web application finds the port taken.
  const first = await boot({}, {}, sampleApplication);
  const spec = await machineSpec({}, { address: first.spec.address, sshPort: 2223 });
  await expect(Machine.boot(spec, sampleApplication)).rejects.toThrow(/EADDRINUSE/);
  expect(await greeting(spec.address, 2223, 100)).toBe("ECONNREFUSED");
  expect(first.machine.ports()).toEqual([2222, 8080]);
});

test("another host key than the machine's own, on demand", async () => {
  const { spec, machine } = await boot();
  const own = (await login(spec)).hostKey;
  await machine.reconfigure({ hostKey: "other" });
  expect((await login(spec)).hostKey).not.toBe(own);
  await machine.reconfigure({ hostKey: "own" });
  expect((await login(spec)).hostKey).toBe(own);
});

describe("a connection that breaks", () => {
  test("after a number of bytes, as often as said", async () => {
    const { spec } = await boot({ drop: { afterBytes: 20_000, times: 1 } });
    const { client } = await login(spec);
    const closed = new Promise((resolve) => client.once("close", () => resolve(undefined)));
    const failed = new Promise<Error>((resolve) => client.once("error", (error) => resolve(error)));
    let received = 0;
    await channelOf(
      client,
      "while :; do echo 0123456789012345678901234567890123456789; done",
      {},
      (channel) => {
        channel.on("data", (chunk: Buffer) => {
          received += chunk.length;
        });
      },
    );
    expect((await failed).message).toMatch(/ECONNRESET/);
    await closed;
    expect(received).toBeGreaterThan(0);
    expect(received).toBeLessThan(100_000);
    const again = await login(spec);
    expect((await run(again.client, "head -c 50000 /dev/zero | tr '\\0' x")).stdout.length).toBe(50_000);
  });

  test("after a time", async () => {
    const { spec, machine } = await boot();
    await machine.reconfigure({ drop: { afterMs: 300 } });
    const { client } = await login(spec);
    const failed = new Promise<Error>((resolve) => client.once("error", (error) => resolve(error)));
    channelOf(client, "sleep 1000").catch(() => {});
    expect((await failed).message).toMatch(/ECONNRESET/);
  });
});

test("half-open: nothing is answered and nothing is closed until the thaw; new connections are silent too", async () => {
  const { spec, machine } = await boot({}, {}, sampleApplication);
  const { client } = await login(spec);
  machine.freeze();
  const ran = run(client, "echo thawed");
  const web = get(`http://${spec.address}:8080/`);
  const pause = () => new Promise((resolve) => setTimeout(() => resolve("silent"), 300));
  expect(await Promise.race([ran, pause()])).toBe("silent");
  expect(await Promise.race([web, pause()])).toBe("silent");
  expect(await greeting(spec.address, 2222, 200)).toBe("");
  machine.thaw();
  expect((await ran).stdout).toBe("thawed\n");
  expect((await web).status).toBe(503);
});

describe("a full disk", () => {
  test("makes a real write fail, in every command, while what was there can be read", async () => {
    const { spec, machine } = await boot();
    const { client } = await login(spec);
    await run(client, "echo before > kept");
    await machine.reconfigure({ homeFreeKiB: 16 });
    const write = await run(client, "head -c 200000 /dev/zero > big; echo $?");
    expect(write.stderr).toContain("No space left on device");
    expect(write.stdout.trim()).not.toBe("0");
    expect((await run(client, "cat kept; pwd")).stdout).toBe(`before\n${spec.folder}/home/ubuntu\n`);
    expect((await run(client, "ls -s big | cut -d' ' -f1")).stdout.trim()).not.toBe("0");
    expect(await machine.jobs()).toEqual([]);
    await machine.reconfigure({ homeFreeKiB: null });
    expect((await run(client, "head -c 200000 /dev/zero > big; echo $?")).stdout).toBe("0\n");
  });

  test("from the start, and gone with the machine", async () => {
    const { spec, machine } = await boot({ homeFreeKiB: 0 });
    const { client } = await login(spec);
    expect((await run(client, "/bin/echo text > note")).stderr).toContain("No space left on device");
    await run(client, "setsid sleep 1000 >/dev/null 2>&1 </dev/null &");
    await until(
      () => machine.jobs(),
      (jobs) => jobs.length === 1,
    );
    await machine.stop();
    expect(await machine.jobs()).toEqual([]);
  });
});

test("wrong settings are refused and change nothing", async () => {
  const { spec, machine } = await boot();
  await expect(machine.reconfigure({ auth: "perhaps" })).rejects.toThrow();
  await login(spec);
});

test("machines to come behave as the host is told, until it is told otherwise", async () => {
  const host = createInstanceHost(sampleApplication);
  const start = async () => {
    const spec = await machineSpec({ application: { lmsStartMs: 10 } });
    const machine = await host.start(spec);
    later(() => machine.stop());
    return spec;
  };
  const before = await start();
  host.configure({ auth: "refuse", application: { failing: ["platform version"] } });
  const during = await start();
  expect(() => host.configure({ auth: "perhaps" })).toThrow();
  host.configure({});
  const after = await start();
  await login(before);
  await expect(login(during)).rejects.toThrow(/authentication/);
  const { client } = await login(after);
  expect((await run(client, "platform version")).status).toBe(0);
});
