import { targetsOf } from "../../config/index.ts";
import type { Run } from "../../engine/run.ts";
import { SlipwayError } from "../../util/errors.ts";
import type { SlotContext } from "../services.ts";

/**
 * A slot that was renamed, or that came to name what another one had, must not put that one's environment out of
 * service. The command looks first; this is for what has changed since.
 *
 * @param state what has been done so far, for the person who reads it
 * @throws SlipwayError `target_in_use`
 */
export async function refuseForeignTargets(
  run: Run,
  { name, slot }: Pick<SlotContext, "name" | "slot">,
  state: string,
): Promise<void> {
  const other = await run.heldElsewhere(targetsOf(slot));
  if (other === null) return;
  const { resource, holder, runId, mode } = other;
  const who = holder?.name ?? "nobody known";
  const message = `The target group or listener rule of ${name} is in use by ${resource}, which ${who} holds.`;
  const way =
    runId !== null
      ? `End it first, /stg cancel ${runId} or /stg terminate ${resource}`
      : mode === "dirty"
        ? `Wait until the cleanup of ${resource} is confirmed`
        : `Let ${who} or a maintainer end it, /stg terminate ${resource}`;
  throw new SlipwayError("target_in_use", message, { remedy: `${state} ${way}; then try again.` });
}
