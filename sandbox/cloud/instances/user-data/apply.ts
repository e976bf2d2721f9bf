import { chmod, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { messageOf } from "../../../../src/util/errors.ts";
import { assertInside, onDisk } from "../folder.ts";
import { isPrivateKey } from "../host-keys.ts";
import { type CloudConfig, contentOf, type FileToWrite, modeOf, parseUserData } from "./cloud-config.ts";
import { type InstanceData, renderTemplate } from "./template.ts";
import { startedUnits } from "./units.ts";

/** What became of user data: for tests and for the person who wonders why their key is not there. */
export interface UserDataReport {
  readonly files: readonly string[];
  /** Keys of cloud-config and commands that a machine here does not act on. */
  readonly ignored: readonly string[];
  /** What cloud-init would have logged as an error; the boot went on. */
  readonly problems: readonly string[];
}

export interface AppliedUserData extends UserDataReport {
  /** The injected host key's private part, if one was given and can be read. */
  readonly hostKey: string | undefined;
}

const NOTHING: AppliedUserData = { files: [], ignored: [], problems: [], hostKey: undefined };

/**
 * Interprets user data as cloud-init's first boot would, on the machine's own disk. Nothing in it is ever
 * run. What is wrong is reported and the boot goes on, which is cloud-init's way.
 */
export async function applyUserData(
  root: string,
  userData: string | undefined,
  data: InstanceData,
): Promise<AppliedUserData> {
  if (userData === undefined) return NOTHING;
  const rendered = renderTemplate(userData, data);
  if (!rendered.ok) return { ...NOTHING, problems: [rendered.problem] };
  const missing = rendered.missing.map((name) => `unknown template variable ${name}`);
  const parsed = parseUserData(rendered.text);
  if (parsed.kind === "ignored") return { ...NOTHING, ignored: [parsed.why], problems: missing };
  if (parsed.kind === "invalid") return { ...NOTHING, problems: [...missing, parsed.problem] };
  const { files, problems } = await writeFiles(root, parsed.config.write_files ?? []);
  const commands = await followCommands(root, parsed.config);
  const key = hostKeyOf(parsed.config);
  return {
    files,
    ignored: [...parsed.ignored, ...commands],
    problems: [...missing, ...problems, ...key.problems],
    hostKey: key.hostKey,
  };
}

async function writeFiles(root: string, list: readonly FileToWrite[]) {
  const files: string[] = [];
  const problems: string[] = [];
  const order = [...list.filter((file) => !file.defer), ...list.filter((file) => file.defer)];
  for (const file of order) {
    try {
      const target = onDisk(root, file.path);
      await assertInside(root, target);
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, contentOf(file), { flag: file.append ? "a" : "w" });
      await chmod(target, modeOf(file));
      files.push(file.path);
    } catch (error) {
      problems.push(`write_files ${file.path}: ${messageOf(error)}`);
    }
  }
  return { files, problems };
}

/**
 * Acts on `systemctl enable`/`start` of timers, which leaves a link as systemd does; lists every other
 * command.
 */
async function followCommands(root: string, config: CloudConfig): Promise<string[]> {
  const ignored: string[] = [];
  for (const command of [...(config.bootcmd ?? []), ...(config.runcmd ?? [])]) {
    const timers = startedUnits(command).filter((unit) => unit.endsWith(".timer"));
    if (timers.length === 0) {
      const text = typeof command === "string" ? command : command.join(" ");
      if (!/^\s*(\S*\/)?systemctl\s+daemon-reload\s*$/.test(text)) ignored.push(`command: ${text}`);
    }
    for (const timer of timers) await enable(root, timer);
  }
  return ignored;
}

async function enable(root: string, timer: string): Promise<void> {
  const wants = join(root, "etc/systemd/system/timers.target.wants");
  await mkdir(wants, { recursive: true });
  await rm(join(wants, timer), { force: true });
  await symlink(join("..", timer), join(wants, timer));
}

function hostKeyOf(config: CloudConfig): { hostKey: string | undefined; problems: string[] } {
  const order = ["ed25519_private", "ecdsa_private", "rsa_private"];
  const name = order.find((candidate) => config.ssh_keys?.[candidate] !== undefined);
  const text = name === undefined ? undefined : config.ssh_keys?.[name];
  if (text === undefined) return { hostKey: undefined, problems: [] };
  if (!isPrivateKey(text)) return { hostKey: undefined, problems: [`ssh_keys ${name}: not a private key`] };
  return { hostKey: text, problems: [] };
}

/** Keeps the report where a person on the machine would look for cloud-init's log. */
export async function writeReport(root: string, report: UserDataReport): Promise<void> {
  const lines = [
    ...report.files.map((path) => `wrote ${path}`),
    ...report.ignored.map((what) => `ignored: ${what}`),
    ...report.problems.map((what) => `error: ${what}`),
  ];
  await writeFile(join(root, "var/log/cloud-init.log"), lines.map((line) => `${line}\n`).join(""));
}

/** The host key that an earlier boot kept on this disk. */
export async function keptHostKey(root: string): Promise<string | undefined> {
  return readFile(hostKeyPath(root), "utf8").catch(() => undefined);
}

export async function keepHostKey(root: string, key: string): Promise<void> {
  await mkdir(dirname(hostKeyPath(root)), { recursive: true });
  await writeFile(hostKeyPath(root), key, { mode: 0o600 });
}

function hostKeyPath(root: string): string {
  return join(root, "etc/ssh/ssh_host_ed25519_key");
}
