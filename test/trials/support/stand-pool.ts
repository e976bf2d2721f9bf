import type { Patch } from "../../crash/support/versions.ts";
import type { YardOptions } from "../../crash/support/yard.ts";
import { Stand } from "./stand.ts";

/** Several stands for cases that mostly wait: as many at a time as there are stands. */
export class StandPool {
  readonly #all: readonly Stand[];
  readonly #free: Stand[];
  readonly #waiting: ((stand: Stand) => void)[] = [];

  private constructor(stands: readonly Stand[]) {
    this.#all = stands;
    this.#free = [...stands];
  }

  static async open(size: number, options: YardOptions): Promise<StandPool> {
    const opened = await Promise.allSettled(Array.from({ length: size }, () => Stand.open(options)));
    const stands = opened.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const failed = opened.find((one) => one.status === "rejected");
    if (failed) {
      await Promise.all(stands.map((stand) => stand.close()));
      throw failed.reason;
    }
    return new StandPool(stands);
  }

  /**
   * Plays one case on the next free stand. What a case leaves behind when it fails, and a bot that was changed by
   * `patches`, go before the next one comes.
   */
  async play<T>(work: (stand: Stand) => Promise<T>, patches: readonly Patch[] = []): Promise<T> {
    const stand = this.#free.pop() ?? (await new Promise<Stand>((free) => this.#waiting.push(free)));
    let clean = patches.length === 0;
    try {
      if (!clean) await stand.renew(patches);
      stand.trial.begin();
      return await work(stand);
    } catch (error) {
      clean = false;
      throw error;
    } finally {
      if (!clean) await stand.renew().catch((error) => console.error("A stand is not renewed:", error));
      const next = this.#waiting.shift();
      if (next) next(stand);
      else this.#free.push(stand);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((stand) => stand.close()));
  }
}
