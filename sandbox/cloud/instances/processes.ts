import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { HostJob } from "../ports.ts";
import { MARKER } from "./environment.ts";

/** Clock ticks per second in /proc/PID/stat; 100 on every Linux that Node supports. */
const TICKS_PER_SECOND = 100;
/** Variables in /proc/PID/environ end with a zero byte. */
const MARKED = new RegExp(`(?:^|\\0)${MARKER}=([^\\0]+)\\0`);
const KILL_ROUNDS = 200;
const KILL_PAUSE_MS = 10;

/** Ids of live processes by the machine that their environment names. A zombie has no environment left. */
async function scan(): Promise<ReadonlyMap<string, readonly number[]>> {
  const ids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  const found = new Map<string, number[]>();
  await Promise.all(
    ids.map(async (id) => {
      const environment = await readFile(`/proc/${id}/environ`, "latin1").catch(() => "");
      const instanceId = MARKED.exec(environment)?.[1];
      if (instanceId !== undefined) found.set(instanceId, [...(found.get(instanceId) ?? []), Number(id)]);
    }),
  );
  return found;
}

let scanning: Promise<ReadonlyMap<string, readonly number[]>> | undefined;

/** One scan for all who ask while it goes on: `GET state` asks for every machine at once. */
function sharedScan(): Promise<ReadonlyMap<string, readonly number[]>> {
  scanning ??= scan().finally(() => {
    scanning = undefined;
  });
  return scanning;
}

/** Ids of the machine's live processes, looked up now. */
export async function processesOf(instanceId: string): Promise<readonly number[]> {
  return (await scan()).get(instanceId) ?? [];
}

/** The machine's processes as jobs, but not the ones in `except`. */
export async function jobsOf(instanceId: string, except: ReadonlySet<number>): Promise<HostJob[]> {
  const ids = ((await sharedScan()).get(instanceId) ?? []).filter((id) => !except.has(id));
  const bootedAt = await bootTime();
  const jobs = await Promise.all(ids.map((id) => describe(id, bootedAt)));
  return jobs.filter((job) => job !== undefined).sort((a, b) => a.pid - b.pid);
}

async function describe(pid: number, bootedAt: number): Promise<HostJob | undefined> {
  const [commandLine, stat] = await Promise.all([
    readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""),
    readFile(`/proc/${pid}/stat`, "utf8").catch(() => ""),
  ]);
  if (commandLine === "" || stat === "") return undefined;
  // The program's name is in brackets and may itself hold spaces and brackets: fields count from the last
  // one.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const startedAt = new Date(bootedAt + (Number(fields[19]) / TICKS_PER_SECOND) * 1000).toISOString();
  return { pid, command: commandLine.split("\0").join(" ").trim(), startedAt };
}

/** When this kernel started, in milliseconds since the epoch. */
async function bootTime(): Promise<number> {
  const stat = await readFile("/proc/stat", "utf8").catch(() => "");
  return Number(/^btime (\d+)$/m.exec(stat)?.[1] ?? 0) * 1000;
}

/**
 * Kills everything that runs in the machine. Repeats until a scan finds nothing, because a process may fork
 * between the scan and the signal. `groups` are process groups that this program began, for systems without
 * /proc.
 */
export async function killAll(instanceId: string, groups: Iterable<number>): Promise<void> {
  for (const group of groups) signalGroup(group, "SIGKILL");
  for (let round = 0; round < KILL_ROUNDS; round++) {
    const ids = await processesOf(instanceId);
    if (ids.length === 0) return;
    for (const id of ids) signalProcess(id, "SIGKILL");
    await sleep(KILL_PAUSE_MS);
  }
  throw new Error(
    `Processes of ${instanceId} survive SIGKILL: ${(await processesOf(instanceId)).join(", ")}`,
  );
}

export function signalGroup(group: number, signal: NodeJS.Signals): void {
  signalProcess(-group, signal);
}

function signalProcess(id: number, signal: NodeJS.Signals): void {
  try {
    process.kill(id, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
