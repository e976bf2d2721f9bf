import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { buildUserData } from "../../src/cloud/index.ts";

const run = promisify(execFile);

const PRIVATE_KEY = `-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACAy8pzWs1wk6TpplppD4GgH6CvwPxIB1tIwBjgOoHcW1gAAAJg=
-----END OPENSSH PRIVATE KEY-----
`;
const PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDLynNazXCTpOmmWmkPgaAfoK/A/EgHW0jAGOA6gdxbW";
const MADE_AT = Date.UTC(2026, 10, 21, 4, 0, 0);
const deadMan = { madeAt: MADE_AT, powerOffAt: MADE_AT + 25 * 3_600_000 };
const text = buildUserData({ hostKey: { privateKey: PRIVATE_KEY, publicKey: PUBLIC_KEY }, deadMan });

interface WrittenFile {
  path: string;
  permissions: string;
  owner: string;
  content: string;
}

function filesOf(userData: string): Map<string, WrittenFile> {
  const config = parse(userData) as { write_files: WrittenFile[] };
  return new Map(config.write_files.map((file) => [file.path, file]));
}

function contentOf(userData: string, path: string): string {
  const file = filesOf(userData).get(path);
  if (!file) throw new Error(`no file ${path}`);
  return file.content;
}

const SCRIPT = "/usr/local/sbin/slipway-deadman";
const TIMER = "/etc/systemd/system/slipway-deadman.timer";

describe("user data", () => {
  it("is a jinja cloud-config that injects the host key as it is", () => {
    expect(text.split("\n").slice(0, 2)).toEqual(["## template: jinja", "#cloud-config"]);
    expect(parse(text)).toMatchObject({
      ssh_deletekeys: true,
      ssh_keys: { ed25519_private: PRIVATE_KEY, ed25519_public: PUBLIC_KEY },
    });
  });

  it("is the same text for the same input", () => {
    const again = buildUserData({ hostKey: { privateKey: PRIVATE_KEY, publicKey: PUBLIC_KEY }, deadMan });
    expect(again).toBe(text);
    expect(Buffer.byteLength(text)).toBeLessThan(8 * 1024);
  });

  it("leaves the image's own host key alone where none is injected", () => {
    const config = parse(buildUserData({ deadMan }));
    expect(config).not.toHaveProperty("ssh_keys");
    expect(config).not.toHaveProperty("ssh_deletekeys");
  });

  it("gives jinja nothing but the instance id", () => {
    const marks = text.match(/\{\{|\{%|\{#/g) ?? [];
    expect(marks).toEqual(["{{"]);
    expect(text).toContain("armed_for='{{ v1.instance_id }}'");
  });

  it("sets a timer for an absolute moment that survives being off, and for the longest uptime", () => {
    const timer = contentOf(text, TIMER);
    expect(timer).toContain("\nOnCalendar=2026-11-22 05:00:00 UTC\n");
    expect(timer).toContain("\nPersistent=true\n");
    expect(timer).toContain(`\nOnBootSec=${25 * 3600}s\n`);
    expect(timer).toContain("\nWantedBy=timers.target\n");
    expect(contentOf(text, "/etc/systemd/system/slipway-deadman.service")).toContain(
      `\nExecStart=${SCRIPT}\n`,
    );
    expect(parse(text).runcmd).toEqual([
      ["systemctl", "daemon-reload"],
      ["systemctl", "enable", "slipway-deadman.timer"],
      ["systemctl", "restart", "slipway-deadman.timer"],
    ]);
    expect(filesOf(text).get(SCRIPT)).toMatchObject({ permissions: "0755", owner: "root:root" });
  });
});

/** The script itself, run by the real shell; the machine around it (paths, clock, systemctl) is a folder. */
describe("the dead-man script", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "slipway-deadman-"));
    await mkdir(join(folder, "bin"));
    const tool = async (name: string, body: string) => {
      await writeFile(join(folder, "bin", name), `#!/bin/sh\n${body}\n`);
      await chmod(join(folder, "bin", name), 0o755);
    };
    await tool("systemctl", `echo "systemctl $*" >> "${folder}/done"`);
    await tool("poweroff", `echo "poweroff $*" >> "${folder}/done"`);
    await tool("date", `cat "${folder}/now"`);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const HOUR = 3600;
  interface Machine {
    readonly armedFor?: string;
    /** What cloud-init wrote in this boot. */
    readonly id?: string | undefined;
    readonly assetTag?: string;
    /** Seconds after the user data was made. */
    readonly now: number;
    readonly uptime?: number;
  }

  async function execute(machine: Machine): Promise<{ code: number; done: string }> {
    const {
      armedFor = "i-0aaaaaaaaaaaaaaaa",
      id = "i-0aaaaaaaaaaaaaaaa",
      now,
      uptime = now,
      assetTag,
    } = machine;
    const paths = {
      "/run/cloud-init/.instance-id": join(folder, "id"),
      "/sys/devices/virtual/dmi/id/board_asset_tag": join(folder, "tag"),
      "/proc/uptime": join(folder, "uptime"),
    };
    let script = contentOf(text, SCRIPT).replace("{{ v1.instance_id }}", armedFor);
    for (const [path, ours] of Object.entries(paths)) script = script.replaceAll(path, ours);
    if (id !== "") await writeFile(paths["/run/cloud-init/.instance-id"], `${id}\n`);
    if (assetTag) await writeFile(paths["/sys/devices/virtual/dmi/id/board_asset_tag"], `${assetTag}\n`);
    await writeFile(paths["/proc/uptime"], `${uptime}.25 1000.00\n`);
    await writeFile(join(folder, "now"), `${MADE_AT / 1000 + now}\n`);
    await writeFile(join(folder, "script"), script);
    const env = { PATH: `${join(folder, "bin")}:/usr/bin:/bin` };
    const code = await run("sh", [join(folder, "script")], { env }).then(
      () => 0,
      (error: { code: number }) => error.code,
    );
    const done = await readFile(join(folder, "done"), "utf8").catch(() => "");
    return { code, done };
  }

  const POWEROFF = "systemctl poweroff --ignore-inhibitors\n";
  const SWITCHED_OFF = "systemctl disable --now slipway-deadman.timer\n";

  it("powers off once the time has come, not before", async () => {
    expect(await execute({ now: 24 * HOUR })).toEqual({ code: 0, done: "" });
    expect(await execute({ now: 25 * HOUR })).toEqual({ code: 0, done: POWEROFF });
  });

  it("powers off by uptime when the clock is wrong", async () => {
    expect(await execute({ now: -1000 * HOUR, uptime: 24 * HOUR })).toEqual({ code: 0, done: "" });
    expect(await execute({ now: -1000 * HOUR, uptime: 25 * HOUR })).toEqual({ code: 0, done: POWEROFF });
  });

  it("only switches itself off on an instance that was launched from a baked image", async () => {
    const other = { id: "i-0bbbbbbbbbbbbbbbb" };
    expect(await execute({ ...other, now: 1000 * HOUR })).toEqual({ code: 0, done: SWITCHED_OFF });
  });

  it("does nothing when the image's old timer calls the new instance's script", async () => {
    // The old timer is long due and fires at boot, when cloud-init has already written the new script.
    const fresh = { armedFor: "i-0bbbbbbbbbbbbbbbb", id: "i-0bbbbbbbbbbbbbbbb" };
    expect(await execute({ ...fresh, now: 60, uptime: 30 })).toEqual({ code: 0, done: "" });
  });

  it("knows itself on a Nitro machine, and otherwise tries again while it knows no id", async () => {
    const late = { id: "", now: 26 * HOUR };
    expect(await execute(late)).toEqual({ code: 1, done: "" });
    expect(await execute({ ...late, assetTag: "Amazon EC2" })).toEqual({ code: 1, done: "" });
    expect(await execute({ ...late, assetTag: "i-0aaaaaaaaaaaaaaaa" })).toEqual({ code: 0, done: POWEROFF });
  });
});
