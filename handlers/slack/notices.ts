import type { KnownBlock } from "@slack/types";
import type { Logger } from "pino";
import { leasesOf, lockAfter } from "../../commands/lib/leases.ts";
import { runLink, slotsInUse } from "../../commands/lib/slots.ts";
import { standingOn } from "../../commands/lib/standing.ts";
import { bold, code, type Text, t, time, toSlack, who } from "../../commands/lib/text.ts";
import type { CommandServices } from "../../commands/services.ts";
import type { Outbox } from "../../src/engine/outbox.ts";
import type { LeaseView, OfferView, Person, RunView } from "../../src/engine/types.ts";
import { offerButtons, retryButton, standingButtons } from "../../src/publish/slack-actions.ts";
import { messageOf } from "../../src/util/errors.ts";
import { slackUserOf } from "../../src/util/mention.ts";
import type { Redactor } from "../../src/util/redact.ts";
import { SLACK_SOURCE } from "./entrance.ts";
import { placeOf } from "./place.ts";
import { TELL_FOR_MS } from "./rows.ts";
import { directLane } from "./sender.ts";

/** Before an environment's or a hold's end, its holder is told so early, in ms. */
const WARN_BEFORE_MS = 15 * 60_000;
const LONG_WAIT_MS = 60_000;
const LOOK_EVERY_MS = 20_000;
const RUNS_LOOKED_AT = 50;

export interface NoticeOptions {
  readonly services: CommandServices;
  readonly outbox: Pick<Outbox, "enqueue">;
  readonly redact: Redactor;
  readonly log: Logger;
  /** Who has waited less than this has not gone away, in ms. */
  readonly longWaitMs?: number;
}

/**
 * Words to one person alone: your turn has come, or is over, your environment ends soon. What there is to say is read from the
 * present state again and again, and each thing has a key, so that a restart neither loses nor repeats it.
 */
export class Notices {
  readonly #options: NoticeOptions;
  #timer: NodeJS.Timeout | undefined;
  #off: () => void = () => {};
  #looking: Promise<void> | undefined;

  constructor(options: NoticeOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
    this.#timer.unref();
    this.#off = this.#options.services.engine.onChange(({ type }) => {
      if (type === "resource") this.#look();
    });
    this.#look();
  }

  async stop(): Promise<void> {
    this.#off();
    clearInterval(this.#timer);
    await this.#looking;
  }

  #look(): void {
    this.#looking ??= Promise.all([this.#turns(), this.#offers(), this.#ends()])
      .then(() => {})
      .catch((error) =>
        this.#options.log.warn({ err: messageOf(error) }, "a notice could not be written down"),
      )
      .finally(() => {
        this.#looking = undefined;
      });
  }

  async #turns(): Promise<void> {
    const { services } = this.#options;
    const runs = await services.engine.runs({ limit: RUNS_LOOKED_AT, states: ["running"] });
    for (const run of runs) {
      const waited = (run.startedAt ?? run.createdAt) - run.createdAt;
      if (waited < (this.#options.longWaitMs ?? LONG_WAIT_MS) || run.target === null) continue;
      const offer = await services.engine.offer(run.id);
      if (offer !== null && this.#answeredThemselves(offer, run)) continue;
      const text = t`It is your turn: ${bold(run.target)} is yours, and ${runLink(services, run.id)} (${run.kind}) has begun. ${code(`/stg cancel ${run.id}`)} if you do not need it any more.`;
      await this.#tell(run.requestedBy, `turn/${run.uuid}`, text);
    }
  }

  /** A turn that is offered, and one that is over without its person's having said so. */
  async #offers(): Promise<void> {
    const { services } = this.#options;
    for (const offer of await services.engine.offers(services.clock.now() - TELL_FOR_MS)) {
      const run = offer.answer === "started" ? null : await services.engine.run(offer.runId);
      if (run === null || this.#answeredThemselves(offer, run)) continue;
      const key = `offer/${run.uuid}/${offer.offeredAt}`;
      if (offer.answer === null) {
        const stale = { staleAt: offer.until };
        await this.#tell(
          run.requestedBy,
          key,
          offerText(services, offer, run),
          [offerButtons(run.id)],
          stale,
        );
      } else
        await this.#tell(run.requestedBy, `${key}/over`, overText(services, offer, run), [
          retryButton(run.id),
        ]);
    }
  }

  #answeredThemselves({ answeredBy }: OfferView, { requestedBy }: RunView): boolean {
    return (
      answeredBy !== null &&
      (answeredBy.id === requestedBy.id || this.#userOf(answeredBy) === this.#userOf(requestedBy))
    );
  }

  #userOf(person: Person): string | null {
    return slackUserOf(person.id, this.#options.services.config().config.access.people);
  }

  async #ends(): Promise<void> {
    const { services } = this.#options;
    const now = services.clock.now();
    const leases = await leasesOf(services.engine, await slotsInUse(services));
    for (const lease of leases) {
      const { mode, until, holder, resource, since } = lease;
      if ((mode !== "kept" && mode !== "locked") || holder === null || until === null) continue;
      if (until <= now || until - now > WARN_BEFORE_MS) continue;
      // A run that works there moves the end by its own length: that is not worth saying again, an extension is.
      const lasts = Math.floor((until - (since ?? 0)) / WARN_BEFORE_MS);
      const key = `ends/${resource}/${since}/${lasts}`;
      await this.#tell(holder, key, endText(lease, until), await this.#blocks(lease));
    }
  }

  async #blocks(lease: LeaseView): Promise<readonly KnownBlock[]> {
    if (lease.mode !== "kept") return [];
    // Of the run that left it there: a later one that names the slot may be somebody else's.
    const standing = await standingOn(this.#options.services.engine, lease.resource);
    return standing === null ? [] : [standingButtons(standing.run, placeOf(lease))];
  }

  /** The person who asked for a run sees nothing of it where the bot may not post: they are told how to see it. */
  async shutOut(run: RunView, why: string): Promise<void> {
    const { services } = this.#options;
    const what = t`I may not post in the channel where you asked for ${runLink(services, run.id)} (Slack says ${code(why)}), so it is not shown there. It goes on all the same: ${code(`/stg show ${run.id}`)} tells how.`;
    const way = t`Invite me there, ${code("/invite")}, and its message appears; or give commands in a channel where I am.`;
    await this.#tell(run.requestedBy, `shut-out/${run.uuid}`, t`${what} ${way}`);
  }

  /** @param more.staleAt said no more from then on, ms since 1970 */
  async #tell(
    person: Person,
    key: string,
    said: Text,
    buttons: readonly KnownBlock[] = [],
    more: { staleAt?: number } = {},
  ): Promise<void> {
    const user = this.#userOf(person);
    if (user === null) return;
    const text = this.#options.redact.text(toSlack(said));
    const section: KnownBlock = { type: "section", text: { type: "mrkdwn", text } };
    const blocks = buttons.length === 0 ? [] : [section, ...buttons];
    await this.#options.outbox.enqueue({
      surface: SLACK_SOURCE,
      kind: "direct",
      lane: directLane(user),
      body: { text, user, blocks: JSON.stringify(blocks), ...more },
      dedupeKey: `slack:${key}`,
    });
  }
}

function endText(lease: LeaseView, until: number): Text {
  const { mode, resource, holder } = lease;
  const more = t`For more time: ${code(`/stg extend ${resource} 1h`)}.`;
  if (mode !== "kept")
    return t`Your hold of ${bold(resource)} ends ${time(until)}: the slot is free then. ${more}`;
  const lock = lockAfter(lease, until);
  const whose = lock?.holder?.id === holder?.id ? "you" : who(lock?.holder ?? null);
  const then = lock === null ? t`the slot is free` : t`the slot stays locked by ${whose}`;
  return t`Your environment on ${bold(resource)} ends ${time(until)}: it is terminated then, and ${then}. ${more}`;
}

function offerText(services: CommandServices, { resource, until }: OfferView, run: RunView): Text {
  const slot = bold(resource);
  const what = t`It is your turn: ${slot} is reserved for ${runLink(services, run.id)} (${run.kind}), which you asked for ${time(run.createdAt)}.`;
  return t`${what} Start it until ${time(until)} (${code(`/stg start ${run.id}`)}), or pass (${code(`/stg leave ${run.id}`)}); without an answer it leaves the queue then, and the slot goes to the next in line.`;
}

function overText(services: CommandServices, { resource, until, answeredBy }: OfferView, run: RunView): Text {
  const slot = bold(resource);
  const link = runLink(services, run.id);
  const why =
    answeredBy === null
      ? t`${slot} was reserved for ${link} until ${time(until)}, and nobody answered`
      : t`${who(answeredBy)} has given up your turn on ${slot}`;
  return t`${why}: ${link} has left the queue, and the slot goes to the next in line. Nothing was started. To ask for the same again, at the end of the queue: ${code(`/stg retry ${run.id}`)}.`;
}
