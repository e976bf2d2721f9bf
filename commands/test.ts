import type { RunView } from "../src/engine/types.ts";
import { defineCommand, flag, required, value } from "./lib/command.ts";
import { startOnSlot } from "./lib/on-what-stands.ts";
import { checkBrowsers, hasUnpassed, refuseWithoutTests } from "./lib/tests.ts";
import { t } from "./lib/text.ts";
import { browsers, nameOf } from "./lib/values.ts";
import { type CommandContext, type Refusal, refuse } from "./services.ts";

/** So far back a slot's last tests are looked for, in runs. */
const LOOK_BACK = 20;

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
      const asked = { failedOnly: args.failed, browsers: args.browsers ?? null };
      if (!args.failed) return asked;
      const earlier = await lastUnpassed(context, lease.resource);
      return "refused" in earlier ? earlier : { ...asked, earlier: earlier.uuid };
    }),
});

/** The last run with tests on this slot; a refusal when all that it was to run has passed. */
async function lastUnpassed(context: CommandContext, slot: string): Promise<RunView | Refusal> {
  const runs = await context.services.engine.runs({ limit: LOOK_BACK, target: slot });
  const last = runs.find(({ tests }) => tests !== null);
  if (last && hasUnpassed(last)) return last;
  const why = last ? `the tests of run #${last.id} had no failure` : "no tests have run there";
  return refuse("no_failed_tests", t`There is no failed test on ${slot}: ${why}.`);
}
