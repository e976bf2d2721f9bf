import { randomBytes } from "node:crypto";
import type { Clock } from "../../../src/util/clock.ts";

/** https://docs.slack.dev/interactivity/handling-user-interaction: a trigger opens one modal, within three seconds. */
const LIFETIME_MS = 3_000;
const KEPT_MS = 60_000;

export type TriggerError = "invalid_trigger_id" | "expired_trigger_id" | "exchanged_trigger_id";

interface Trigger {
  readonly user: string;
  /** The modal that it came from, if any: what views.push puts the next one upon. */
  readonly viewId: string | undefined;
  readonly expires: number;
  used: boolean;
}

/** The trigger ids that went out with commands, clicks and submissions. */
export class Triggers {
  readonly #clock: Clock;
  readonly #triggers = new Map<string, Trigger>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param id The id of an earlier delivery, to send the same once more: it is then not valid any longer. */
  create(user: string, viewId?: string, id?: string): string {
    const now = this.#clock.now();
    for (const [old, trigger] of this.#triggers) {
      if (trigger.expires + KEPT_MS < now) this.#triggers.delete(old);
    }
    const triggerId = id ?? `${now}.${randomBytes(4).readUInt32BE()}.${randomBytes(16).toString("hex")}`;
    if (!this.#triggers.has(triggerId)) {
      this.#triggers.set(triggerId, { user, viewId, expires: now + LIFETIME_MS, used: false });
    }
    return triggerId;
  }

  /** Who may be shown a modal for it; it is used up by that. */
  take(id: string): { readonly user: string; readonly viewId: string | undefined } | TriggerError {
    const trigger = this.#triggers.get(id);
    if (!trigger) return "invalid_trigger_id";
    if (trigger.used) return "exchanged_trigger_id";
    if (trigger.expires <= this.#clock.now()) return "expired_trigger_id";
    trigger.used = true;
    return { user: trigger.user, viewId: trigger.viewId };
  }
}
