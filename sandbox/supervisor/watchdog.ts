/**
 * Outlives the supervisor by a moment: it holds the other end of a pipe, and when that closes (the supervisor
 * ended, by SIGKILL too) it ends every process group that it was told of, and the jobs that still work in the
 * sandbox's folder. Lines: `add PID`, `drop PID`. Argument: the folder.
 */
import { createInterface } from "node:readline";
import { endGroups, endJobs, processStart } from "./processes.ts";

const groups = new Set<number>();
const folder = process.argv[2] ?? "";

// A ctrl-C at the terminal is for the supervisor, which tidies up itself.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => {});

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const [word, pid] = line.split(" ");
  if (word === "add") groups.add(Number(pid));
  if (word === "drop") groups.delete(Number(pid));
});
lines.on("close", () => {
  endGroups([...groups], 3_000)
    .then(() => endJobs(folder, processStart(process.pid)))
    .finally(() => process.exit(0));
});
