import type { LeaseView } from "../../src/engine/types.ts";
import type { JsonObject } from "../../src/util/json.ts";
import type { CommandContext, Outcome, Refusal } from "../services.ts";
import {
  findSlot,
  findSlotInUse,
  isHolder,
  leaseOf,
  requireEnvironment,
  requireHolder,
  requireSettled,
} from "./slots.ts";
import { alreadyStarted, startRun } from "./start.ts";
import { tellHolder } from "./tell.ts";
import { bold, t, who } from "./text.ts";

/**
 * Starts one step of the pipeline on what stands on a slot: for its holder, else for a maintainer. `input`
 * may refuse, or add what only the environment can tell.
 */
export async function startOnSlot(
  context: CommandContext,
  written: string,
  kind: "update" | "swap" | "test" | "terminate",
  input: (lease: LeaseView) => Promise<JsonObject | Refusal>,
): Promise<Outcome> {
  const begun = await alreadyStarted(context);
  if (begun) return begun;
  // What ends it works on a slot that was taken out of the configuration; the rest needs the slot's settings.
  const slot = kind === "terminate" ? await findSlotInUse(context, written) : findSlot(context, written);
  if ("refused" in slot) return slot;
  const lease = await leaseOf(context.services, slot.name);
  const refusal =
    requireSettled(context, lease) ??
    requireEnvironment(context, lease) ??
    requireHolder(context, lease, `${kind} ${slot.name}`, null);
  if (refusal) return refusal;
  const wanted = await input(lease);
  if (isRefusal(wanted)) return wanted;
  const sha = typeof lease.facts.sha === "string" ? lease.facts.sha : null;
  const pr = typeof lease.facts.pr === "number" ? lease.facts.pr : null;
  const outcome = await startRun(context, {
    kind,
    candidates: [slot.name],
    input: wanted,
    sha,
    pr,
    adopt: true,
  });
  const isOthers = kind === "terminate" && lease.holder !== null && !isHolder(lease, context.person);
  if (outcome.refused || !isOthers) return outcome;
  const told = t`${who(context.person)} terminates your environment on ${bold(slot.name)}.`;
  return { ...outcome, tell: tellHolder(lease.holder, told) };
}

function isRefusal(value: JsonObject | Refusal): value is Refusal {
  return value.refused === true;
}
