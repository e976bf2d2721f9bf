import { type Refusal, refuse } from "../services.ts";
import { t } from "./text.ts";

export const LONGEST_COMMAND = 2_000;

/** One word of a command, or one quoted text. */
export interface Token {
  readonly text: string;
  /** A quoted token is never an option. */
  readonly quoted: boolean;
}

/** Marks that open and close a text; phones and word processors make curly ones of straight ones. */
const DOUBLE = '"“”„‟«»';
const SINGLE = "'‘’‚‛";
/** A mark that opens and its own that closes; where that one is missing, any of its kind will do. */
const PARTNERS: Readonly<Record<string, string>> = { "“": "”", "‘": "’", "«": "»", "„": "“”" };

/** Invisible characters that come along when text is copied from a page. */
const INVISIBLE = /[\u200B\u2060\uFEFF\u00AD]/g;
/** Control characters other than the tab, line ends, and marks that turn the direction of writing. */
const FORBIDDEN = /(?!\t)\p{Cc}|[\u2028-\u202E\u2066-\u2069]/u;

/** Cuts a command into its words. Quotes count at the beginning of a word and after `name=`. */
export function tokenize(written: string): readonly Token[] | Refusal {
  const unsound = checkCharacters(written);
  if (unsound) return unsound;
  const text = written.replace(INVISIBLE, "").trim();
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    if (/\s/.test(text.charAt(at))) {
      at += 1;
      continue;
    }
    const read = readToken(text, at);
    if ("refused" in read) return read;
    tokens.push(read.token);
    at = read.end;
  }
  return tokens;
}

/** Refuses what no command can contain. */
export function checkCharacters(written: string): Refusal | null {
  if (written.length > LONGEST_COMMAND) {
    return refuse("too_long", t`A command has at most 2,000 characters; this one has ${written.length}.`);
  }
  if (FORBIDDEN.test(written.trim()) || !written.isWellFormed()) {
    return refuse(
      "control_characters",
      t`The command contains control characters or more than one line.`,
      t`Write it again on one line, without copying it.`,
    );
  }
  return null;
}

function readToken(text: string, from: number): { token: Token; end: number } | Refusal {
  const assignment = /^[-—–]*[A-Za-z][\w-]*=/.exec(text.slice(from));
  const valueAt = from + (assignment?.[0].length ?? 0);
  const opening = text.charAt(valueAt);
  const marks = opening === "" ? undefined : [DOUBLE, SINGLE].find((set) => set.includes(opening));
  if (marks === undefined) {
    const end = endOfWord(text, from);
    return { token: { text: text.slice(from, end), quoted: false }, end };
  }
  const partner = PARTNERS[opening];
  const exact = partner === undefined ? -1 : findClosing(text, valueAt + 1, partner);
  const close = exact === -1 ? findClosing(text, valueAt + 1, marks) : exact;
  if (close === -1) {
    return refuse("unclosed_quote", t`A quotation mark is opened and not closed.`);
  }
  const inside = text.slice(valueAt + 1, close).replace(/\\(["“”'\\])/g, "$1");
  return {
    token: { text: (assignment?.[0] ?? "") + inside, quoted: assignment === null },
    end: close + 1,
  };
}

function endOfWord(text: string, from: number): number {
  let end = from;
  while (end < text.length && !/\s/.test(text.charAt(end))) end += 1;
  return end;
}

/** A closing mark stands before a space or the end, so that an apostrophe inside a text closes nothing. */
function findClosing(text: string, from: number, marks: string): number {
  for (let at = from; at < text.length; at += 1) {
    if (text.charAt(at) === "\\") at += 1;
    else if (marks.includes(text.charAt(at)) && /^(?:\s|$)/.test(text.slice(at + 1, at + 2))) return at;
  }
  return -1;
}
