import { z } from "zod";
import type { Browser } from "../../src/config/index.ts";
import type { RunView } from "../../src/engine/types.ts";
import { type CommandContext, type Refusal, refuse } from "../services.ts";
import { code, t } from "./text.ts";
import type { TestChoice } from "./values.ts";

/** Which tests run: as asked, else all there are. Refuses what the configuration does not have. */
export function chooseTests(
  context: CommandContext,
  asked: TestChoice | undefined,
): { readonly choice: TestChoice } | Refusal {
  const { tests } = context.services.config().config;
  if (asked === "none") return { choice: "none" };
  if (!tests) return asked === undefined ? { choice: "none" } : refuseWithoutTests();
  if (asked === undefined || asked === "all") return { choice: "all" };
  return checkBrowsers(context, asked) ?? { choice: asked };
}

export function checkBrowsers(context: CommandContext, asked: readonly Browser[]): Refusal | null {
  const { tests } = context.services.config().config;
  if (!tests) return refuseWithoutTests();
  const missing = asked.find((browser) => !tests.browsers.includes(browser));
  if (missing === undefined) return null;
  return refuse(
    "browser_not_configured",
    t`The tests are not set up for ${code(missing)}.`,
    t`Browsers: ${tests.browsers.join(", ")}.`,
  );
}

export function refuseWithoutTests(): Refusal {
  return refuse("no_tests", t`The configuration has no tests.`, t`They stand under "tests" in slipway.yml.`);
}

const counted = z.array(z.object({ notRun: z.number(), unavailable: z.string().nullable() }));

/** Whether a run has tests that failed or never ran. Those of a browser that is not there would not run again either. */
export function hasUnpassed({ tests, facts }: Pick<RunView, "tests" | "facts">): boolean {
  if (tests === null) return false;
  if (tests.failed > 0) return true;
  const browsers = counted.safeParse(facts.browsers).data ?? [];
  return browsers.some(({ notRun, unavailable }) => notRun > 0 && unavailable === null);
}
