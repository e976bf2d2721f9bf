import { type ChildProcess, spawn } from "node:child_process";
import type { SmallDisk } from "./disk.ts";
import { type Connected, commandEnvironment, type MachinePlace } from "./environment.ts";
import type { StartCommand } from "./session.ts";

/**
 * Starts the machine's commands: each is a real process in a session and process group of its own, with the
 * machine's folder as its home and nothing of the cloud's environment.
 */
export class Commands {
  readonly #place: MachinePlace;
  readonly #groups = new Set<number>();
  /** When set, commands run where the home folder lies on the small disk. */
  smallDisk: SmallDisk | undefined;

  constructor(place: MachinePlace) {
    this.#place = place;
  }

  /** Process groups whose first process has not been seen to end. */
  get groups(): ReadonlySet<number> {
    return this.#groups;
  }

  starter(connected: Connected): StartCommand {
    return (command, accepted) => {
      const words = command === undefined ? ["/bin/sh"] : ["/bin/sh", "-c", command];
      return this.#spawn(words, commandEnvironment(this.#place, accepted, connected));
    };
  }

  #spawn(words: readonly string[], env: Record<string, string>): ChildProcess {
    const plain: [string, string[]] = [words[0] ?? "/bin/sh", words.slice(1)];
    const [program, rest] = this.smallDisk?.enter(words) ?? plain;
    const child = spawn(program, rest, {
      cwd: this.#place.home,
      env,
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    });
    const { pid } = child;
    if (pid !== undefined) {
      this.#groups.add(pid);
      child.once("exit", () => this.#groups.delete(pid));
    }
    return child;
  }
}
