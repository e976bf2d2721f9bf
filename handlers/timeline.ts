import type { Logger } from "pino";
import type { EngineApi, RunView } from "../src/engine/types.ts";
import { timelineOf } from "../src/publish/timeline.ts";
import { drawTimeline } from "../src/publish/timeline-png.ts";
import { messageOf } from "../src/util/errors.ts";
import type { Redactor } from "../src/util/redact.ts";

/** Where a run's time went, as a PNG; null where this machine cannot draw, which is logged. */
export async function runPicture(
  run: RunView,
  parts: {
    readonly engine: EngineApi;
    readonly redact: Redactor;
    readonly log: Logger;
    readonly now: number;
  },
): Promise<Buffer | null> {
  const steps = await parts.engine.steps(run.id);
  try {
    return await drawTimeline(parts.redact.deep(timelineOf(run, steps, parts.now)));
  } catch (error) {
    parts.log.warn(
      { err: messageOf(error), run: run.id },
      "the picture of a run's time cannot be drawn here",
    );
    return null;
  }
}
