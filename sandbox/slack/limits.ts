import type { Clock } from "../../src/util/clock.ts";
import { type MethodFacts, TIERS } from "./methods.ts";

/** A channel takes one message a second; Slack tolerates short bursts (it does not say how short). */
const POSTS_PER_SECOND = 1;
const POST_BURST = 4;
/** Slack's limit for all posts of an app in a workspace: "several hundred" a minute. */
const POSTS_PER_MINUTE_AND_WORKSPACE = 300;

/** Fills at a steady rate up to its size; each request takes one. */
class Bucket {
  readonly #size: number;
  readonly #perMs: number;
  #level: number;
  #at: number;

  constructor(size: number, perSecond: number, now: number) {
    this.#size = size;
    this.#perMs = perSecond / 1000;
    this.#level = size;
    this.#at = now;
  }

  /** 0 when there is room, else the milliseconds until there is. */
  wait(now: number): number {
    this.#level = Math.min(this.#size, this.#level + (now - this.#at) * this.#perMs);
    this.#at = now;
    // Less than a thousandth is rounding, not a shortage.
    return this.#level >= 0.999 ? 0 : (1 - this.#level) / this.#perMs;
  }

  take(): void {
    this.#level -= 1;
  }
}

/** Slack's rate limits for one app in one workspace. */
export class RateLimits {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whole seconds to wait, as in Retry-After; undefined when the call may go on (and is counted). */
  take(method: string, facts: MethodFacts, channel: string | undefined): number | undefined {
    const now = this.#clock.now();
    const perMinute = TIERS[facts.tier];
    const buckets = [this.#bucket(method, perMinute, perMinute / 60, now)];
    if (method === "chat.postMessage") {
      const perMinuteAll = POSTS_PER_MINUTE_AND_WORKSPACE;
      buckets.push(this.#bucket("posts", perMinuteAll, perMinuteAll / 60, now));
      buckets.push(this.#bucket(`posts ${channel ?? ""}`, POST_BURST, POSTS_PER_SECOND, now));
    }
    const wait = Math.max(...buckets.map((bucket) => bucket.wait(now)));
    if (wait > 0) return Math.max(1, Math.ceil(wait / 1000));
    for (const bucket of buckets) bucket.take();
    return undefined;
  }

  #bucket(key: string, size: number, perSecond: number, now: number): Bucket {
    const known = this.#buckets.get(key);
    if (known) return known;
    const made = new Bucket(size, perSecond, now);
    this.#buckets.set(key, made);
    return made;
  }
}
