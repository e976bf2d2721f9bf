import { enabledTimers, guardHolds, readShutdownTimer } from "./user-data/shutdown-timer.ts";

/** The longest that setTimeout can wait is 2^31-1 ms; a later moment is approached in such parts. */
const LONGEST_WAIT_MS = 2_147_483_647;

/**
 * The machine's timers that turn it off, as systemd would keep them: armed at boot, asked for their guard
 * when due.
 */
export class ShutdownClock {
  readonly #timers = new Set<NodeJS.Timeout>();
  #stopped = false;

  /**
   * Arms every enabled timer on the disk and returns what was not armed and why. A moment that has passed
   * never comes, unless the timer is persistent and this is not the disk's first boot.
   */
  async arm(options: {
    readonly root: string;
    readonly instanceId: string;
    readonly firstBoot: boolean;
    readonly now: () => number;
    readonly due: (unit: string) => void;
  }): Promise<string[]> {
    const notArmed: string[] = [];
    for (const name of await enabledTimers(options.root)) {
      const timer = await readShutdownTimer(options.root, name);
      if (typeof timer === "string") {
        notArmed.push(timer);
        continue;
      }
      const passed = timer.at.getTime() <= options.now();
      if (passed && !(timer.persistent && !options.firstBoot)) {
        notArmed.push(`${name}: ${timer.at.toISOString()} has passed`);
        continue;
      }
      this.#wait(timer.at.getTime(), options.now, async () => {
        if (await guardHolds(options.root, name, options.instanceId)) options.due(name);
      });
    }
    return notArmed;
  }

  #wait(at: number, now: () => number, ring: () => Promise<void>): void {
    if (this.#stopped) return;
    const rest = Math.max(0, at - now());
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        if (now() < at) this.#wait(at, now, ring);
        else void ring().catch(() => {});
      },
      Math.min(rest, LONGEST_WAIT_MS),
    );
    this.#timers.add(timer);
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}
