import { targetsOf } from "../../src/config/index.ts";
import { heldElsewhere } from "../../src/engine/elsewhere.ts";
import type { LeaseView } from "../../src/engine/types.ts";
import { type CommandContext, type Refusal, refuse } from "../services.ts";
import { boardLink, holderText, isHolder, leaseOf } from "./slots.ts";
import { bold, code, type Text, t, who } from "./text.ts";

/**
 * Those of the slots whose target groups and listener rule no other slot's environment uses; a refusal when none is
 * left. The configuration gives each slot its own, but what stands on a slot that was renamed or taken out of it
 * goes on serving behind the old ones.
 */
export async function withOwnTargets(
  context: CommandContext,
  candidates: readonly string[],
): Promise<readonly string[] | Refusal> {
  const { engine, config } = context.services;
  const open = await engine.obligations({ open: true });
  const { slots } = config().config;
  const looked = candidates.map((name) => {
    const slot = slots[name];
    return { name, other: slot ? heldElsewhere(open, name, targetsOf(slot)) : null };
  });
  const [first] = looked;
  const own = looked.filter(({ other }) => other === null).map(({ name }) => name);
  if (own.length > 0 || !first?.other) return own;
  return await inUse(context, first.name, first.other);
}

async function inUse(context: CommandContext, name: string, other: string): Promise<Refusal> {
  const lease = await leaseOf(context.services, other);
  return refuse(
    "target_in_use",
    t`The target group or listener rule of ${bold(name)} is in use by ${bold(other)}, which is held by ${holderText(context.services, lease)}.`,
    t`${wayOut(context, lease)}; then try again.${boardLink(context.services, lease)}`,
  );
}

function wayOut({ prefix, person }: CommandContext, lease: LeaseView): Text {
  const { resource, mode, runId, holder } = lease;
  if (mode === "dirty") {
    return t`Its cleanup is tried again by itself; a maintainer can hurry it: ${code(`${prefix} clean ${resource}`)}`;
  }
  if (lease.isSettling) return t`Its run has done its work and cleans up: wait for its end`;
  const command = mode === "run" && runId !== null ? `cancel ${runId}` : `terminate ${resource}`;
  const whom = isHolder(lease, person) ? null : t`Ask ${who(holder)} or a maintainer: `;
  return t`${whom}${code(`${prefix} ${command}`)} ends it`;
}
