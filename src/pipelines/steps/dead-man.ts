import type { Config, ServiceStepOrGroup, SlotConfig } from "../../config/index.ts";
import { CLEANUP_LIMIT_MS } from "../../engine/executor.ts";
import { MEND_TIMEOUT_MS } from "../../remote/index.ts";
import type { InstanceFacts } from "../owed/instance.ts";

/** Never less over the longest life of the slot, in ms. */
const LEAST_MARGIN_MS = 60 * 60_000;
/** A launch's calls and waits that no setting bounds: AWS's answer, the address, the tests' preparation. In ms. */
const OTHER_WAITS_MS = 20 * 60_000;

type Slot = Pick<SlotConfig, "maxTtl" | "healthyWithin" | "deregisterWithin"> & {
  readonly ssh: Pick<SlotConfig["ssh"], "readyWithin">;
};

/**
 * When an instance that is launched now powers itself off, should nobody end it. The bot, if it lives, always comes
 * first: it counts the longest life from the same moment, and whatever a run began before that life's end is over
 * within the margin. Pure.
 */
export function deadManOf(now: number, slot: Slot, config: Work): InstanceFacts["deadMan"] {
  return { powerOffAt: now + slot.maxTtl + marginOf(slot, config), madeAt: now };
}

type Work = Pick<Config, "serviceUpdate" | "tests">;

/** The longest run that could be at work there when the longest life ends, with its cleanup. */
function marginOf({ ssh, healthyWithin, deregisterWithin }: Slot, { serviceUpdate, tests }: Work): number {
  const update = serviceUpdate.steps.reduce((sum, step) => sum + longest(step), 0);
  const suite = tests ? tests.timeout * Math.ceil(tests.browsers.length / tests.parallel) : 0;
  // Taken out and put in, and back again when the new one does not become healthy.
  const swap = 2 * (healthyWithin + deregisterWithin);
  // A cleanup that will be confirmed if nothing changes is given its time once more.
  const cleanup = 2 * CLEANUP_LIMIT_MS;
  return Math.max(LEAST_MARGIN_MS, OTHER_WAITS_MS + ssh.readyWithin + update + swap + suite + cleanup);
}

/**
 * With every try, what is to mend a failure and the try after it; what goes on beside others is counted as if it came
 * after them.
 */
function longest(step: ServiceStepOrGroup): number {
  if (step.kind === "parallel") return step.parallel.reduce((sum, one) => sum + longest(one), 0);
  const mending = step.onFailure === undefined ? 0 : MEND_TIMEOUT_MS + step.timeout;
  return step.timeout * (step.retries + 1) + mending;
}
