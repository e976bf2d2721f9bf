import { RemoteError } from "../errors.ts";

const FIELD = /\{([a-z_]+)\}/g;

/**
 * Fills `{sha}`-style fields. A name that is not among `fields` stays as written: the configuration has been
 * checked, and braces may mean something to the program.
 */
export function fill(template: string, fields: Readonly<Record<string, string>>): string {
  return template.replace(FIELD, (whole, name: string) =>
    Object.hasOwn(fields, name) ? (fields[name] ?? whole) : whole,
  );
}

/** Whether anything in the text comes from a value instead of from the configuration. */
export function hasFields(template: string, fields: Readonly<Record<string, string>>): boolean {
  return [...template.matchAll(FIELD)].some((match) => Object.hasOwn(fields, match[1] ?? ""));
}

/**
 * The arguments of a program, filled. A value can neither become several arguments, since each word is filled
 * by itself and no shell reads it, nor an option: a word that begins with a dash only once it is filled is
 * refused, and the program's name takes no field at all.
 * @throws RemoteError `value_not_passable`
 */
export function fillArguments(
  words: readonly string[],
  fields: Readonly<Record<string, string>>,
): readonly string[] {
  return words.map((word, index) => {
    const filled = fill(word, fields);
    if (index === 0 && filled !== word) throw refused(word, "a program's name cannot come from a value");
    if (filled.startsWith("-") && !word.startsWith("-")) {
      throw refused(word, "its value begins with a dash, and would be read as an option");
    }
    if (filled.includes("\0")) throw refused(word, "its value has a NUL byte");
    return filled;
  });
}

function refused(word: string, why: string): RemoteError {
  return new RemoteError("value_not_passable", `The argument ${word} is not passed on: ${why}.`, {
    remedy: "Use another branch, tag or name, or write the argument as --option={field}.",
    fields: { word },
  });
}
