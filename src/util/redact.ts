import { SHOWN_AS } from "./mrkdwn.ts";

const SHORTEST_SECRET = 6;

/**
 * Replaces known secret values by their names wherever text leaves the process: logs, journal, Slack, GitHub.
 * A secret of several lines (a private key) is also recognised line by line, since output arrives in lines,
 * in the escaped form that JSON gives it, and as Slack is given what people wrote.
 */
export class Redactor {
  readonly #names = new Map<string, string>();
  #pattern: RegExp | undefined;

  /** Adds a secret. Values shorter than six characters are left alone: hiding them would hide ordinary words. */
  add(name: string, value: string): void {
    for (const form of formsOf(value)) {
      if (form.length >= SHORTEST_SECRET) this.#names.set(form, name);
    }
    this.#pattern = undefined;
  }

  text(text: string): string {
    if (this.#names.size === 0) return text;
    return text.replace(
      this.#compiled(),
      (found) => `[secret ${this.#names.get(found) ?? this.#names.get(asWritten(found)) ?? "value"}]`,
    );
  }

  /** A copy of a JSON value with every string redacted, keys included. */
  deep<T>(value: T): T {
    if (typeof value === "string") return this.text(value) as T;
    if (Array.isArray(value)) return value.map((item) => this.deep(item)) as T;
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [this.text(key), this.deep(item)]),
    ) as T;
  }

  #compiled(): RegExp {
    if (this.#pattern) return this.#pattern;
    const longestFirst = [...this.#names.keys()].sort((a, b) => b.length - a.length);
    this.#pattern = new RegExp(longestFirst.map(patternOf).join("|"), "g");
    return this.#pattern;
  }
}

/** Each character as it is, or as Slack is given it. */
function patternOf(form: string): string {
  return [...form]
    .map((character) => {
      const other = SHOWN_AS.get(character);
      return other === undefined
        ? RegExp.escape(character)
        : `(?:${RegExp.escape(other)}|${RegExp.escape(character)})`;
    })
    .join("");
}

function asWritten(shown: string): string {
  return [...SHOWN_AS].reduceRight((text, [character, other]) => text.replaceAll(other, character), shown);
}

function formsOf(value: string): Set<string> {
  const trimmed = value.trim();
  const forms = new Set([value, trimmed, JSON.stringify(trimmed).slice(1, -1), encodeURIComponent(trimmed)]);
  if (trimmed.includes("\n")) {
    for (const line of trimmed.split("\n")) {
      if (!line.startsWith("-----")) forms.add(line.trim());
    }
  }
  return forms;
}
