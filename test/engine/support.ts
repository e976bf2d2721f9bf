import type { ObligationKind } from "../../src/engine/obligation.ts";
import { type Pipeline, pipeline } from "../../src/engine/pipeline.ts";
import type { Run } from "../../src/engine/run.ts";
import type { Clock } from "../../src/util/clock.ts";
import type { JsonValue } from "../../src/util/json.ts";

/** What exists in a "cloud", what went, and in what order. */
export class Things {
  readonly exist = new Set<string>();
  readonly gone: string[] = [];
  /** Ids whose removal fails while they are in here. */
  readonly stuck = new Set<string>();
  attempts = 0;

  kind(name: string, more: Partial<ObligationKind> = {}): ObligationKind {
    return {
      kind: name,
      version: 1,
      title: `Remove ${name}`,
      discharge: async ({ facts }) => {
        this.attempts++;
        const id = String(facts.id);
        if (this.stuck.has(id)) throw new Error(`${id} does not go`);
        this.exist.delete(id);
        this.gone.push(id);
      },
      ...more,
    };
  }

  /** Owes a thing and makes it, as a pipeline does. */
  async make(run: Run, kind: string, id: string, options: { shareKey?: string } = {}): Promise<void> {
    const owed = await run.owe(kind, { key: id, facts: { id }, ...options });
    await run.step(`Make ${id}`, async () => void this.exist.add(id));
    await owed.created();
  }
}

/** A wall clock that a test sets. */
export class SetClock implements Clock {
  offset = 0;
  now(): number {
    return Date.now() + this.offset;
  }
}

export function gate(): { readonly opened: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

/** Ends only when it is told to stop. */
export function untilStopped(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export async function until(what: () => boolean | Promise<boolean>, limitMs = 15_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await what())) {
    if (performance.now() > end) throw new Error(`It did not come about within ${limitMs} ms: ${what}`);
    await pause(10);
  }
}

export function named(
  body: (run: Run) => Promise<JsonValue | undefined | void>,
  options: { version?: number; compatibleWith?: number[]; kind?: string } = {},
): Pipeline {
  const { kind = "play", version = 1, compatibleWith = [] } = options;
  return pipeline(kind, { version, compatibleWith }, body);
}
