import type { SlotConfig } from "../config/index.ts";
import type { KeepOptions } from "../engine/keeping.ts";
import { pipeline } from "../engine/pipeline.ts";
import type { Run } from "../engine/run.ts";
import type { Host as RemoteHost } from "../remote/index.ts";
import type { JsonObject } from "../util/json.ts";
import { OWED } from "./owed/kinds.ts";
import { type PipelineServices, type SlotContext, slotContext } from "./services.ts";
import { confirmCommit } from "./steps/commit.ts";
import { requireFields } from "./steps/fields.ts";
import { refuseForeignTargets } from "./steps/foreign-targets.ts";
import { awaitSsh, withHost } from "./steps/host.ts";
import { openIngress } from "./steps/ingress.ts";
import { startInstance } from "./steps/instance.ts";
import { updateServices } from "./steps/service-update.ts";
import { swapIn, type TookOver } from "./steps/swap.ts";
import { prepareTests, runTests, type TestChoice } from "./steps/tests.ts";

export type LaunchInput = JsonObject & {
  readonly sha: string | null;
  readonly ref: string | null;
  readonly pr: number | null;
  readonly ami: string | null;
  readonly tests: TestChoice;
  /** Null: as the slot's `afterTests` says, once it is known which slot it is. */
  readonly keep: boolean | null;
  readonly keepMs: number | null;
};

const REMOVE_EARLIER = "Remove the previous environment";
const STANDING = "what stands there";
/** What a kept environment consists of; the SSH port is closed, and opened again for a run that needs it. */
const KEPT_KINDS = [OWED.instance, OWED.target];

/**
 * The whole of a staging slot: an instance from the image, its services brought up to the commit, put behind the
 * load balancer, tested, and undone again (or kept until its time to live ends).
 *
 * What its holder had kept there serves until the new one has taken over, and stays when that does not come to be.
 */
export function launchPipeline(services: PipelineServices) {
  /** What is kept is its requester's when the run has ended. */
  const leaves = (input: LaunchInput, resource: string): "held" | "free" =>
    keeps(input, services.currentConfig().slots[resource]) ? "held" : "free";
  return pipeline<LaunchInput>("launch", { version: 2, compatibleWith: [1], leaves }, async (run, asked) => {
    const context = await slotContext(run, services);
    const input = { ...asked, keep: keeps(asked, context.slot) };
    await run.publish({ url: context.slot.url, ref: input.ref });
    await confirmCommit(run, services, input, STANDING);
    const uses = { update: true, tests: input.tests !== "none" };
    if (!run.isJournaled(STANDING)) requireFields(context, input, uses);
    const earlier = await run.value(STANDING, async () => {
      await refuseForeignTargets(run, context, "Nothing was launched.");
      return (await run.owed(OWED.instance)).length;
    });
    // Version 1 removed what stood there at the beginning; the runs that began under it go on so.
    const isCleared = earlier > 0 && run.version === 1;
    if (isCleared) await removeFirst(run);
    const isFirst = earlier === 0 || isCleared;
    const { host } = await run.together({
      tests: (run) => prepareTests(run, context, input.tests),
      host: (run) => bringUp(run, context, input, { isFirst }),
    });
    if (isFirst) await putFirst(run, context, input, host);
    else await replaceEarlier(run, context, input, host);
    await runTests(run, context, { choice: input.tests, failedOnly: false, host, subject: input });
  });
}

function keeps({ keep }: LaunchInput, slot: Pick<SlotConfig, "afterTests"> | undefined): boolean {
  return keep ?? slot?.afterTests === "keep";
}

type Launched = Awaited<ReturnType<typeof startInstance>>;

async function putFirst(
  run: Run,
  context: SlotContext,
  input: LaunchInput,
  { instanceId, launchedAt }: Launched,
): Promise<void> {
  await run.describe({ ref: input.ref });
  await swapIn(run, context, instanceId);
  // Kept from here on, whatever the tests say: whoever keeps an environment wants to look at it.
  if (input.keep) await run.keep(await untilWhen(run, context, input.keepMs, launchedAt));
}

async function removeFirst(run: Run): Promise<void> {
  await run.step(REMOVE_EARLIER, async (step) => {
    await run.takeOver({ met: null, facts: {}, keep: null });
    await run.clearEarlier(step);
  });
}

/** The swap's success is the turning point: before it the earlier environment comes back, after it it goes. */
async function replaceEarlier(
  run: Run,
  context: SlotContext,
  input: LaunchInput,
  { instanceId, standing, launchedAt }: Launched,
): Promise<void> {
  const took: TookOver = async (owed, note) => {
    const keep = input.keep ? await untilWhen(run, context, input.keepMs, launchedAt) : null;
    const met = owed ? { id: owed.id, note } : null;
    await run.takeOver({ met, keep, facts: { ...standing, ref: input.ref } });
  };
  await swapIn(run, context, instanceId, { took });
  await run.step(REMOVE_EARLIER, (step) => run.clearEarlier(step));
}

async function bringUp(
  run: Run,
  context: SlotContext,
  input: LaunchInput,
  { isFirst }: { readonly isFirst: boolean },
): Promise<Launched> {
  const { instance } = await run.together({
    instance: async (run) => {
      const launched = await startInstance(run, context, input.ami ?? context.slot.ami);
      // The board shows what serves: the earlier one, until this one has taken over.
      if (isFirst) await run.describe(launched.standing);
      return launched;
    },
    port: (run) => openIngress(run, context),
  });
  await withHost(run, context, instance, async (remote: RemoteHost) => {
    await awaitSsh(run, context, instance, remote);
    await updateServices(run, context, instance, remote, input);
  });
  return instance;
}

/** The longest life counts from the launch, as the instance's own timer does: the bot must come before that. */
async function untilWhen(
  run: Run,
  { slot: { ttl, maxTtl } }: SlotContext,
  keepMs: number | null,
  launchedAt: number,
): Promise<KeepOptions> {
  const now = await run.now("keep");
  const maxUntil = launchedAt + maxTtl;
  const until = Math.min(now + (keepMs ?? ttl), maxUntil);
  await run.publish({ keptUntil: until });
  return { kinds: KEPT_KINDS, until, maxUntil, reason: run.reason };
}
