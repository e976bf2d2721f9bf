import type { Command, Option } from "./lib/command.ts";
import { notYet, refuseNotYet } from "./lib/not-yet.ts";
import { closest } from "./lib/suggest.ts";
import { bold, code, type Text, t } from "./lib/text.ts";
import { checkCharacters, type Token, tokenize } from "./lib/tokens.ts";
import type { ValueType } from "./lib/values.ts";
import { type Refusal, refuse } from "./services.ts";

/** A command that is well-formed: its words are of the right number and every value of the right kind. */
export interface ParsedCommand {
  readonly command: Command;
  readonly args: Readonly<Record<string, unknown>>;
}

export interface Vocabulary {
  /** Commands by every name and alias. */
  readonly commands: ReadonlyMap<string, Command>;
  /** Which command no word at all means. */
  readonly fallback: Command;
  /** How the person calls the bot, for usage lines: `/stg`. */
  readonly prefix: string;
}

/**
 * The one grammar of all entrances. Options are `--name value`, `--name=value`, `name=value`; a dash that a
 * phone lengthened counts as two. Pure: it looks nothing up and starts nothing.
 */
export function parseCommand(text: string, vocabulary: Vocabulary): ParsedCommand | Refusal {
  const tokens = tokenize(text);
  if ("refused" in tokens) return tokens;
  return parseTokens(tokens, vocabulary);
}

/** The same for words that a shell has already cut. */
export function parseWords(words: readonly string[], vocabulary: Vocabulary): ParsedCommand | Refusal {
  const unsound = checkCharacters(words.join(" "));
  return (
    unsound ??
    parseTokens(
      words.map((text) => ({ text, quoted: false })),
      vocabulary,
    )
  );
}

function parseTokens(tokens: readonly Token[], vocabulary: Vocabulary): ParsedCommand | Refusal {
  const [first, ...rest] = tokens;
  if (!first) return { command: vocabulary.fallback, args: emptyArguments(vocabulary.fallback) };
  const command = vocabulary.commands.get(first.text.toLowerCase());
  const help = tokens.some(asksForHelp) ? vocabulary.commands.get("help") : undefined;
  // Who asks how a command is used does not want it done.
  if (help) return { command: help, args: command && command !== help ? { command: command.name } : {} };
  if (!command) return unknownCommand(first.text, vocabulary);
  return new Reader(command, rest, vocabulary.prefix).read();
}

function asksForHelp({ text, quoted }: Token): boolean {
  return !quoted && /^([-—–]+help|-h)$/i.test(text);
}

function unknownCommand(word: string, { commands, prefix }: Vocabulary): Refusal {
  if (Object.hasOwn(notYet, word.toLowerCase())) return refuseNotYet(word.toLowerCase(), prefix);
  const meant = closest(word, [...commands.keys(), ...Object.keys(notYet)]);
  const command = meant === undefined ? undefined : commands.get(meant);
  const question = meant === undefined ? null : t` Did you mean ${bold(meant)}?`;
  return refuse(
    "unknown_command",
    t`${code(shorten(word))} is no command.${question}`,
    command
      ? t`Usage: ${code(`${prefix} ${command.usage}`)}`
      : t`${code(`${prefix} help`)} lists the commands.`,
  );
}

function emptyArguments(command: Command): Record<string, unknown> {
  const flags = Object.entries(command.options).filter(([, option]) => option.form === "flag");
  return Object.fromEntries(flags.map(([name]) => [name, false]));
}

/** Reads one command's words. */
class Reader {
  readonly #command: Command;
  readonly #tokens: readonly Token[];
  readonly #usage: Text;
  readonly #values: Record<string, unknown>;
  readonly #given = new Set<string>();
  readonly #words: Token[] = [];

  constructor(command: Command, tokens: readonly Token[], prefix: string) {
    this.#command = command;
    this.#tokens = tokens;
    this.#usage = t`Usage: ${code(`${prefix} ${command.usage}`)}`;
    this.#values = emptyArguments(command);
  }

  read(): ParsedCommand | Refusal {
    for (let at = 0; at < this.#tokens.length; ) {
      const taken = this.#readOne(at);
      if (typeof taken !== "number") return taken;
      at += taken;
    }
    const refusal = this.#placeWords();
    return refusal ?? { command: this.#command, args: this.#values };
  }

  /** Reads the option or word at `at`; answers how many tokens it took. */
  #readOne(at: number): number | Refusal {
    const token = this.#tokens[at] as Token;
    const written = token.quoted ? null : asOption(token.text);
    if (!written) {
      this.#words.push(token);
      return 1;
    }
    const name = Object.keys(this.#command.options).find((known) => known === written.name.toLowerCase());
    const option = name === undefined ? undefined : this.#command.options[name];
    if (name === undefined || option === undefined || written.dashes === 1)
      return this.#unknownOption(written);
    if (this.#given.has(name)) {
      return this.#refuse("duplicate_option", t`${code(`--${name}`)} is given twice.`);
    }
    this.#given.add(name);
    return this.#readValue(name, option, written.value, this.#tokens[at + 1]);
  }

  #readValue(name: string, option: Option, inline: string | null, next: Token | undefined): number | Refusal {
    if (option.form === "flag") {
      if (inline !== null) return this.#refuse("unexpected_value", t`${code(`--${name}`)} takes no value.`);
      this.#values[name] = true;
      return 1;
    }
    const follows = next !== undefined && (next.quoted || !isDashed(next.text)) ? next.text : null;
    const text = inline ?? follows;
    if (option.form === "optional" && inline === null && !isValue(option.type, text)) {
      this.#values[name] = true;
      return 1;
    }
    if (text === null || text === "") {
      return this.#refuse(
        "missing_value",
        t`${code(`--${name}`)} needs a value: ${code(`--${name} ${option.type.placeholder}`)}.`,
      );
    }
    const parsed = option.type.parse(text);
    if (!parsed.ok) {
      return this.#refuse(
        "invalid_value",
        t`${code(`--${name} ${shorten(text)}`)}: ${sentence(parsed.problem)}`,
      );
    }
    this.#values[name] = parsed.value;
    return inline === null ? 2 : 1;
  }

  #placeWords(): Refusal | null {
    const places = Object.entries(this.#command.positionals);
    for (const [index, [name, place]] of places.entries()) {
      const word = this.#words[index];
      if (word === undefined) {
        if (!place.required) continue;
        return this.#refuse(
          "missing_argument",
          t`${bold(this.#command.name)} needs ${place.type.wanted ?? `a ${place.type.placeholder}`}.`,
        );
      }
      const parsed = place.type.parse(word.text);
      if (!parsed.ok)
        return this.#refuse("invalid_value", t`${code(shorten(word.text))}: ${sentence(parsed.problem)}`);
      this.#values[name] = parsed.value;
    }
    const extra = this.#words[places.length];
    return extra === undefined ? null : this.#extraWord(extra.text);
  }

  #extraWord(word: string): Refusal {
    const meant = closest(word, Object.keys(this.#command.options));
    const takesText = Object.entries(this.#command.options).some(
      ([name, option]) =>
        this.#given.has(name) && option.form === "value" && option.type.placeholder === "text",
    );
    const hint =
      meant && word !== `--${meant}`
        ? t` Did you mean ${code(`--${meant}`)}?`
        : takesText
          ? t` Put a text of several words in quotes.`
          : null;
    return this.#refuse("too_many_words", t`${code(shorten(word))} is one word too many.${hint}`);
  }

  #unknownOption(written: WrittenOption): Refusal {
    const meant = closest(written.name, Object.keys(this.#command.options));
    const question = meant === undefined ? null : t` Did you mean ${code(`--${meant}`)}?`;
    return this.#refuse(
      "unknown_option",
      t`${bold(this.#command.name)} has no option ${code(shorten(written.shown))}.${question}`,
    );
  }

  #refuse(reasonCode: Refusal["reasonCode"], what: Text): Refusal {
    return refuse(reasonCode, what, this.#usage);
  }
}

interface WrittenOption {
  readonly shown: string;
  readonly name: string;
  readonly value: string | null;
  /** 2 where a phone made one long dash of two. */
  readonly dashes: number;
}

function asOption(word: string): WrittenOption | null {
  const match = /^([-—–]*)([A-Za-z][\w-]*)(?:=(.*))?$/s.exec(word);
  if (!match)
    return isDashed(word) ? { shown: word, name: word.replace(/^[-—–]+/, ""), value: null, dashes: 2 } : null;
  const [, marks = "", name = "", inline] = match;
  if (marks === "" && inline === undefined) return null;
  const dashes = marks === "" || /[—–]/.test(marks) ? 2 : marks.length;
  return { shown: `${marks}${name}`, name, value: inline ?? null, dashes: dashes === 1 ? 1 : 2 };
}

/** Whether the word behind an option whose value may be left out is that value, be it right or wrong. */
function isValue(type: ValueType<unknown>, text: string | null): boolean {
  return text !== null && (type.parse(text).ok || type.resembles?.(text) === true);
}

function isDashed(word: string): boolean {
  return /^[-—–]/.test(word);
}

/** A problem may end in a question: "did you mean chrome?". */
function sentence(problem: string): string {
  return problem.endsWith("?") ? problem : `${problem}.`;
}

function shorten(word: string): string {
  return word.length > 60 ? `${word.slice(0, 57)}…` : word;
}
