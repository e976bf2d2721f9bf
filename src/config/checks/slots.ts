import type { JsonValue } from "../../util/json.ts";
import { parseDuration } from "../duration.ts";
import type { Finding, Path } from "../problem.ts";
import { at, entries, items } from "../tree.ts";

/** What must fit together within a slot and between slots. Looks at merged slots, valid or not. */
export function checkSlots(tree: JsonValue): Finding[] {
  const slots = entries(at(tree, "slots"));
  return [...slots.flatMap(([name, slot]) => checkSlot(["slots", name], slot)), ...sharedTargets(slots)];
}

function checkSlot(path: Path, slot: JsonValue): Finding[] {
  return [
    ...checkSwap(path, slot),
    ...checkTimes(path, slot),
    ...checkRegions(path, slot),
    ...checkVolume(path, slot),
  ];
}

function checkSwap(path: Path, slot: JsonValue): Finding[] {
  const has = (key: string) => at(slot, key) !== undefined;
  const needs = (key: string, why: string): Finding[] =>
    has(key) ? [] : [{ path: [...path, key], message: `missing; ${why}` }];
  const unused = (key: string, why: string): Finding[] =>
    has(key) ? [{ path: [...path, key], atKey: true, severity: "warning", message: why }] : [];
  const swap = at(slot, "swap") ?? "replace";
  if (swap === "switch") {
    const same = at(slot, "targetGroups", 0);
    const twice = same !== undefined && same === at(slot, "targetGroups", 1);
    return [
      ...needs("listenerRule", "swap: switch needs the listener rule that it turns"),
      ...needs("targetGroups", "swap: switch needs two target groups"),
      ...(twice ? [{ path: [...path, "targetGroups", 1], message: "the same target group twice" }] : []),
      ...unused("targetGroup", "swap: switch does not use it; it uses targetGroups"),
    ];
  }
  if (swap !== "replace" && swap !== "overlap") return [];
  return [
    ...needs("targetGroup", `swap: ${swap} needs a target group`),
    ...unused("targetGroups", `swap: ${swap} does not use it; swap: switch does`),
    ...unused("listenerRule", `swap: ${swap} does not use it; swap: switch does`),
  ];
}

function checkTimes(path: Path, slot: JsonValue): Finding[] {
  const ttl = at(slot, "ttl") ?? "4h";
  const maxTtl = at(slot, "maxTtl") ?? "24h";
  const shorter = milliseconds(ttl);
  const longer = milliseconds(maxTtl);
  if (shorter === undefined || longer === undefined || shorter <= longer) return [];
  const written = at(slot, "ttl") === undefined ? "maxTtl" : "ttl";
  return [{ path: [...path, written], message: `ttl (${ttl}) is longer than maxTtl (${maxTtl})` }];
}

function milliseconds(value: JsonValue): number | undefined {
  return typeof value === "string" ? parseDuration(value) : undefined;
}

const REGION = /^[a-z]{2}(-[a-z]+)+-\d$/;

function checkRegions(path: Path, slot: JsonValue): Finding[] {
  const region = at(slot, "region");
  if (typeof region !== "string") return [];
  const arns: [Path, JsonValue | undefined][] = [
    [["targetGroup"], at(slot, "targetGroup")],
    [["listenerRule"], at(slot, "listenerRule")],
    ...items(at(slot, "targetGroups")).map((arn, index): [Path, JsonValue] => [["targetGroups", index], arn]),
  ];
  return arns.flatMap(([place, arn]) => {
    const other = typeof arn === "string" ? arn.split(":")[3] : undefined;
    // A region or an ARN that is none is named as such, and might be a secret in the wrong place.
    if (other === undefined || !REGION.test(other) || !REGION.test(region) || other === region) return [];
    return [
      { path: [...path, ...place], message: `this is in ${other}, but the slot's region is ${region}` },
    ];
  });
}

function checkVolume(path: Path, slot: JsonValue): Finding[] {
  const type = at(slot, "rootVolume", "type") ?? "gp3";
  const findings: Finding[] = [];
  if (at(slot, "rootVolume", "throughput") !== undefined && type !== "gp3") {
    findings.push({
      path: [...path, "rootVolume", "throughput"],
      message: "only a gp3 volume has a throughput",
    });
  }
  if (at(slot, "rootVolume", "iops") !== undefined && !["gp3", "io1", "io2"].includes(String(type))) {
    findings.push({ path: [...path, "rootVolume", "iops"], message: `a ${type} volume has no iops` });
  }
  return findings;
}

/** Two slots with one target group or one listener rule would tear each other's targets away. */
function sharedTargets(slots: readonly [string, JsonValue][]): Finding[] {
  const owners = new Map<string, string>();
  const findings: Finding[] = [];
  for (const [name, slot] of slots) {
    const places: Path[] = [["targetGroup"], ["targetGroups", 0], ["targetGroups", 1], ["listenerRule"]];
    for (const place of places) {
      const arn = at(slot, ...place);
      if (typeof arn !== "string") continue;
      const owner = owners.get(arn);
      if (owner !== undefined && owner !== name) {
        const message = `slots ${owner} and ${name} would share it; each slot needs its own`;
        findings.push({ path: ["slots", name, ...place], message });
      }
      owners.set(arn, owner ?? name);
    }
  }
  return findings;
}
