import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SlipwayError } from "../../src/util/errors.ts";
import { endGroups, groupLives } from "./processes.ts";

const LAST_LINES = 30;

export interface ChildSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Its output goes here, to the end of what is there. */
  readonly logFile: string;
}

export interface Child {
  readonly name: string;
  /** Leader of a process group of its own. */
  readonly pid: number;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  isRunning(): boolean;
  lastLines(): string;
  end(patienceMs: number): Promise<void>;
}

/** The processes of one sandbox, and the watchdog that ends them should the supervisor be killed. */
export class Children {
  readonly #watchdog: ChildProcess;
  readonly #children = new Set<Child>();

  /** @param folder Jobs that work in it end with the sandbox. */
  constructor(folder: string) {
    this.#watchdog = spawn(process.execPath, [join(import.meta.dirname, "watchdog.ts"), folder], {
      stdio: ["pipe", "ignore", "ignore"],
      detached: true,
    });
    this.#watchdog.unref();
    // Killed by hand, it takes the pipe with it; that must not end the supervisor too.
    this.#watchdog.stdin?.on("error", () => {});
    this.#watchdog.on("error", () => {});
  }

  /** Starts a process in a group of its own. Throws `sandbox_child_failed` when it cannot be started at all. */
  async start(spec: ChildSpec): Promise<Child> {
    const log = openSync(spec.logFile, "a", 0o600);
    const started = spawn(spec.command, spec.args, {
      cwd: spec.cwd,
      env: spec.env,
      stdio: ["ignore", log, log],
      detached: true,
    });
    closeSync(log);
    await once(started, "spawn").catch((cause: unknown) => {
      throw new SlipwayError("sandbox_child_failed", `${spec.name} could not be started.`, { cause });
    });
    const pid = started.pid ?? 0;
    this.#tell(`add ${pid}`);
    const child: Child = {
      name: spec.name,
      pid,
      isRunning: () => started.exitCode === null && started.signalCode === null,
      lastLines: () => lastLines(spec.logFile),
      end: (patienceMs) => endGroups([pid], patienceMs),
      ended: once(started, "exit").then(([code, signal]) => {
        this.#children.delete(child);
        // Its number may be another's soon. A group of which only the leader ended is swept with the folder.
        if (!groupLives(pid)) this.#tell(`drop ${pid}`);
        return { code, signal };
      }),
    };
    this.#children.add(child);
    return child;
  }

  async endAll(patienceMs: number): Promise<void> {
    await endGroups(
      [...this.#children].map((child) => child.pid),
      patienceMs,
    );
    this.#watchdog.stdin?.end();
  }

  #tell(line: string): void {
    this.#watchdog.stdin?.write(`${line}\n`);
  }
}

function lastLines(file: string): string {
  try {
    return readFileSync(file, "utf8").trimEnd().split("\n").slice(-LAST_LINES).join("\n");
  } catch {
    return "";
  }
}
