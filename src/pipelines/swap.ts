import { pipeline } from "../engine/pipeline.ts";
import type { JsonObject } from "../util/json.ts";
import { OWED } from "./owed/kinds.ts";
import { type PipelineServices, slotContext } from "./services.ts";
import { standingHost } from "./steps/host.ts";
import { swapIn } from "./steps/swap.ts";

export type SwapInput = JsonObject & { readonly instanceId: string | null };

/** Puts an instance behind a slot's load balancer: the standing one, or any other that is named. */
export function swapPipeline(services: PipelineServices) {
  return pipeline<SwapInput>("swap", { version: 1 }, async (run, input) => {
    const context = await slotContext(run, services);
    const instanceId = await run.value(
      "instance",
      async () => input.instanceId ?? (await standingHost(run, context)).instanceId,
    );
    await swapIn(run, context, instanceId);
    await run.keepAlong([OWED.target]);
  });
}
