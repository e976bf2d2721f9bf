import type { JsonValue } from "../../util/json.ts";
import { type Finding, nearest, type Path } from "../problem.ts";
import { GITHUB_PERMISSIONS, ROLES } from "../schema/access.ts";
import { keyLines } from "../schema/scalars.ts";
import { at, entries, items } from "../tree.ts";

/** What is allowed but probably not meant. `raw` is the file as written, `tree` the filled and merged one. */
export function findOddities(raw: JsonValue, tree: JsonValue): Finding[] {
  return [
    ...nobody(tree),
    ...misspelledPermissions(tree),
    ...unusedDefaults(raw),
    ...strangeKeys(tree),
    ...unheardRepositories(tree),
  ].map((finding) => ({ ...finding, severity: "warning" }));
}

/** Secrets that stand in the file itself would be journaled with it. */
export function checkWrittenSecrets(raw: JsonValue): Finding[] {
  const keys: Path[] = [
    ...entries(at(raw, "slots")).map(([name]): Path => ["slots", name, "ssh", "privateKey"]),
    ...entries(at(raw, "environments")).map(([name]): Path => ["environments", name, "ssh", "privateKey"]),
  ];
  return keys
    .filter((path) => /PRIVATE KEY/.test(keyLines(String(at(raw, ...path) ?? ""))))
    .map((path) => ({
      path,
      message: "a private key must not stand in this file; take it from an environment variable",
    }));
}

function nobody(tree: JsonValue): Finding[] {
  const members = ROLES.flatMap((role) => [
    ...items(at(tree, "access", "roles", role, "slack")),
    ...items(at(tree, "access", "roles", role, "github")),
  ]);
  return members.length > 0
    ? []
    : [{ path: ["access"], message: "no one has a role, so no command will be obeyed" }];
}

function misspelledPermissions(tree: JsonValue): Finding[] {
  return ROLES.flatMap((role) =>
    items(at(tree, "access", "roles", role, "github")).flatMap((member, index): Finding[] => {
      if (typeof member !== "string" || member.includes("/")) return [];
      if ((GITHUB_PERMISSIONS as readonly string[]).includes(member)) return [];
      const meant = nearest(member, GITHUB_PERMISSIONS);
      if (meant === undefined) return [];
      const path = ["access", "roles", role, "github", index];
      return [{ path, message: `taken for the login ${member}`, suggestion: `the permission ${meant}` }];
    }),
  );
}

function unusedDefaults(raw: JsonValue): Finding[] {
  const slots = entries(at(raw, "slots"));
  if (slots.length !== 1 || slots[0]?.[0] !== "defaults") return [];
  return [{ path: ["slots", "defaults"], atKey: true, message: "there is no slot that these are for" }];
}

const LOOKS_RIGHT = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;

function strangeKeys(tree: JsonValue): Finding[] {
  const owners: [Path, JsonValue][] = ["slots", "environments"].flatMap((section) =>
    entries(at(tree, section)).map(([name, value]): [Path, JsonValue] => [[section, name], value]),
  );
  return owners.flatMap(([path, value]): Finding[] => {
    const key = at(value, "ssh", "privateKey");
    if (typeof key !== "string" || key === "" || LOOKS_RIGHT.test(keyLines(key))) return [];
    const message = "does not look like a private key (-----BEGIN … PRIVATE KEY-----)";
    return [{ path: [...path, "ssh", "privateKey"], message }];
  });
}

function unheardRepositories(tree: JsonValue): Finding[] {
  const heard = items(at(tree, "github", "repositories"));
  if (heard.length === 0) return [];
  return entries(at(tree, "slots")).flatMap(([name, slot]) =>
    items(at(slot, "repositories")).flatMap((repository, index): Finding[] => {
      if (heard.includes(repository) || typeof repository !== "string") return [];
      const path = ["slots", name, "repositories", index];
      return [{ path, message: `${repository} is not in github.repositories: its comments are not obeyed` }];
    }),
  );
}
