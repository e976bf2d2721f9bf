import { pipeline } from "../engine/pipeline.ts";
import type { Run } from "../engine/run.ts";
import { SlipwayError } from "../util/errors.ts";
import type { JsonObject } from "../util/json.ts";
import { OWED } from "./owed/kinds.ts";
import { type PipelineServices, type SlotContext, slotContext } from "./services.ts";
import { standingHost } from "./steps/host.ts";
import { requireStanding } from "./steps/standing.ts";
import { alreadyServes, swapIn } from "./steps/swap.ts";

export type SwapInput = JsonObject & { readonly instanceId: string | null };

/** Puts an instance behind a slot's load balancer: the standing one, or any other that is named. */
export function swapPipeline(services: PipelineServices) {
  return pipeline<SwapInput>("swap", { version: 1 }, async (run, input) => {
    const context = await slotContext(run, services);
    const named = input.instanceId;
    if (named !== null) await requireRunning(run, context, named);
    const instanceId = await run.value(
      "instance",
      async () => named ?? (await standingHost(run, context)).instanceId,
    );
    if (named === null) await requireStanding(run, context, instanceId);
    await swapIn(run, context, instanceId, { ofRun: !(await alreadyServes(run, context, instanceId)) });
    await run.keepAlong([OWED.target]);
  });
}

/** A slip of the pen must not take the old targets out: the named instance is looked for before anything changes. */
async function requireRunning(run: Run, { name, slot, region }: SlotContext, id: string): Promise<void> {
  await run.step("Look for the instance", async ({ signal }) => {
    const found = (await region.ec2.findInstances([id], { signal })).get(id);
    if (found?.state === "running") return;
    const what = found ? `The instance ${id} is ${found.state}` : `There is no instance ${id}`;
    throw new SlipwayError("no_such_instance", `${what} in ${slot.region}.`, {
      remedy: `Nothing was changed: ${name} serves as before. Give the id of a running instance: /stg swap ${name} i-…`,
    });
  });
}
