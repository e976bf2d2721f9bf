import { formatDuration } from "../src/config/index.ts";
import type { RunView } from "../src/engine/types.ts";
import { defineCommand, required } from "./lib/command.ts";
import { findRun, requireRoleOf } from "./lib/runs.ts";
import { fromEngine, leaseOf, runLink } from "./lib/slots.ts";
import { bold, code, t, who } from "./lib/text.ts";
import { runNumber } from "./lib/values.ts";
import { announce, answer, type CommandContext, type Refusal, refuse } from "./services.ts";

export const cancel = defineCommand({
  name: "cancel",
  summary: "Stops a run and cleans up behind it; needs the role of the run's own command.",
  role: "viewer",
  acts: true,
  repeatable: true,
  positionals: { run: required(runNumber) },
  options: {},
  run: async (context, args) => {
    const { services, person } = context;
    const run = await findRun(context, args.run);
    if ("refused" in run) return run;
    const refusal = requireRoleOf(context, run, "cancel");
    if (refusal) return refusal;
    if (run.endedAt !== null) {
      return refuse("run_ended", t`${runLink(services, run.id)} has ended already (${run.state}).`);
    }
    const cancelled = await services.engine.cancel(run.id, person);
    if (cancelled.refused)
      return cancelled.reasonCode === "run_cleaning_up"
        ? await refuseCleaning(context, run)
        : fromEngine(context, cancelled);
    if (cancelled.repeated) {
      return answer(
        t`${runLink(services, run.id)} is being cancelled already; its cleanup is under way.`,
        run,
      );
    }
    const what = t`${who(person)} has cancelled ${runLink(services, run.id)} (${run.kind} ${run.target ?? ""})`;
    const then = cancelled.state === "stopping" ? t`; it stops and cleans up.` : t`; it had not begun.`;
    return announce(t`${what}${then}`, { run });
  },
});

/** What it came to, and what it leaves standing: that is ended by another command. */
async function refuseCleaning({ services, prefix }: CommandContext, { id }: RunView): Promise<Refusal> {
  const run = await services.engine.run(id);
  const what = t`${runLink(services, id)} has done its work (${run?.outcome?.state ?? "ended"}); only its cleanup goes on, which nothing stops.`;
  const slot = run?.target ?? null;
  const lease = slot === null ? null : await leaseOf(services, slot);
  if (lease === null || lease.runId !== id || lease.hold?.mode !== "kept")
    return refuse("run_cleaning_up", what, t`It keeps no environment: wait for its end.`);
  const { remainingMs } = lease.hold;
  const forTime = remainingMs === null ? null : t` for ${formatDuration(roundToSecond(remainingMs))}`;
  return refuse(
    "run_cleaning_up",
    t`${what} The environment on ${bold(lease.resource)} is kept${forTime} from the run's end.`,
    t`If nobody needs it: ${code(`${prefix} terminate ${lease.resource}`)}, as soon as the cleanup is over.`,
  );
}

/** What is left of a time is measured in milliseconds. */
function roundToSecond(ms: number): number {
  return Math.max(1, Math.round(ms / 1_000)) * 1_000;
}
