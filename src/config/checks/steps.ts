import type { JsonValue } from "../../util/json.ts";
import { fieldsIn } from "../fields.ts";
import type { Finding, Path } from "../problem.ts";
import { at, entries, items } from "../tree.ts";

/** A step's name is its key in the journal: within one list, groups included, no two may be alike. */
export function checkSteps(tree: JsonValue): Finding[] {
  return stepLists(tree).flatMap(([path, list]) => [...repeated(path, list), ...chosenPrograms(path, list)]);
}

function stepLists(tree: JsonValue): [Path, JsonValue | undefined][] {
  return [
    [["serviceUpdate", "steps"], at(tree, "serviceUpdate", "steps")],
    ...entries(at(tree, "environments")).flatMap(([name, environment]): [Path, JsonValue | undefined][] => [
      [["environments", name, "steps"], at(environment, "steps")],
      [["environments", name, "before"], at(environment, "before")],
    ]),
  ];
}

/** Which program runs on the bot's machine is for the configuration alone to say, never for a branch's name. */
function chosenPrograms(path: Path, list: JsonValue | undefined): Finding[] {
  return items(list).flatMap((step, index): Finding[] => {
    const program = at(step, "local", 0);
    const within = chosenPrograms([...path, index, "parallel"], at(step, "parallel"));
    if (typeof program !== "string" || fieldsIn(program).length === 0) return within;
    return [{ path: [...path, index, "local", 0], message: "a program's name takes no fields" }];
  });
}

function repeated(path: Path, list: JsonValue | undefined): Finding[] {
  const seen = new Set<string>();
  return namesIn(path, list).flatMap(([place, name]) => {
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    return [{ path: place, message: `another step is called ${JSON.stringify(name)}; names must differ` }];
  });
}

function namesIn(path: Path, list: JsonValue | undefined): [Path, string][] {
  return items(list).flatMap((step, index): [Path, string][] => {
    const name = at(step, "name");
    const own: [Path, string][] = typeof name === "string" ? [[[...path, index, "name"], name]] : [];
    return [...own, ...namesIn([...path, index, "parallel"], at(step, "parallel"))];
  });
}
