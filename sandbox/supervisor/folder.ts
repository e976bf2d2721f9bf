import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { SlipwayError } from "../../src/util/errors.ts";
import { processStart } from "./processes.ts";

const MARK = ".slipway-sandbox";
const LOCK = "supervisor.pid";

export interface SandboxFolder {
  readonly path: string;
  file(...parts: string[]): string;
  unlock(): void;
}

/**
 * Takes the folder for one supervisor, and empties it unless `keep`. Only a folder that a sandbox made (or an
 * empty one) is ever emptied. Throws `sandbox_running` with the other's pid, or `not_a_sandbox`.
 */
export function takeFolder(directory: string, keep: boolean): SandboxFolder {
  const path = resolve(directory);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const content = readdirSync(path);
  if (content.length > 0 && !content.includes(MARK)) {
    throw new SlipwayError("not_a_sandbox", `${path} holds files that no sandbox made.`, {
      remedy: "Name an empty or new folder with --dir: a sandbox empties its folder at each start.",
    });
  }
  const file = (...parts: string[]) => join(path, ...parts);
  lock(file(LOCK), path);
  if (!keep) {
    for (const name of content) {
      if (name !== MARK && name !== LOCK) rmSync(file(name), { recursive: true, force: true });
    }
  }
  rmSync(file("sandbox.json"), { force: true });
  writeFileSync(file(MARK), "This folder belongs to a Slipway sandbox, which empties it at each start.\n");
  for (const name of ["logs", "keys"]) mkdirSync(file(name), { recursive: true, mode: 0o700 });
  return { path, file, unlock: () => rmSync(file(LOCK), { force: true }) };
}

/** The lock names the process and when it began, so that a number used again by another does not count. */
function lock(lockFile: string, path: string): void {
  const mine = `${process.pid} ${processStart(process.pid) ?? "?"}\n`;
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      writeFileSync(lockFile, mine, { flag: "wx" });
      return;
    } catch {
      const holder = existsSync(lockFile) ? readFileSync(lockFile, "utf8").trim() : "";
      const [pid, start] = holder.split(" ");
      if (pid && start && processStart(Number(pid)) === start) throw running(path, Number(pid));
      rmSync(lockFile, { force: true });
    }
  }
  throw running(path, undefined);
}

function running(path: string, pid: number | undefined): SlipwayError {
  return new SlipwayError(
    "sandbox_running",
    `A sandbox already runs in ${path} (process ${pid ?? "unknown"}).`,
    {
      remedy: `End it first (kill ${pid ?? "PID"}), or give this one a folder of its own with --dir.`,
      fields: { pid },
    },
  );
}
