import {
  ABSENT_AFTER_REFUSAL_MS,
  type CloudRegion,
  type Instance,
  judgeAbsence,
  NOTHING_SEEN,
  recordSighting,
} from "../../cloud/index.ts";
import type { Step } from "../../engine/step.ts";
import { sleep } from "../../util/clock.ts";
import type { InstanceFacts } from "../owed/instance.ts";
import { watched } from "../watched.ts";

const LOOK_PAUSE_MS = 2_000;

/**
 * The instance that an earlier call without an answer has made after all, although AWS had no room for the same
 * request sent again. Undefined when none has been shown for so long that another attempt cannot become a second
 * instance of the launch.
 */
export async function findLateLaunch(
  step: Step,
  ec2: CloudRegion["ec2"],
  { request: { clientToken }, owner }: InstanceFacts,
): Promise<Instance | undefined> {
  step.log("An earlier call had no answer: what it may have launched is looked for.");
  let absence = NOTHING_SEEN;
  for (;;) {
    const sighting = await ec2.sight({ clientToken, owner }, watched(step));
    const [late] = sighting.instances.filter((one) => one.clientToken === clientToken);
    if (late) return late;
    absence = recordSighting(absence, { ...sighting, instances: [] });
    if (judgeAbsence(absence, step.now(), ABSENT_AFTER_REFUSAL_MS).gone) return undefined;
    await sleep(LOOK_PAUSE_MS, step.signal);
    step.signal.throwIfAborted();
  }
}
