import type { webApi } from "@slack/bolt";
import type { Button, HomeView, KnownBlock } from "@slack/types";
import type { Logger } from "pino";
import { leasesOf } from "../../commands/lib/leases.ts";
import { runLine } from "../../commands/lib/run-text.ts";
import { holderText, slotState, slotsInUse } from "../../commands/lib/slots.ts";
import { type Standing, standingOn } from "../../commands/lib/standing.ts";
import { lines, type Text, t, toSlack, who } from "../../commands/lib/text.ts";
import type { CommandServices } from "../../commands/services.ts";
import type { LeaseView, QueueEntry, RunView } from "../../src/engine/types.ts";
import { runButton } from "../../src/publish/slack-actions.ts";
import { messageOf } from "../../src/util/errors.ts";
import { cutText } from "../../src/util/format.ts";
import type { Redactor } from "../../src/util/redact.ts";
import { type Budget, withinBudget } from "./budget.ts";
import { retryAfterMsOf } from "./directory.ts";
import { isDefinite } from "./messages.ts";
import { placeOf } from "./place.ts";

export const HOME_LAUNCH = "home_launch";
/** Two blocks a slot: Slack takes 100 in a view. */
const MOST_SLOTS = 40;
const RUNS_SHOWN = 8;
const MARKS = { free: "○", busy: "▸", held: "■", dirty: "✗" } as const;
const LONGEST_TEXT = 2_900;
const LONGEST_REASON = 120;
const MOST_WAITING = 6;

const NOTHING_TO_SEE: HomeView = {
  type: "home",
  blocks: [section(t`You have no role here, so there is nothing to see. A maintainer can give you one.`)],
};

/** Boards that were opened so long ago are not kept up to date any more, in ms. */
const FOLLOWED_MS = 2 * 3_600_000;
const GATHER_MS = 1_500;
/** A board that Slack could not be given is tried again after this, in ms. */
const AFTER_FAULT_MS = 5_000;
/** Of a minute's calls, how many are left to those who open the board. */
const SPARE_VIEWS = 45;

/** The board, as the bot's App Home shows it. */
export async function homeView(services: CommandServices, redact: Redactor): Promise<HomeView> {
  const slots = (await slotsInUse(services)).slice(0, MOST_SLOTS);
  const leases = await leasesOf(services.engine, slots);
  const blocks = await Promise.all(leases.map((lease) => slotBlocks(services, lease)));
  const runs = await services.engine.runs({ limit: RUNS_SHOWN });
  const recent = lines(...runs.map((run) => shortLine(services, run)));
  const view: HomeView = {
    type: "home",
    callback_id: "slipway_board",
    blocks: [
      { type: "header", text: { type: "plain_text", text: "Staging slots", emoji: false } },
      ...(blocks.length === 0 ? [section(t`The configuration has no slots.`)] : blocks.flat()),
      { type: "divider" },
      { type: "header", text: { type: "plain_text", text: "Last runs", emoji: false } },
      section(runs.length === 0 ? t`None yet. Type /stg launch, or press Launch.` : recent),
    ],
  };
  return redact.deep(view);
}

async function slotBlocks(services: CommandServices, lease: LeaseView): Promise<KnownBlock[]> {
  const { engine } = services;
  const state = slotState(lease);
  const said = state === "free" ? null : t` · ${holderText(services, lease, false)}`;
  const url = services.config().config.slots[lease.resource]?.url ?? null;
  const head = t`${MARKS[state]} ${{ kind: "bold", text: lease.resource }} ${state}${said}`;
  const more = [
    ...(state === "free" || url === null ? [] : [t`${url}`]),
    ...waitingText(await engine.queue(lease.resource)),
  ];
  const [first, second] = buttons(lease, await standingOn(engine, lease.resource));
  // A section has room for one button: the second one stands beside what else there is to say.
  if (second === undefined) return [section(lines(head, ...more), first)];
  return [section(head, first), section(lines(...(more.length === 0 ? [t`No address.`] : more)), second)];
}

/** Each once, however often, in the order in which they come to their turn; whose turn it is holds the slot. */
function waitingText(queue: readonly QueueEntry[]): Text[] {
  const waiting = queue.filter(({ offer }) => offer === null);
  const people = [...Map.groupBy(waiting, ({ requestedBy }) => requestedBy.id).values()];
  const [first, ...others] = people.slice(0, MOST_WAITING).flatMap((own) => {
    const [one] = own;
    if (one === undefined) return [];
    return [own.length === 1 ? t`${who(one.requestedBy)}` : t`${who(one.requestedBy)} (${own.length} runs)`];
  });
  if (first === undefined) return [];
  const more = people.length > MOST_WAITING ? t` and ${people.length - MOST_WAITING} more` : null;
  return [t`Waiting: ${others.reduce((all, one) => t`${all}, ${one}`, first)}${more}`];
}

/** The likeliest first; two at most. */
function buttons(lease: LeaseView, standing: Standing | null): Button[] {
  const { mode, resource, runId } = lease;
  if (mode === "free") {
    const text = { type: "plain_text", text: "Launch", emoji: false } as const;
    return [{ type: "button", action_id: HOME_LAUNCH, value: resource, text }];
  }
  if (mode === "offered" && runId !== null)
    return [runButton("start", runId, null), runButton("pass", runId, null)];
  if (mode === "run" && runId !== null) {
    const logs = runButton("logs", runId, null);
    return lease.isSettling ? [logs] : [runButton("cancel", runId, null), logs];
  }
  if (mode === "kept" && standing !== null) {
    const place = placeOf(lease);
    return [runButton("extend", standing.run, place), runButton("terminate", standing.run, place)];
  }
  return [];
}

function section(text: Text, accessory?: Button): KnownBlock {
  return {
    type: "section",
    text: { type: "mrkdwn", text: toSlack(text).slice(0, LONGEST_TEXT) },
    ...(accessory !== undefined && { accessory }),
  };
}

/** A run in one line; the whole of a long reason is on its page. */
function shortLine(services: CommandServices, run: RunView): Text {
  return runLine(services, {
    ...run,
    reason: run.reason === null ? null : cutText(run.reason, LONGEST_REASON),
  });
}

/** What one person has before them. */
interface Opened {
  readonly at: number;
  readonly mayLook: boolean;
  /** It shows what is no longer so. */
  isStale: boolean;
}

/** Publishes the board to those who look at it, and again while it changes. */
export class Home {
  readonly #client: webApi.WebClient;
  readonly #budget: Budget;
  readonly #services: CommandServices;
  readonly #redact: Redactor;
  readonly #log: Logger;
  readonly #opened = new Map<string, Opened>();
  #timer: NodeJS.Timeout | undefined;
  #off: () => void = () => {};

  constructor(parts: {
    client: webApi.WebClient;
    budget: Budget;
    services: CommandServices;
    redact: Redactor;
    log: Logger;
  }) {
    this.#client = parts.client;
    this.#budget = parts.budget;
    this.#services = parts.services;
    this.#redact = parts.redact;
    this.#log = parts.log;
  }

  start(): void {
    this.#off = this.#services.engine.onChange(({ type }) => {
      if (type !== "run" && type !== "resource") return;
      for (const opened of this.#opened.values()) if (opened.mayLook) opened.isStale = true;
      this.#refreshIn(GATHER_MS);
    });
  }

  stop(): void {
    this.#off();
    this.#opened.clear();
    clearTimeout(this.#timer);
  }

  /** Somebody has opened the board. Who may not see it is told so. */
  async opened(user: string, mayLook: boolean): Promise<void> {
    const opened = { at: this.#services.clock.now(), mayLook, isStale: true };
    this.#opened.set(user, opened);
    const wait = this.#budget.wait("views.publish");
    if (wait > 0) return this.#refreshIn(wait);
    await this.#publish(user, opened);
  }

  #refreshIn(ms: number): void {
    if (this.#timer !== undefined || this.#opened.size === 0) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        void this.#refresh();
      },
      Math.max(ms, GATHER_MS),
    );
    this.#timer.unref();
  }

  async #refresh(): Promise<void> {
    const since = this.#services.clock.now() - FOLLOWED_MS;
    for (const [user, opened] of this.#opened) {
      if (opened.at < since) this.#opened.delete(user);
      if (opened.at < since || !opened.isStale) continue;
      // The board is a convenience: it leaves calls to those who open it now.
      const wait = this.#budget.wait("views.publish", null, { spare: SPARE_VIEWS });
      if (wait > 0) return this.#refreshIn(wait);
      await this.#publish(user, opened).catch((error) => {
        this.#log.warn({ err: messageOf(error) }, "a board in Slack could not be brought up to date");
        if (isDefinite(error)) return;
        opened.isStale = true;
        this.#refreshIn(AFTER_FAULT_MS);
      });
    }
  }

  /** A pause that Slack asks for is kept; the board comes when it is over. */
  async #publish(user: string, opened: Opened): Promise<void> {
    // What changes from now on makes it stale again.
    opened.isStale = false;
    const view = opened.mayLook ? await homeView(this.#services, this.#redact) : NOTHING_TO_SEE;
    try {
      await withinBudget(this.#budget, "views.publish", null, () =>
        this.#client.views.publish({ user_id: user, view }),
      );
    } catch (error) {
      const pause = retryAfterMsOf(error);
      if (pause === null) throw error;
      opened.isStale = true;
      this.#refreshIn(pause);
    }
  }
}
