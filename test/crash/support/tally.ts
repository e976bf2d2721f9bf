import { existsSync, readdirSync, readFileSync } from "node:fs";

/** How often each job began and ended, e.g. `{ "begin long": 1, "end long": 1 }`. */
export type Tally = Readonly<Record<string, number>>;

/** The notes that jobs have left, from a line on. */
export function readTally(file: string, fromLine = 0): Tally {
  const counts: Record<string, number> = {};
  for (const line of linesOf(file).slice(fromLine)) counts[line] = (counts[line] ?? 0) + 1;
  return counts;
}

export function tallyLength(file: string): number {
  return linesOf(file).length;
}

/** Jobs that have begun and not ended. */
export function underWay(tally: Tally): string[] {
  return Object.keys(tally)
    .filter((event) => event.startsWith("begin ") && !tally[event.replace("begin", "end")])
    .map((event) => event.slice("begin ".length));
}

/**
 * Processes of jobs that live, by the variable that tells every job of a yard where to leave its notes: what a job
 * starts inherits it. Elsewhere than on Linux none is found.
 */
export function livingJobs(file: string): number[] {
  if (!existsSync("/proc/self/environ")) return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => environmentOf(pid).includes(`TALLY=${file}\0`))
    .map(Number);
}

function environmentOf(pid: string): string {
  try {
    return `${readFileSync(`/proc/${pid}/environ`, "utf8")}\0`;
  } catch {
    return "";
  }
}

function linesOf(file: string): string[] {
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : [];
}
