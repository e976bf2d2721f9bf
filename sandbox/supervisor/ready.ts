import { sleep } from "../../src/util/clock.ts";
import { SlipwayError } from "../../src/util/errors.ts";
import type { Child } from "./children.ts";

/**
 * Waits until the address answers 2xx. Throws `sandbox_child_ended` with the child's last lines when it ends
 * instead, `sandbox_not_ready` when it takes too long.
 */
export async function untilReady(child: Child, url: string, withinMs: number): Promise<void> {
  const until = Date.now() + withinMs;
  for (;;) {
    if (!child.isRunning()) {
      const { code, signal } = await child.ended;
      throw new SlipwayError(
        "sandbox_child_ended",
        `${child.name} ended ${how(code, signal)} before it was ready. Its last lines:\n${child.lastLines()}`,
        { fields: { child: child.name } },
      );
    }
    if (await answers(url)) return;
    if (Date.now() > until) {
      throw new SlipwayError(
        "sandbox_not_ready",
        `${child.name} did not answer at ${url} within ${withinMs / 1000} s. Its last lines:\n${child.lastLines()}`,
        { fields: { child: child.name } },
      );
    }
    await sleep(25);
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}

export function how(code: number | null, signal: NodeJS.Signals | null): string {
  return signal ? `by ${signal}` : `with exit code ${code}`;
}
