import { SlipwayError } from "../util/errors.ts";
import { nearest } from "./problem.ts";

/** What `{name}` may stand for in templates. */
export const FIELDS = [
  "slot",
  "url",
  "host",
  "sha",
  "short_sha",
  "ref",
  "branch",
  "tag",
  "pr",
  "region",
  "run_number",
] as const;
export type Field = (typeof FIELDS)[number];
export type FieldValues = Readonly<Partial<Record<Field, string | number | undefined>>>;

/** `{word}`, but not the shell's `${word}` and not `{{ word }}` of other template languages. */
const FIELD = /(?<![${])\{([A-Za-z_][A-Za-z0-9_]*)\}(?!\})/g;

/** The variable that carries a field's value into shell text. */
const SHELL_VARIABLES: Partial<Record<Field, string>> = {
  slot: "SLIPWAY_SLOT",
  url: "SLIPWAY_URL",
  host: "SLIPWAY_HOST",
  sha: "SLIPWAY_SHA",
  ref: "SLIPWAY_REF",
  branch: "SLIPWAY_REF",
  tag: "SLIPWAY_TAG",
  pr: "SLIPWAY_PR",
};

export function isField(word: string): word is Field {
  return (FIELDS as readonly string[]).includes(word);
}

/** The words in braces of a text, in order. */
export function fieldsIn(text: string): string[] {
  return [...text.matchAll(FIELD)].map((match) => match[1] ?? "");
}

/** Why a word in braces is no field of a template. */
export function unknownField(word: string): { message: string; suggestion: string | undefined } {
  const close = nearest(word, FIELDS);
  return {
    message: `{${word}} is not a field; there are ${FIELDS.map((field) => `{${field}}`).join(" ")}`,
    suggestion: close === undefined ? undefined : `{${close}}`,
  };
}

/** What to write in shell text in place of a field. */
export function shellRemedy(field: Field): string {
  const variable = SHELL_VARIABLES[field];
  const text = "shell text is never filled in";
  if (variable !== undefined) return `{${field}} is not filled here, since ${text}; use "$${variable}"`;
  const own = field.toUpperCase();
  return `{${field}} is not filled here, since ${text}; set ${own}: "{${field}}" under env and use "$${own}"`;
}

/** A template names something that this run does not have, e.g. `{pr}` without a pull request. */
export class FieldMissing extends SlipwayError {
  constructor(field: Field, template: string) {
    super("field_missing", `${template} needs {${field}}, which this run does not have`, {
      fields: { field, template },
      remedy: `Give the run a ${field}, or take {${field}} out of the configuration.`,
    });
  }
}

/**
 * Fills the `{fields}` of a template. Words in braces that are no field stay as they are.
 * Throws FieldMissing where a field has no value.
 */
export function fillFields(template: string, values: FieldValues): string {
  return template.replace(FIELD, (found, word: string) => {
    if (!isField(word)) return found;
    const value = values[word];
    if (value === undefined || value === "") throw new FieldMissing(word, template);
    return String(value);
  });
}

/** Fills every value of a map of templates. */
export function fillAll(
  templates: Readonly<Record<string, string>>,
  values: FieldValues,
): Record<string, string> {
  return Object.fromEntries(Object.entries(templates).map(([key, text]) => [key, fillFields(text, values)]));
}
