import type { ObligationKind } from "../../engine/obligation.ts";
import type { TestRunId, TestRunners } from "../../testing/index.ts";
import { runnerNames } from "../../testing/index.ts";
import type { JsonObject } from "../../util/json.ts";
import { OWED } from "./kinds.ts";

export type TestsFacts = JsonObject & {
  readonly runner: string;
  readonly id: TestRunId & JsonObject;
  readonly browsers: readonly string[];
  /** Where the suite writes; removed with it. Not in facts that an older version wrote. */
  readonly folder?: string;
};

/** Tests that run somewhere by themselves: ended with every process of theirs. */
export function testsKind(runners: TestRunners): ObligationKind<TestsFacts> {
  return {
    kind: OWED.tests,
    version: 1,
    title: "Stop the tests",
    discharge: async ({ facts, signal }) => {
      const name = runnerNames.find((name) => name === facts.runner);
      const runner = name && runners.get(name);
      if (!runner) throw new Error(`There is no test runner called ${facts.runner}.`);
      await runner.stop(facts.id, facts.browsers, signal);
      if (!(await runner.isGone(facts.id, facts.browsers, signal))) throw new Error("Tests still run.");
      if (facts.folder !== undefined) await runner.tidy(facts.id, facts.browsers, facts.folder, signal);
    },
  };
}
