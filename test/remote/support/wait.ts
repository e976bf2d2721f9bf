import { sleep } from "../../../src/util/clock.ts";

/** Waits for something that takes a moment; fails after 25 s. */
export async function until(what: string, done: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 1_000; tries++) {
    if (await done()) return;
    await sleep(25);
  }
  throw new Error(`not within 25 s: ${what}`);
}
