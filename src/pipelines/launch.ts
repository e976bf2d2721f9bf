import { pipeline } from "../engine/pipeline.ts";
import type { Run } from "../engine/run.ts";
import type { Host as RemoteHost } from "../remote/index.ts";
import type { JsonObject } from "../util/json.ts";
import { OWED } from "./owed/kinds.ts";
import { type PipelineServices, type SlotContext, slotContext } from "./services.ts";
import { awaitSsh, withHost } from "./steps/host.ts";
import { openIngress } from "./steps/ingress.ts";
import { type Host, startInstance } from "./steps/instance.ts";
import { updateServices } from "./steps/service-update.ts";
import { swapIn } from "./steps/swap.ts";
import { prepareTests, runTests, type TestChoice } from "./steps/tests.ts";

export type LaunchInput = JsonObject & {
  readonly sha: string | null;
  readonly ref: string | null;
  readonly pr: number | null;
  readonly ami: string | null;
  readonly tests: TestChoice;
  readonly keep: boolean;
  readonly keepMs: number | null;
};

/** What a kept environment consists of; the SSH port is closed, and opened again for a run that needs it. */
const KEPT_KINDS = [OWED.instance, OWED.target];

/**
 * The whole of a staging slot: an instance from the image, its services brought up to the commit, put behind the
 * load balancer, tested, and undone again (or kept until its time to live ends).
 */
export function launchPipeline(services: PipelineServices) {
  return pipeline<LaunchInput>("launch", { version: 1 }, async (run, input) => {
    const context = await slotContext(run, services);
    await run.publish({ url: context.slot.url, ref: input.ref });
    await clearKept(run);
    const { host } = await run.together({
      tests: (run) => prepareTests(run, context, input.tests),
      host: (run) => bringUp(run, context, input),
    });
    await run.describe({ ref: input.ref });
    await swapIn(run, context, host.instanceId);
    // Kept from here on, whatever the tests say: whoever keeps an environment wants to look at it.
    if (input.keep) await keepUntil(run, context, input.keepMs);
    await runTests(run, context, { choice: input.tests, failedOnly: false, host, subject: input });
  });
}

/** A relaunch on one's own kept slot begins with a clean slate. */
async function clearKept(run: Run): Promise<void> {
  const standing = await run.value("what stands there", async () => (await run.owed(OWED.instance)).length);
  if (standing > 0) await run.step("Remove the previous environment", (step) => run.clearTenancy(step));
}

async function bringUp(run: Run, context: SlotContext, input: LaunchInput): Promise<Host> {
  const { instance } = await run.together({
    instance: (run) => startInstance(run, context, input.ami ?? context.slot.ami),
    port: (run) => openIngress(run, context),
  });
  await withHost(run, context, instance, async (remote: RemoteHost) => {
    await awaitSsh(run, context, instance, remote);
    await updateServices(run, context, instance, remote, input);
  });
  return instance;
}

async function keepUntil(run: Run, context: SlotContext, keepMs: number | null): Promise<void> {
  const { ttl, maxTtl } = context.slot;
  const now = await run.now("keep");
  const until = now + Math.min(keepMs ?? ttl, maxTtl);
  await run.keep({ kinds: KEPT_KINDS, until, maxUntil: now + maxTtl, reason: run.reason });
  await run.publish({ keptUntil: until });
}
