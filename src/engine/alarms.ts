import type { Lease } from "../../db/leases.ts";
import { CLEANUP_UNCONFIRMED, isDue, openObligations } from "./leasing.ts";
import type { EngineParts } from "./parts.ts";

/**
 * Tells of resources whose cleanup does not come to an end, and that they are free again. Each process tells once;
 * the key is the same in all of them, so that whoever passes an alarm on does it once too, and one that a crash
 * swallowed comes again.
 */
export class Alarms {
  readonly #parts: EngineParts;
  /** The fence under which a resource was told to be dirty. */
  readonly #told = new Map<string, number>();

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  /** A dirty resource was looked at. Cleanup under way is no reason to alarm anybody until its time is over. */
  async dirty({ resource, fence, reason, since, tenancy, runId }: Lease): Promise<void> {
    const { clock, cleanupLimitMs, guard } = this.#parts;
    const isOverdue = reason === CLEANUP_UNCONFIRMED || clock.now() - (since ?? 0) >= cleanupLimitMs;
    if (!isOverdue || this.#told.get(resource) === fence) return;
    const open = tenancy === null ? [] : (await openObligations(guard.db, tenancy)).filter(isDue);
    // Freed since it was listed, or about to be.
    if (open.length === 0) return;
    this.#told.set(resource, fence);
    const owed = open.map(
      ({ title, lastError }) =>
        `${title}${lastError ? ` (last time: ${lastError.replace(/\.$/, "")})` : ""}.`,
    );
    const message = [
      `${resource} is dirty: its cleanup could not be confirmed.`,
      `Still owed: ${owed.join(" ")}`,
      "Nothing launches there until it is; cleanup goes on by itself.",
    ].join(" ");
    this.#parts.log.error({ resource, runId }, message);
    this.#parts.changed({ type: "alarm", key: `dirty:${resource}:${fence}`, message, resource, over: false });
  }

  /** A resource is no longer dirty. @param fence the one under which it was */
  clean(resource: string, fence: number): void {
    if (this.#told.get(resource) !== fence) return;
    this.#told.delete(resource);
    const message = `${resource} is clean: nothing is owed there any more, and it can be launched on again.`;
    this.#parts.log.info({ resource }, message);
    this.#parts.changed({ type: "alarm", key: `clean:${resource}:${fence}`, message, resource, over: true });
  }
}
