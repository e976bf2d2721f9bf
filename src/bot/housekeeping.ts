import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { Logger } from "pino";
import type { Database } from "../../db/connection.ts";
import { pruneLogs } from "../../db/logs.ts";
import { type Clock, sleep } from "../util/clock.ts";

/** How much is given back in one go, in pages of 4 KiB: milliseconds, so that nothing else waits long. */
const PAGES_AT_ONCE = 500;
const EVERY_MS = 6 * 3_600_000;
/** Run logs, screenshots and job output are for looking at soon; runs, steps and the audit log are kept. In ms. */
export const KEPT_MS = 30 * 86_400_000;

export interface HousekeepingOptions {
  readonly db: Database;
  /** Gives free space of the database's file back, so many pages at most; how many it gave. */
  readonly giveBack: (pages: number) => Promise<number>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Folders whose entries are removed when they are old. */
  readonly folders: readonly string[];
}

/** Keeps the disk from filling over the years. A fault is worth a line in the log. */
export class Housekeeping {
  readonly #options: HousekeepingOptions;
  readonly #stopping = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(options: HousekeepingOptions) {
    this.#options = options;
  }

  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await this.tidy().catch((error) => this.#options.log.warn({ err: error }, "could not tidy up"));
      await sleep(EVERY_MS, this.#stopping.signal);
    }
  }

  /** One round. */
  async tidy(): Promise<{ lines: number; folders: number }> {
    const before = this.#options.clock.now() - KEPT_MS;
    const lines = await pruneLogs(this.#options.db, before);
    await this.#giveSpaceBack();
    let folders = 0;
    for (const folder of this.#options.folders) folders += await removeOld(folder, before);
    if (lines + folders > 0) this.#options.log.info({ lines, folders }, "old logs and artifacts removed");
    return { lines, folders };
  }

  async #giveSpaceBack(): Promise<void> {
    while (!this.#stopping.signal.aborted && (await this.#options.giveBack(PAGES_AT_ONCE)) > 0)
      await setImmediate();
  }
}

async function removeOld(folder: string, before: number): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  let removed = 0;
  for (const name of names) {
    const path = join(folder, name);
    const { mtimeMs } = await stat(path);
    if (mtimeMs >= before) continue;
    await rm(path, { recursive: true, force: true });
    removed++;
  }
  return removed;
}
