import { defineCommand, required } from "./lib/command.ts";
import { runLine, stepLine, testsText } from "./lib/run-text.ts";
import { findRun } from "./lib/runs.ts";
import { lines, t, time } from "./lib/text.ts";
import { runNumber } from "./lib/values.ts";
import { answer } from "./services.ts";

export const show = defineCommand({
  name: "show",
  summary: "Shows a run: its steps, its tests, what is still owed.",
  role: "viewer",
  acts: false,
  repeatable: true,
  positionals: { run: required(runNumber) },
  options: {},
  run: async (context, args) => {
    const { services } = context;
    const run = await findRun(context, args.run);
    if ("refused" in run) return run;
    const now = services.clock.now();
    const steps = await services.engine.steps(run.id);
    const open = await services.engine.obligations({ runId: run.id, open: true });
    // Who cancelled it stands in its first line; that is no failure.
    const fault = run.outcome?.state === "failed" ? run.outcome.fault : null;
    return answer(
      lines(
        runLine(services, run),
        ...steps.map((step) => t`  ${stepLine(step, now)}`),
        run.tests ? testsText(run.tests) : null,
        fault ? t`Failed (${fault.code}): ${fault.message}${fault.remedy ? ` ${fault.remedy}` : ""}` : null,
        ...open.map(({ title, due }) => t`Owed: ${title}${due === null ? null : t`, due ${time(due)}`}`),
      ),
      run,
    );
  },
});
