import { defineCommand, flag, required, value } from "./lib/command.ts";
import { startOnSlot } from "./lib/on-what-stands.ts";
import { checkBrowsers, refuseWithoutTests } from "./lib/tests.ts";
import { t } from "./lib/text.ts";
import { browsers, nameOf } from "./lib/values.ts";
import { type CommandContext, type Refusal, refuse } from "./services.ts";

export const test = defineCommand({
  name: "test",
  summary: "Runs the tests against what stands on a slot.",
  role: "developer",
  acts: true,
  repeatable: true,
  positionals: { slot: required(nameOf("slot")) },
  options: {
    failed: flag("only those tests that failed last time"),
    browsers: value(browsers, "only these browsers"),
  },
  run: (context, args) =>
    startOnSlot(context, args.slot, "test", async (lease) => {
      if (!context.services.config().config.tests) return refuseWithoutTests();
      const missing = args.browsers && checkBrowsers(context, args.browsers);
      if (missing) return missing;
      const passed = args.failed ? await refuseWithoutFailures(context, lease.resource) : null;
      return passed ?? { failedOnly: args.failed, browsers: args.browsers ?? null };
    }),
});

/** Refuses when the last run with tests on this slot had no failure. */
async function refuseWithoutFailures(context: CommandContext, slot: string): Promise<Refusal | null> {
  const runs = await context.services.engine.runs({ limit: 20, target: slot });
  const last = runs.find(({ tests }) => tests !== null);
  if (last?.tests && last.tests.failed > 0) return null;
  const why = last ? `the tests of run #${last.id} had no failure` : "no tests have run there";
  return refuse("no_failed_tests", t`There is no failed test on ${slot}: ${why}.`);
}
