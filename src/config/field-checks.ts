import type { JsonValue } from "../util/json.ts";
import { fieldsIn, isField, shellRemedy, unknownField } from "./fields.ts";
import { textKindAt } from "./json-schema.ts";
import type { Finding, Path } from "./problem.ts";
import { mapScalars } from "./tree.ts";

/** Fields that have a value when the file is read. */
export const SLOT_FIELDS = ["slot", "SLOT", "region"] as const;

/** Finds fields where none are filled, in shell text above all, and words in braces that are no field. */
export function checkFields(raw: JsonValue): Finding[] {
  const findings: Finding[] = [];
  mapScalars(raw, (value, path) => {
    if (typeof value === "string" && value.includes("{")) findings.push(...checkText(value, path));
    return value;
  });
  return findings;
}

function checkText(text: string, path: Path): Finding[] {
  const kind = textKindAt(path);
  const words = [...new Set(fieldsIn(text))];
  if (kind === "shell") {
    return words.filter(isField).map((field) => ({ path, message: shellRemedy(field) }));
  }
  if (kind === "template") {
    return words.filter((word) => !isField(word)).map((word) => ({ path, ...unknownField(word) }));
  }
  if (kind === "slot") {
    const wrong = words.filter((word) => !(SLOT_FIELDS as readonly string[]).includes(word));
    return wrong.map((word) => ({
      path,
      message: `{${word}} is not filled here; a slot's own values know {slot}, {SLOT} and {region}`,
    }));
  }
  return words.filter(isField).map((field) => ({ path, message: `{${field}} is not filled here` }));
}
