/** A little longer than Slack's minute, since the two are measured by two clocks. */
const WINDOW_MS = 61_000;

/**
 * How many calls a minute the bot allows itself: a little less than Slack does, since the minutes are counted by two
 * clocks. Source: https://docs.slack.dev/apis/web-api/rate-limits (tier 3: 50, tier 4: 100), and chat.postMessage's
 * own page: one a second in a channel, several hundred a minute in a workspace.
 */
const PER_MINUTE = {
  "chat.postMessage": 240,
  "chat.update": 50,
  "chat.postEphemeral": 95,
  "chat.unfurl": 45,
  "files.getUploadURLExternal": 95,
  "files.completeUploadExternal": 95,
  "conversations.history": 40,
  "conversations.replies": 40,
  "conversations.open": 40,
  "views.publish": 95,
} as const;
const POSTS_APART_MS = 1_050;

export type BudgetedMethod = keyof typeof PER_MINUTE;

/** Keeps the bot below Slack's limits, for all its parts together: per method, per channel, and while Slack asks for a pause. */
export class Budget {
  readonly #now: () => number;
  readonly #calls = new Map<BudgetedMethod, number[]>();
  readonly #nextPost = new Map<string, number>();
  readonly #pausedUntil = new Map<BudgetedMethod, number>();

  /** @param now milliseconds of a clock that never jumps */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Milliseconds until a call may be made; 0: now.
   *
   * @param more `spare`: how many of the minute's calls this one leaves to others, since what can wait makes room for
   * what cannot; `count`: how many calls are to be made at once
   */
  wait(
    method: BudgetedMethod,
    channel: string | null = null,
    { spare = 0, count = 1 }: { readonly spare?: number; readonly count?: number } = {},
  ): number {
    const now = this.#now();
    const recent = this.#recent(method, now);
    // So many must be older than the window before there is room.
    const over = recent.length + count - Math.max(count, PER_MINUTE[method] - spare);
    const last = over <= 0 ? null : (recent[over - 1] ?? null);
    return Math.max(
      0,
      (this.#pausedUntil.get(method) ?? 0) - now,
      last === null ? 0 : last + WINDOW_MS - now,
      method === "chat.postMessage" && channel !== null ? (this.#nextPost.get(channel) ?? 0) - now : 0,
    );
  }

  /** Counts a call that is about to be made. */
  spend(method: BudgetedMethod, channel: string | null = null): void {
    const now = this.#now();
    this.#recent(method, now).push(now);
    if (method === "chat.postMessage" && channel !== null) this.#nextPost.set(channel, now + POSTS_APART_MS);
  }

  /** Slack has asked for a pause: no call of this method is made before it is over. */
  pause(method: BudgetedMethod, ms: number): void {
    const until = this.#now() + ms;
    this.#pausedUntil.set(method, Math.max(until, this.#pausedUntil.get(method) ?? 0));
  }

  #recent(method: BudgetedMethod, now: number): number[] {
    const recent = (this.#calls.get(method) ?? []).filter((at) => at > now - WINDOW_MS);
    this.#calls.set(method, recent);
    return recent;
  }
}

/** The bot's own limit: later there is room. Nothing was sent. */
export class BudgetSpent extends Error {
  /** Seconds, as Slack's own refusals have it. */
  readonly retryAfter: number;

  constructor(waitMs: number) {
    super("as many calls of Slack as a minute allows have been made");
    this.retryAfter = waitMs / 1_000;
  }
}

/** Throws BudgetSpent when a call has to wait. */
export function demandRoom(budget: Budget, method: BudgetedMethod, channel: string | null = null): void {
  const wait = budget.wait(method, channel);
  if (wait > 0) throw new BudgetSpent(wait);
}

/** Makes a call, counted; when Slack asks for a pause, all callers of the method keep it. */
export async function withinBudget<T>(
  budget: Budget,
  method: BudgetedMethod,
  channel: string | null,
  call: () => Promise<T>,
): Promise<T> {
  budget.spend(method, channel);
  try {
    return await call();
  } catch (error) {
    const { retryAfter } = error as { retryAfter?: number };
    if (typeof retryAfter === "number") budget.pause(method, retryAfter * 1_000);
    throw error;
  }
}
