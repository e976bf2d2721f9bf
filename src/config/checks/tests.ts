import type { JsonValue } from "../../util/json.ts";
import type { Finding, Path } from "../problem.ts";
import { at, entries, items } from "../tree.ts";

/** Browsers that are named somewhere must be browsers that run. */
export function checkTests(tree: JsonValue): Finding[] {
  const tests = at(tree, "tests");
  if (tests === undefined) return [];
  const browsers = items(at(tests, "browsers") ?? ["chrome"]);
  const users = entries(at(tests, "users"))
    .filter(([browser]) => !browsers.includes(browser))
    .map(([browser]) => ({
      path: ["tests", "users", browser],
      atKey: true,
      message: `${browser} is not in tests.browsers`,
    }));
  return [...users, ...repeatedBrowsers(browsers), ...imageNeeded(tests)];
}

function repeatedBrowsers(browsers: readonly JsonValue[]): Finding[] {
  return browsers.flatMap((browser, index) =>
    browsers.indexOf(browser) === index
      ? []
      : [{ path: ["tests", "browsers", index] as Path, message: `${String(browser)} is listed twice` }],
  );
}

function imageNeeded(tests: JsonValue): Finding[] {
  const runner = at(tests, "runner");
  if ((runner !== "ecs" && runner !== "oci") || at(tests, "image") !== undefined) return [];
  return [{ path: ["tests", "image"], message: `missing; runner: ${runner} needs an image with the suite` }];
}
