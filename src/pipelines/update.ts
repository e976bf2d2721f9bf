import { pipeline } from "../engine/pipeline.ts";
import type { JsonObject } from "../util/json.ts";
import { type PipelineServices, slotContext } from "./services.ts";
import { requireFields } from "./steps/fields.ts";
import { awaitSsh, standingHost, standingSubject, withHost } from "./steps/host.ts";
import { openIngress } from "./steps/ingress.ts";
import { updateServices } from "./steps/service-update.ts";
import { requireStanding, STANDING_PATH } from "./steps/standing.ts";

/** The configured service update on the instance that stands on a kept slot, for the commit that is there. */
export function updatePipeline(services: PipelineServices) {
  return pipeline<JsonObject>("update", { version: 1 }, async (run) => {
    const context = await slotContext(run, services);
    const host = await run.value("standing instance", () => standingHost(run, context));
    const subject = await run.value("standing commit", () => standingSubject(run));
    if (!run.isJournaled(STANDING_PATH)) requireFields(context, subject, { update: true, tests: false });
    await requireStanding(run, context, host.instanceId);
    await openIngress(run, context);
    await withHost(run, context, host, async (remote) => {
      await awaitSsh(run, context, host, remote);
      await updateServices(run, context, host, remote, subject);
    });
  });
}
