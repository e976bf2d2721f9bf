import { defineCommand, required } from "./lib/command.ts";
import { startOnSlot } from "./lib/on-what-stands.ts";
import { findRun, requireRoleOf, stopText } from "./lib/runs.ts";
import { findSlot, runLink } from "./lib/slots.ts";
import { startRun } from "./lib/start.ts";
import { t } from "./lib/text.ts";
import { runNumber } from "./lib/values.ts";
import { refuse } from "./services.ts";

/** Kinds that work on what stands on a slot, so that it must still stand there. */
const ON_WHAT_STANDS = ["update", "swap", "test", "terminate"] as const;

export const retry = defineCommand({
  name: "retry",
  summary: "Starts a new run of the same commit; needs the role of the run's own command.",
  role: "viewer",
  acts: true,
  repeatable: true,
  positionals: { run: required(runNumber) },
  options: {},
  run: async (context, args) => {
    const run = await findRun(context, args.run);
    if ("refused" in run) return run;
    const refusal = requireRoleOf(context, run, "retry");
    if (refusal) return refusal;
    if (run.endedAt === null) {
      return refuse(
        "run_active",
        t`${runLink(context.services, run.id)} has not ended (${run.state}).`,
        stopText(context.prefix, run),
      );
    }
    const { origin: _, ...input } = run.input;
    const kind = ON_WHAT_STANDS.find((one) => one === run.kind);
    if (kind && run.target !== null) return await startOnSlot(context, run.target, kind, async () => input);
    if (run.kind !== "launch") {
      return refuse("not_retryable", t`A ${run.kind} cannot be repeated by this version.`);
    }
    for (const candidate of run.candidates) {
      const slot = findSlot(context, candidate);
      if ("refused" in slot) return slot;
    }
    const { sha, pr, candidates } = run;
    return await startRun(context, { kind: "launch", candidates, input, sha, pr, retryOf: run.id });
  },
});
