import type { Run } from "../../engine/run.ts";
import type { Step } from "../../engine/step.ts";
import { sleep } from "../../util/clock.ts";
import { SlipwayError } from "../../util/errors.ts";
import { formatTime } from "../../util/format.ts";
import type { JsonObject } from "../../util/json.ts";
import type { CommitObjection, PipelineServices } from "../services.ts";

/** GitHub may be silent, or limit, for so long before the run ends without its answer. In ms. */
const ASKED_FOR_MS = 10 * 60_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
const SCOPE = "Commit";
const STEP = "Commit is still as shown";

/**
 * Reads the run's commit again before anything is created: it was pinned when the command was read, and the run may
 * have waited for hours since. What is not as it was shown, and what cannot be known, stops the run.
 *
 * In a scope of its own, so that a run that an older version began replays unchanged; one that such a version has
 * already led past this place has created what it is about, and is not stopped for it.
 *
 * @param next what comes after it in the run
 * @throws SlipwayError with the code of what is against it (docs/reason-codes.md)
 */
export async function confirmCommit(
  run: Run,
  { commits }: Pick<PipelineServices, "commits">,
  input: JsonObject,
  next: string,
): Promise<void> {
  if (!commits.wasLookedUp(input)) return;
  if (run.isJournaled(next) && !run.isJournaled(`${SCOPE}/${STEP}`)) return;
  await run.in(SCOPE, (run) =>
    run.step(STEP, async (step) => {
      const objection = await lastWord(step, () => commits.readAgain(input, run.resource));
      if (objection === null) return;
      const { code, message, remedy } = objection;
      const state = `Nothing was launched. ${remedy ?? ""}`.trim();
      throw new SlipwayError(code, message, { remedy: state });
    }),
  );
}

/** Asks until there is an answer, or until the time is over: then the last objection stands. */
async function lastWord(
  step: Step,
  ask: () => Promise<CommitObjection | null>,
): Promise<CommitObjection | null> {
  const until = step.startedAt + ASKED_FOR_MS;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    const objection = await ask();
    step.signal.throwIfAborted();
    if (objection === null || !objection.passing) return objection;
    const now = step.now();
    const next = Math.max(now + pause, objection.retryAt ?? 0);
    if (next >= until) return objection;
    step.log(`${objection.message} Asked again at ${formatTime(next)}.`);
    step.detail(`${objection.message} It is asked again until ${formatTime(until)}`);
    await sleep(next - now, step.signal);
    step.signal.throwIfAborted();
  }
}
