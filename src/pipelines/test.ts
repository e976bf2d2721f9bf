import { pipeline } from "../engine/pipeline.ts";
import type { JsonObject } from "../util/json.ts";
import { type PipelineServices, slotContext } from "./services.ts";
import { standingHost, standingSubject } from "./steps/host.ts";
import { requireStanding } from "./steps/standing.ts";
import { prepareTests, runTests } from "./steps/tests.ts";

export type TestInput = JsonObject & {
  readonly failedOnly: boolean;
  readonly browsers: readonly string[] | null;
  /** With `failedOnly`: the run (its uuid) whose tests are run again; runs of older versions know none. */
  readonly earlier?: string;
};

/** The suite against what stands on a kept slot; `--failed`: only what failed or was not run last time. */
export function testPipeline(services: PipelineServices) {
  return pipeline<TestInput>("test", { version: 1 }, async (run, input) => {
    const context = await slotContext(run, services);
    const host = await run.value("standing instance", () => standingHost(run, context));
    const subject = await run.value("standing commit", () => standingSubject(run));
    await requireStanding(run, context, host.instanceId);
    const choice = input.browsers ?? "all";
    await prepareTests(run, context, choice);
    await runTests(run, context, {
      choice,
      failedOnly: input.failedOnly,
      earlier: input.earlier,
      host,
      subject,
    });
  });
}
