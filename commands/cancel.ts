import { defineCommand, required } from "./lib/command.ts";
import { findRun, requireRoleOf } from "./lib/runs.ts";
import { fromEngine, runLink } from "./lib/slots.ts";
import { t, who } from "./lib/text.ts";
import { runNumber } from "./lib/values.ts";
import { announce, answer, refuse } from "./services.ts";

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
    if (cancelled.refused) return fromEngine(context, cancelled);
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
