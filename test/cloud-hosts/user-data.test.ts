import { access, cp, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { noApplication } from "../../sandbox/cloud/instances/application.ts";
import { Machine } from "../../sandbox/cloud/instances/index.ts";
import { newSshKeys } from "../../sandbox/ssh-keys.ts";
import { buildUserData } from "../../src/cloud/user-data.ts";
import { boot, later, login, machineSpec, until } from "./machine-kit.ts";

const HOST_KEYS = newSshKeys();
const PUBLIC = HOST_KEYS.public.split(" ")[1];

function keysAsYaml(): string {
  const indented = HOST_KEYS.private.trim().replaceAll("\n", "\n    ");
  return `ssh_keys:\n  ed25519_private: |\n    ${indented}\n  ed25519_public: ${HOST_KEYS.public}\n`;
}

function timerUnits(at: string, guard = ""): string {
  return `write_files:
  - path: /etc/systemd/system/end.timer
    content: |
      [Timer]
      OnCalendar=${at}
  - path: /etc/systemd/system/end.service
    content: |
      [Unit]
      ${guard}
      [Service]
      Type=oneshot
      ExecStart=/usr/bin/systemctl poweroff
`;
}

function calendar(inMs: number): string {
  const iso = new Date(Math.ceil((Date.now() + inMs) / 1000) * 1000).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

describe("the host key", () => {
  test("is the injected one", async () => {
    const { spec } = await boot({}, { userData: `#cloud-config\n${keysAsYaml()}` });
    expect((await login(spec)).hostKey).toBe(PUBLIC);
  });

  test("is the image's own for a moment, where the image is so", async () => {
    const settings = { bakedHostKeyMs: 400 };
    const { spec } = await boot(settings, { userData: `#cloud-config\n${keysAsYaml()}` });
    const other = await boot({ bakedHostKeyMs: 60_000 });
    const first = (await login(spec)).hostKey;
    expect(first).not.toBe(PUBLIC);
    expect((await login(other.spec)).hostKey).toBe(first);
    await until(
      async () => (await login(spec)).hostKey,
      (key) => key === PUBLIC,
    );
  });

  test("is a new one without user data, and stays the same over a reboot", async () => {
    const { spec, machine } = await boot();
    const another = await boot();
    const { hostKey } = await login(spec);
    expect((await login(another.spec)).hostKey).not.toBe(hostKey);
    await machine.stop();
    const again = await Machine.boot({ ...spec, firstBoot: false }, noApplication);
    later(() => again.stop());
    expect((await login(spec)).hostKey).toBe(hostKey);
  });
});

describe("files", () => {
  test("are written under the machine's root, with encoding and mode, the template filled in", async () => {
    const { spec } = await boot(
      {},
      {
        userData: `## template: jinja
#cloud-config
write_files:
  - { path: /etc/who, content: "{{ v1.instance_id }} {{ ds.meta_data.instance_id }} {{ v1.nothing }}" }
  - { path: /usr/local/sbin/tool, content: aGVsbG8=, encoding: b64, permissions: "0755" }
  - { path: /etc/who, content: " more", append: true }
  - { path: ../../../../outside, content: no }
runcmd: [touch /etc/was-run, [systemctl, daemon-reload]]
packages: [nginx]
`,
      },
    );
    const read = (path: string) => readFile(join(spec.folder, path), "utf8");
    expect(await read("etc/who")).toBe(
      `${spec.instanceId} ${spec.instanceId} CI_MISSING_JINJA_VAR/v1.nothing more`,
    );
    expect(await read("usr/local/sbin/tool")).toBe("hello");
    expect((await stat(join(spec.folder, "usr/local/sbin/tool"))).mode & 0o777).toBe(0o755);
    expect(await read("outside")).toBe("no");
    expect(await exists(join(spec.folder, "etc/was-run"))).toBe(false);
    const log = await read("var/log/cloud-init.log");
    expect(log).toContain("ignored: packages");
    expect(log).toContain("ignored: command: touch /etc/was-run");
    expect(log).toContain("error: unknown template variable v1.nothing");
    expect(log).not.toContain("daemon-reload");
  });

  test.each([
    ["a script", "#!/bin/sh\ntouch /tmp/never", "ignored: a script"],
    ["broken YAML", "#cloud-config\nwrite_files: [", "error:"],
    ["a wrong shape", "#cloud-config\nwrite_files: 7", "error:"],
    ["no header", "hello", "ignored: unhandled"],
    ["a key that is none", "#cloud-config\nssh_keys: { ed25519_private: nonsense }", "not a private key"],
  ])("%s is recorded, and the boot goes on", async (_what, userData, said) => {
    const { spec } = await boot({}, { userData });
    await login(spec);
    expect(await readFile(join(spec.folder, "var/log/cloud-init.log"), "utf8")).toContain(said);
  });
});

describe("the timer that turns the machine off", () => {
  test("does so at its moment, once, and says when it is off", async () => {
    const off: string[] = [];
    const userData = `#cloud-config\n${timerUnits(calendar(600))}runcmd: [[systemctl, enable, --now, end.timer]]\n`;
    const { spec, machine } = await boot({}, { userData, onShutdown: (reason) => off.push(reason) });
    await login(spec);
    await until(
      () => off,
      (list) => list.length > 0,
    );
    expect(off).toEqual(["end.timer was due"]);
    expect(machine.ports()).toEqual([]);
  });

  test("the bot's own one works here", async () => {
    const off: string[] = [];
    const now = Date.now();
    const userData = buildUserData({ deadMan: { madeAt: now, powerOffAt: now + 1000 } });
    await boot({}, { userData, onShutdown: (reason) => off.push(reason) });
    await until(
      () => off,
      (list) => list.length > 0,
    );
    expect(off).toEqual(["slipway-deadman.timer was due"]);
  });

  test("a machine from an image baked from it does not carry it", async () => {
    const now = Date.now();
    const userData = buildUserData({ deadMan: { madeAt: now, powerOffAt: now + 1500 } });
    const off: string[] = [];
    const first = await boot({}, { userData, onShutdown: () => off.push("first") });
    const second = await machineSpec({}, { onShutdown: () => off.push("second") });
    await rm(second.folder, { recursive: true });
    await cp(first.spec.folder, second.folder, { recursive: true, verbatimSymlinks: true });
    const machine = await Machine.boot(second, noApplication);
    later(() => machine.stop());
    await until(
      () => off,
      (list) => list.length > 0,
    );
    // The copy's timer was due at the same moment; it had the time to do what it must not do.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(off).toEqual(["first"]);
    expect(machine.ports()).toEqual([2222]);
  });

  test.each([
    ["not enabled", () => timerUnits(calendar(300))],
    ["past", () => `${timerUnits("2020-01-01 00:00:00 UTC")}runcmd: [systemctl start end.timer]\n`],
    [
      "for a path that is not there",
      () =>
        `${timerUnits(calendar(300), "ConditionPathExists=/nowhere")}runcmd: [systemctl start end.timer]\n`,
    ],
  ])("one that is %s does nothing", async (_what, units) => {
    const off: string[] = [];
    const { machine } = await boot(
      {},
      { userData: `#cloud-config\n${units()}`, onShutdown: () => off.push("off") },
    );
    await new Promise((resolve) => setTimeout(resolve, 1600));
    expect(off).toEqual([]);
    expect(machine.ports()).toEqual([2222]);
  });

  test("`sudo shutdown` on the machine turns it off, and never the host", async () => {
    const off: string[] = [];
    const { spec } = await boot({}, { onShutdown: (reason) => off.push(reason) });
    const { client } = await login(spec);
    client.exec("sudo shutdown -h now", () => {});
    await until(
      () => off,
      (list) => list.length > 0,
    );
    expect(off).toEqual(["shutdown was called on the machine"]);
  });
});
