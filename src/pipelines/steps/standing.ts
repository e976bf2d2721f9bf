import { AwsFault, type Instance, InstanceDied, WaitTimeout } from "../../cloud/index.ts";
import type { Run } from "../../engine/run.ts";
import type { Step } from "../../engine/step.ts";
import { messageOf, SlipwayError } from "../../util/errors.ts";
import type { SlotContext } from "../services.ts";
import { watched } from "../watched.ts";

/** AWS may be asked for so long; a run that can do without its answer goes on then. In ms. */
const ASKED_FOR_MS = 60_000;
const SCOPE = "Standing instance";
const STEP = "Instance still runs";
/** Where it stands in the journal. */
export const STANDING_PATH = `${SCOPE}/${STEP}`;

/** One look that does not show an instance proves nothing. */
const LOOKS_ENOUGH = 3;

/**
 * Looks whether the instance that stands on the slot still runs, before anything is done with it: what was kept may
 * have been ended by somebody, or by AWS, and every later fault would only hint at that.
 *
 * In a scope of its own, so that a run that an older version began replays unchanged.
 *
 * @throws SlipwayError `instance_died` with AWS's reason and what to do next.
 */
export async function requireStanding(run: Run, context: SlotContext, id: string): Promise<void> {
  await run.in(SCOPE, (run) =>
    run.step(STEP, async (step) => {
      const seen = await look(step, context, id);
      if (seen === "unknown" || (seen !== "missing" && seen.state === "running")) return;
      throw gone(context.name, id, seen);
    }),
  );
}

async function look(
  step: Step,
  { region }: SlotContext,
  id: string,
): Promise<Instance | "missing" | "unknown"> {
  let missing = 0;
  try {
    return await region.poller.instance<Instance | "missing">(
      id,
      (seen) => {
        if (seen === undefined) return ++missing >= LOOKS_ENOUGH ? "missing" : undefined;
        return seen.state === "pending" ? undefined : seen;
      },
      { deadline: step.startedAt + ASKED_FOR_MS, ...watched(step), what: "known" },
    );
  } catch (error) {
    if (!(error instanceof AwsFault) && !(error instanceof WaitTimeout)) throw error;
    step.log(`Not known whether ${id} still runs: ${messageOf(error)}`);
    return "unknown";
  }
}

function gone(slot: string, id: string, seen: Instance | "missing"): SlipwayError {
  const died = seen === "missing" ? null : new InstanceDied(seen);
  const what = died?.message ?? `AWS does not show the instance ${id} any more`;
  const next = `/stg terminate ${slot} clears up after it; /stg launch ${slot} --keep puts another in its place.`;
  return new SlipwayError(
    "instance_died",
    `What was kept on ${slot} is no more: ${what}. Nothing was done with it. ${next}`,
    {
      fields: died?.fields ?? { instance: id },
      ...(died?.remedy !== undefined && { remedy: died.remedy }),
    },
  );
}
