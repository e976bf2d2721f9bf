import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { onDisk } from "../folder.ts";
import { absoluteTime, parseUnit, type Unit, valuesOf } from "./units.ts";

const UNIT_FOLDERS = ["etc/systemd/system", "lib/systemd/system", "usr/lib/systemd/system"];
const TURNS_OFF = /\b(shutdown|poweroff|halt|systemctl\s+(--\S+\s+)*(poweroff|halt))\b/;
const INSTANCE_ID = /\bi-[0-9a-f]{8,17}\b/g;
const ABSOLUTE_PATH = /\/[\w./-]+/g;

export interface ShutdownTimer {
  readonly unit: string;
  readonly at: Date;
  readonly persistent: boolean;
}

/** Timers that are enabled on the disk, wherever they come from: user data, or the image that was baked. */
export async function enabledTimers(root: string): Promise<string[]> {
  const names = await readdir(join(root, "etc/systemd/system/timers.target.wants")).catch(() => []);
  return names.filter((name) => name.endsWith(".timer"));
}

/** The timer as one that turns the machine off at an absolute moment; otherwise why it is not one. */
export async function readShutdownTimer(root: string, name: string): Promise<ShutdownTimer | string> {
  const timer = await readUnit(root, name);
  if (timer === undefined) return `${name}: no such unit file`;
  const [calendar] = valuesOf(timer, "Timer", "OnCalendar");
  const at = calendar === undefined ? undefined : absoluteTime(calendar);
  if (at === undefined) return `${name}: only an absolute OnCalendar=YYYY-MM-DD HH:MM:SS UTC is interpreted`;
  const service = await readUnit(root, serviceOf(timer, name));
  if (service === undefined) return `${name}: its service ${serviceOf(timer, name)} has no unit file`;
  if (!TURNS_OFF.test(await executed(root, service)))
    return `${name}: its service does not turn the machine off`;
  const persistent = ["yes", "true", "on", "1"].includes(valuesOf(timer, "Timer", "Persistent")[0] ?? "");
  return { unit: name, at, persistent };
}

/**
 * May the timer's service turn this machine off? Conditions on paths are looked up on the disk. A guard in
 * the commands compares instance ids: it holds when every id that the commands name, or that a file they name
 * holds, is this machine's own.
 */
export async function guardHolds(root: string, name: string, instanceId: string): Promise<boolean> {
  const timer = await readUnit(root, name);
  if (timer === undefined) return false;
  const service = await readUnit(root, serviceOf(timer, name));
  if (service === undefined) return false;
  for (const unit of [timer, service]) if (!(await conditionsHold(root, unit))) return false;
  const text = await executed(root, service);
  const ids = new Set(text.match(INSTANCE_ID) ?? []);
  for (const path of text.match(ABSOLUTE_PATH) ?? []) {
    const content = await readSmall(onDisk(root, path));
    if (/^i-[0-9a-f]{8,17}$/.test(content.trim())) ids.add(content.trim());
  }
  ids.delete(instanceId);
  return ids.size === 0;
}

function serviceOf(timer: Unit, name: string): string {
  return valuesOf(timer, "Timer", "Unit")[0] ?? name.replace(/\.timer$/, ".service");
}

async function readUnit(root: string, name: string): Promise<Unit | undefined> {
  for (const folder of UNIT_FOLDERS) {
    const text = await readFile(join(root, folder, name), "utf8").catch(() => undefined);
    if (text !== undefined) return parseUnit(text);
  }
  return undefined;
}

/** Every command of the service, and the text of the scripts on the machine's disk that they call. */
async function executed(root: string, service: Unit): Promise<string> {
  const keys = ["ExecCondition", "ExecStartPre", "ExecStart"];
  const commands = keys.flatMap((key) => valuesOf(service, "Service", key)).join("\n");
  const scripts = await Promise.all(
    (commands.match(ABSOLUTE_PATH) ?? []).map(async (path) => {
      const text = await readSmall(onDisk(root, path));
      return text.startsWith("#!") ? text : "";
    }),
  );
  return [commands, ...scripts].join("\n");
}

async function conditionsHold(root: string, unit: Unit): Promise<boolean> {
  for (const key of ["ConditionPathExists", "AssertPathExists", "ConditionPathIsDirectory"]) {
    for (const value of valuesOf(unit, "Unit", key)) {
      const negated = value.startsWith("!");
      const exists = await stat(onDisk(root, value.replace(/^[!|]+/, ""))).then(
        () => true,
        () => false,
      );
      if (exists === negated) return false;
    }
  }
  return true;
}

async function readSmall(path: string): Promise<string> {
  const facts = await stat(path).catch(() => undefined);
  if (facts === undefined || !facts.isFile() || facts.size > 65_536) return "";
  return readFile(path, "utf8").catch(() => "");
}
