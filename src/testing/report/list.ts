import { readJson } from "./read.ts";
import type { SuiteJson } from "./schema.ts";
import { MESSAGE_LIMIT, plainText } from "./text.ts";

export interface ListedTests {
  /** Tests per project; a project without any has 0. */
  readonly tests: ReadonlyMap<string, number>;
  readonly errors: readonly string[];
}

/**
 * Reads what `playwright test --list --reporter=json` wrote.
 * @throws {ReportError} as `parseReport`
 */
export function listReport(text: string | undefined): ListedTests {
  const json = readJson(text, "the list of tests");
  const tests = new Map(json.config.projects.map((project) => [project.name, 0]));
  const visit = (suite: SuiteJson): void => {
    for (const { projectName } of suite.specs.flatMap((spec) => spec.tests)) {
      tests.set(projectName, (tests.get(projectName) ?? 0) + 1);
    }
    for (const inner of suite.suites ?? []) visit(inner);
  };
  for (const suite of json.suites) visit(suite);
  const errors = json.errors.map((error) => plainText(error.message ?? error.value ?? "", MESSAGE_LIMIT));
  return { tests, errors: errors.filter((error) => !/^(?:Error: )?No tests found/.test(error)) };
}
