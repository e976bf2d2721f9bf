import type { OfferView, Person, RunView } from "../../src/engine/types.ts";
import { type CommandContext, type Refusal, refuse } from "../services.ts";
import { requireRoleOf } from "./runs.ts";
import { runLink } from "./slots.ts";
import { bold, code, t, time, who } from "./text.ts";

/** Whether somebody is the person who asks, also under the name that the configuration links to theirs. */
export function isOneself({ person, linked }: CommandContext, other: Person): boolean {
  return other.id === person.id || linked.some((id) => id.toLowerCase() === other.id.toLowerCase());
}

/** Lets the run's requester through, and a maintainer in their place. */
export function requireRequester(context: CommandContext, run: RunView, verb: string): Refusal | null {
  const missing = requireRoleOf(context, run, verb);
  if (missing) return missing;
  if (isOneself(context, run.requestedBy) || context.roles.has("maintainer")) return null;
  return refuse(
    "not_holder",
    t`It is for ${who(run.requestedBy)} to say whether ${runLink(context.services, run.id)} begins, and for maintainers.`,
    t`${code(`${context.prefix} queue`)} shows who waits.`,
  );
}

/** Why a run cannot be begun by word: its turn has not come, or is over. */
export function refuseStart(context: CommandContext, run: RunView, offer: OfferView | null): Refusal {
  const { services, prefix } = context;
  const link = runLink(services, run.id);
  if (offer !== null && (offer.answer !== null || run.state !== "queued")) {
    const slot = bold(offer.resource);
    const what =
      offer.answer === "expired"
        ? t`${slot} was offered to ${link} until ${time(offer.until)}, and nobody answered: it has left the queue.`
        : t`${slot} was offered to ${link}, and ${who(offer.answeredBy)} gave the turn up: it has left the queue.`;
    return refuse("offer_over", what, t`${code(`${prefix} retry ${run.id}`)} asks for the same again.`);
  }
  if (offer !== null)
    return refuse(
      "offer_over",
      t`${bold(offer.resource)} was offered to ${link} until ${time(offer.until)}: that time is over, and it leaves the queue.`,
      t`${code(`${prefix} retry ${run.id}`)} then asks for the same again.`,
    );
  if (run.endedAt !== null) return refuse("run_ended", t`${link} has ended already (${run.state}).`);
  return refuse(
    "not_offered",
    t`The turn of ${link} has not come yet.`,
    t`${code(`${prefix} queue`)} shows who is before it; it begins by itself, or you are asked.`,
  );
}
