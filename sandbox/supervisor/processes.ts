import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { sleep } from "../../src/util/clock.ts";

/** When a process began, in the kernel's ticks; undefined when there is none. Elsewhere than on Linux: "alive". */
export function processStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command's name, in brackets, may hold blanks and brackets itself; state Z is a process that ended.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    if (process.platform === "linux") return undefined;
    return isAlive(pid) ? "alive" : undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Sends a signal to a process group; a group that is gone is no error. */
export function signalGroup(leader: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-leader, signal);
    return true;
  } catch {
    return false;
  }
}

/** Ends process groups: asks first, and kills what is left after `patienceMs`. */
export async function endGroups(leaders: readonly number[], patienceMs: number): Promise<void> {
  const living = leaders.filter((leader) => signalGroup(leader, "SIGTERM"));
  const until = Date.now() + patienceMs;
  while (Date.now() < until && living.some(groupLives)) await sleep(20);
  for (const leader of living) signalGroup(leader, "SIGKILL");
  while (Date.now() < until + 1_000 && living.some(groupLives)) await sleep(20);
}

/** Has this process group a member that has not ended? */
export function groupLives(leader: number): boolean {
  if (!isAlive(-leader)) return false;
  if (process.platform !== "linux") return true;
  // Ended processes that nobody has waited for still count as members of the group.
  return processes().some((one) => one.group === leader && one.state !== "Z");
}

export interface ProcessFacts {
  readonly pid: number;
  readonly group: number;
  readonly state: string;
  readonly hasTerminal: boolean;
  /** When it began, in the kernel's ticks. */
  readonly start: number;
}

/** Every process of this machine; empty elsewhere than on Linux. */
export function processes(): readonly ProcessFacts[] {
  const list: ProcessFacts[] = [];
  for (const name of readProc()) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      const [state = "", , group, , terminal] = fields;
      const facts = { group: Number(group), hasTerminal: terminal !== "0", start: Number(fields[19]) };
      list.push({ pid: Number(name), state, ...facts });
    } catch {
      // It ended while we read.
    }
  }
  return list;
}

/**
 * Detached jobs of the bot (a test run, a local program) outlive the bot on purpose: that is how they are joined
 * after a restart. With the sandbox itself they must end. They are known by what they hold of its folder (their
 * working folder, or their output), by their age, and by having no terminal: a person's shell is left alone.
 * @param since The ticks of the supervisor's own start.
 */
export function jobsIn(folder: string, since: string | undefined): readonly ProcessFacts[] {
  return processes().filter((one) => {
    if (one.pid === process.pid || one.hasTerminal || one.state === "Z") return false;
    return one.start >= Number(since ?? 0) && holds(one.pid, folder);
  });
}

/** Kills such jobs, each with its group where it leads one, until none is left (2 s at most). */
export async function endJobs(folder: string, since: string | undefined): Promise<void> {
  for (let tried = 0; tried < 100; tried++) {
    const jobs = jobsIn(folder, since);
    if (jobs.length === 0) return;
    for (const job of jobs) {
      try {
        process.kill(job.group === job.pid ? -job.pid : job.pid, "SIGKILL");
      } catch {
        // It ended by itself.
      }
    }
    await sleep(20);
  }
}

function holds(pid: number, folder: string): boolean {
  return ["cwd", "fd/0", "fd/1", "fd/2"].some((link) => {
    try {
      const path = readlinkSync(`/proc/${pid}/${link}`);
      return path === folder || path.startsWith(`${folder}/`);
    } catch {
      return false;
    }
  });
}

function readProc(): readonly string[] {
  try {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}
