import type { JsonValue } from "../../util/json.ts";
import type { Finding, Path } from "../problem.ts";
import { at, entries, items } from "../tree.ts";

/** Words that commands use in place of a target's name. */
const RESERVED = ["all", "any", "none", "defaults"];

export function checkEnvironments(tree: JsonValue): Finding[] {
  const environments = entries(at(tree, "environments"));
  return [
    ...environments.flatMap(([name, value]) => checkEnvironment(["environments", name], value, tree)),
    ...checkNames(tree),
  ];
}

/** `/deploy NAME` must mean one thing. */
function checkNames(tree: JsonValue): Finding[] {
  const slots = entries(at(tree, "slots")).map(([name]) => name);
  const environments = entries(at(tree, "environments")).map(([name]) => name);
  const taken = environments
    .filter((name) => slots.includes(name))
    .map((name) => ({
      path: ["environments", name],
      message: `a slot is called ${name} too; names must differ`,
    }));
  const reserved = [
    ...slots.map((name): Path => ["slots", name]),
    ...environments.map((name): Path => ["environments", name]),
  ]
    .filter((path) => RESERVED.includes(String(path[1])))
    .map((path) => ({ path, message: `commands use the word ${path[1]} for something else` }));
  return [...taken, ...reserved].map((finding) => ({ ...finding, atKey: true }));
}

function checkEnvironment(path: Path, environment: JsonValue, tree: JsonValue): Finding[] {
  return [
    ...checkRequires(path, at(environment, "requires"), tree),
    ...checkWaves(path, environment),
    ...checkRunNumber(path, environment),
  ];
}

function checkRequires(path: Path, requires: JsonValue | undefined, tree: JsonValue): Finding[] {
  if (requires === undefined) return [];
  const findings: Finding[] = [];
  const slots = entries(at(tree, "slots")).map(([name]) => name);
  const slot = at(requires, "slot") ?? "any";
  if (slots.length === 0) {
    findings.push({ path: [...path, "requires"], message: "needs a slot, but there is none under slots" });
  } else if (typeof slot === "string" && slot !== "any" && !slots.includes(slot)) {
    const message = `there is no slot ${slot}; slots are ${slots.join(", ")}`;
    findings.push({ path: [...path, "requires", "slot"], message });
  }
  const wanted = at(requires, "tests") ?? "all";
  const running = items(at(tree, "tests", "browsers") ?? ["chrome"]);
  if (wanted !== "none" && at(tree, "tests") === undefined) {
    findings.push({
      path: [...path, "requires", "tests"],
      message: "needs tests, but there is no section tests",
    });
  }
  for (const [index, browser] of items(wanted).entries()) {
    if (running.includes(browser)) continue;
    const message = `${String(browser)} is not in tests.browsers`;
    findings.push({ path: [...path, "requires", "tests", index], message });
  }
  return findings;
}

function checkWaves(path: Path, environment: JsonValue): Finding[] {
  const seen = new Set<string>();
  const findings: Finding[] = [];
  for (const [wave, regions] of items(at(environment, "waves")).entries()) {
    for (const [index, place] of items(regions).entries()) {
      const key = `${String(at(place, "region"))} ${String(at(place, "cluster"))}`;
      if (seen.has(key))
        findings.push({ path: [...path, "waves", wave, index], message: "deployed to twice" });
      seen.add(key);
    }
  }
  const services = new Set<string>();
  for (const [index, service] of items(at(environment, "services")).entries()) {
    const key = `${String(at(service, "service"))} ${String(at(service, "container"))}`;
    if (services.has(key)) findings.push({ path: [...path, "services", index], message: "listed twice" });
    services.add(key);
  }
  return findings;
}

/** `{run_number}` is that of the build workflow's run, so there must be one. */
function checkRunNumber(path: Path, environment: JsonValue): Finding[] {
  const image = at(environment, "image");
  const uses = typeof image === "string" && image.includes("{run_number}");
  if (!uses || at(environment, "build") !== undefined) return [];
  return [
    { path: [...path, "image"], message: "{run_number} needs build: { workflow: … }, whose run it counts" },
  ];
}
