import type { SlotConfig } from "../../src/config/index.ts";
import type { Refusal as EngineRefusal, LeaseMode, LeaseView, Person } from "../../src/engine/types.ts";
import { isReasonCode } from "../reason-codes.ts";
import { type CommandContext, type CommandServices, type Refusal, refuse } from "../services.ts";
import { leasesOf } from "./leases.ts";
import { requireRole } from "./roles.ts";
import { closest } from "./suggest.ts";
import { bold, code, link, type Part, type Text, t, time, who } from "./text.ts";

/** What people and programs are told of a slot: a run is active · locked, kept or offered · cleanup unconfirmed. */
export const slotStates = ["free", "busy", "held", "dirty"] as const;
export type SlotState = (typeof slotStates)[number];

const STATE_OF_MODE: Readonly<Record<LeaseMode, SlotState>> = {
  free: "free",
  offered: "held",
  run: "busy",
  kept: "held",
  locked: "held",
  dirty: "dirty",
};

export function slotState({ mode }: LeaseView): SlotState {
  return STATE_OF_MODE[mode];
}

export interface NamedSlot {
  readonly name: string;
  readonly config: SlotConfig;
}

/**
 * The slots of the configuration, and those that were taken out of it while somebody held, kept or waited for them:
 * what still costs money or stops somebody is shown until it is over.
 */
export async function slotsInUse({ config, engine }: CommandServices): Promise<string[]> {
  const { slots, environments } = config().config;
  const removed = (await engine.inUse()).filter((name) => !(name in slots) && !(name in environments));
  return [...Object.keys(slots), ...removed.sort()];
}

/** As {@link findSlot}, for what ends a hold or a wait: that works on a slot that was taken out as well. */
export async function findSlotInUse(
  context: CommandContext,
  written: string,
): Promise<{ readonly name: string } | Refusal> {
  const names = await slotsInUse(context.services);
  const name = names.find((known) => known.toLowerCase() === written.toLowerCase());
  return name === undefined ? findSlot(context, written) : { name };
}

/** The slot of this name; a phone's capital letter is forgiven. */
export function findSlot(context: CommandContext, written: string): NamedSlot | Refusal {
  const { slots } = context.services.config().config;
  const name = Object.keys(slots).find((known) => known.toLowerCase() === written.toLowerCase());
  const config = name === undefined ? undefined : slots[name];
  if (name !== undefined && config) return { name, config };
  const known = Object.keys(slots);
  const meant = closest(written, known);
  return refuse(
    "unknown_slot",
    t`There is no slot ${code(written)}.${meant ? t` Did you mean ${bold(meant)}?` : null}`,
    known.length === 0 ? t`The configuration has no slots.` : t`Slots: ${known.join(", ")}.`,
  );
}

export async function leaseOf(services: CommandServices, slot: string): Promise<LeaseView> {
  const [lease] = await leasesOf(services.engine, [slot]);
  if (!lease) throw new Error(`The engine answered no lease for ${slot}.`);
  return lease;
}

export function isHolder(lease: LeaseView, person: Person): boolean {
  return lease.holder?.id === person.id;
}

export function runLink(services: CommandServices, runId: number): Part {
  return services.dashboardUrl === null
    ? `run #${runId}`
    : link(`run #${runId}`, `${services.dashboardUrl}/runs/${runId}`);
}

export function boardLink({ dashboardUrl }: CommandServices, lease: LeaseView): Text | null {
  return dashboardUrl === null ? null : t` ${link("Board", `${dashboardUrl}/#slot-${lease.resource}`)}`;
}

/**
 * Who holds a slot, why, since when, until when, and the run.
 *
 * @param asked a person wants the slot and is refused: that nobody said why is told too
 */
export function holderText(services: CommandServices, lease: LeaseView, asked = true): Text {
  // Nobody gives a reason for an offer, and its end is what counts.
  const isOffered = lease.mode === "offered";
  const unsaid = asked && !isOffered ? t`, no reason given` : null;
  const why = lease.reason === null ? unsaid : t`: ${lease.reason}`;
  const since = lease.since === null || isOffered ? null : t`, since ${time(lease.since)}`;
  const until = lease.until === null ? null : t`, until ${time(lease.until)}`;
  return t`${who(lease.holder)}${doingText(services, lease)}${why}${since}${until}`;
}

function doingText(services: CommandServices, { mode, runId }: LeaseView): Text | null {
  if (mode === "run" && runId !== null) return t` (${runLink(services, runId)} is at work)`;
  if (mode === "offered" && runId !== null)
    return t` (it is the turn of ${runLink(services, runId)}, which waits for their answer)`;
  if (mode === "kept") return t` (a kept environment)`;
  return mode === "dirty" ? t` (being cleaned up)` : null;
}

/**
 * Lets the holder through, and a maintainer where the command says so. `force` is what a maintainer must say
 * for another's slot; null where the role alone is enough.
 */
export function requireHolder(
  context: CommandContext,
  lease: LeaseView,
  doing: string,
  force: { given: boolean; command: string } | null,
): Refusal | null {
  if (lease.holder === null || isHolder(lease, context.person)) return null;
  const held = t`${bold(lease.resource)} is held by ${holderText(context.services, lease)}.`;
  if (!context.roles.has("maintainer")) {
    const missing = requireRole(context, "developer", doing);
    if (missing) return missing;
    const way = force ? t`, or a maintainer: ${code(`${force.command} --force`)}` : t` or a maintainer`;
    return refuse(
      "not_holder",
      held,
      t`Ask ${who(lease.holder)}${way}.${boardLink(context.services, lease)}`,
    );
  }
  if (force === null || force.given) return null;
  return refuse(
    "force_needed",
    held,
    t`If you mean it: ${code(`${force.command} --force`)}. The holder is told.`,
  );
}

/** Refuses while a run is at work or is to be, or a cleanup is not confirmed: nobody changes such a slot by hand. */
export function requireSettled(context: CommandContext, lease: LeaseView): Refusal | null {
  const { prefix, services } = context;
  if (lease.mode === "run" && lease.runId !== null) {
    return refuse(
      "slot_busy",
      t`${runLink(services, lease.runId)} of ${who(lease.holder)} is at work on ${bold(lease.resource)}.`,
      lease.isSettling
        ? t`It has done its work and cleans up: wait for its end.`
        : t`Wait for its end, or ${code(`${prefix} cancel ${lease.runId}`)}.`,
    );
  }
  if (lease.mode === "offered" && lease.runId !== null) {
    return refuse(
      "slot_offered",
      t`${bold(lease.resource)} is reserved for ${runLink(services, lease.runId)} of ${who(lease.holder)}, whose turn it is${lease.until === null ? null : t` until ${time(lease.until)}`}.`,
      t`${code(`${prefix} start ${lease.resource}`)} begins it, ${code(`${prefix} leave ${lease.resource}`)} gives the turn up: for them or a maintainer.`,
    );
  }
  if (lease.mode === "dirty") {
    return refuse(
      "slot_dirty",
      t`The cleanup of ${bold(lease.resource)} is not confirmed (${lease.reason ?? "it is under way"}).`,
      t`It is tried again by itself; a maintainer can hurry it: ${code(`${prefix} clean ${lease.resource}`)}.`,
    );
  }
  return null;
}

/** Refuses when no instance stands on the slot. */
export function requireEnvironment(context: CommandContext, lease: LeaseView): Refusal | null {
  if (lease.hasEnvironment) return null;
  return refuse(
    "nothing_there",
    t`Nothing stands on ${bold(lease.resource)}.`,
    t`${code(`${context.prefix} launch ${lease.resource} --keep`)} puts something there and keeps it.`,
  );
}

/** The engine's own "no", which races can bring about after the command had looked. */
export function fromEngine(context: CommandContext, refusal: EngineRefusal): Refusal {
  const reasonCode = isReasonCode(refusal.reasonCode) ? refusal.reasonCode : "internal_error";
  return refuse(reasonCode, t`${refusal.message}`, t`${code(`${context.prefix} status`)} shows the board.`);
}
