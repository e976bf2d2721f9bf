import { pipeline } from "../engine/pipeline.ts";
import { SlipwayError } from "../util/errors.ts";
import { OWED } from "./owed/kinds.ts";

/** Ends what stands on a slot: everything owed there becomes due, and the run's end is its cleanup. */
export function terminatePipeline() {
  return pipeline("terminate", { version: 1 }, async (run) => {
    const standing = await run.value("what stands there", async () => (await run.owed(OWED.instance)).length);
    if (standing === 0) {
      throw new SlipwayError(
        "nothing_there",
        `Nothing stands on ${run.resource}: there is nothing to terminate.`,
      );
    }
    await run.expire();
    return { ended: standing };
  });
}
