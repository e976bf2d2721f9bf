import { oneLine, withoutTurns } from "./format.ts";

const MARKUP = { "&": "&amp;", "<": "&lt;", ">": "&gt;" } as const;
/** Slack has no escape for these: look-alikes are no marks wherever they stand. */
const LOOK_ALIKES = { "*": "\u2217", _: "\u02cd", "~": "\u223c", "`": "\u02cb" } as const;
/** How a character may be shown in Slack besides itself. */
export const SHOWN_AS: ReadonlyMap<string, string> = new Map([
  ...Object.entries(MARKUP),
  ...Object.entries(LOOK_ALIKES),
]);
/** An address stays what it is, without the marks at its end. */
const ADDRESS = /(https?:\/\/[^\s<>|`*]*[^\s<>|`*_~.,;:!?)\]}'"])/;

/** `&`, `<` and `>` are Slack's only markup that could ping or link; escaped, text stays text. Pure. */
export function escapeMrkdwn(text: string): string {
  return withoutTurns(text.toWellFormed()).replaceAll(
    /[&<>]/g,
    (character) => MARKUP[character as keyof typeof MARKUP],
  );
}

/** Words as they were written: what would make them bold, italic, struck, code or a quotation is a look-alike. Pure. */
export function unmarked(text: string): string {
  const parts = text.split(ADDRESS);
  return parts.map((part, index) => (index % 2 === 1 ? part : withoutMarks(part))).join("");
}

function withoutMarks(text: string): string {
  return text.replaceAll(/`+|[*_~]+/g, (marks, at: number) => {
    const beside = [text[at - 1] ?? "", text[at + marks.length] ?? ""];
    // Within a word, as in `snake_case`, and alone between two spaces they begin and end nothing.
    const isIdle = [/\w/, /\s/].some((kind) => beside.every((character) => kind.test(character)));
    if (isIdle && !marks.startsWith("`")) return marks;
    // Alone in what somebody wrote, such a mark has nothing to pair with: our own words use neither.
    if (/^[_~]$/.test(marks) && text.indexOf(marks) === text.lastIndexOf(marks)) return marks;
    return [...marks].map((mark) => LOOK_ALIKES[mark as keyof typeof LOOK_ALIKES]).join("");
  });
}

/**
 * On one line, as it was written, and then at most so long: what is cut never ends in the middle of an escape or an
 * emoji. Pure.
 */
export function escapedWithin(text: string, longest: number): string {
  // A soft hyphen is not seen; without it Slack takes the first character for that of a quotation.
  return cutEscaped(unmarked(oneLine(text)).replace(/^\s*(?=>)/, "\u00ad"), longest);
}

/** The same for words of our own, in which commands stand as code. Pure. */
export function adviceWithin(text: string, longest: number): string {
  const parts = oneLine(text).split(/(`[^`]+`)/);
  const kept = parts.map((part, index) => (index % 2 === 1 ? part : unmarked(part))).join("");
  const said = cutEscaped(kept, longest);
  // Cut within a command, or none of ours: then nothing in it is code.
  return said.split("`").length % 2 === 1 ? said : escapedWithin(text, longest);
}

function cutEscaped(text: string, longest: number): string {
  const whole = escapeMrkdwn(text);
  if (whole.length <= longest) return whole;
  let kept = "";
  for (const character of text) {
    const next = kept + escapeMrkdwn(character);
    if (next.length > longest - 2) break;
    kept = next;
  }
  return `${kept} …`;
}

/** A path or a word that people copy, as it is; only a backtick, which would end it, is a look-alike. Pure. */
export function codeWithin(text: string, longest: number): string {
  return `\`${cutEscaped(oneLine(text).replaceAll("`", LOOK_ALIKES["`"]), longest)}\``;
}

/** An address to be followed; what is none stays text. Pure. */
export function linkText(url: string): string {
  return /^https?:\/\/[^\s<>|]{1,500}$/.test(url) ? `<${escapeMrkdwn(url)}>` : escapedWithin(url, 200);
}

/** Lines as they are; a fence within them would end the block. Pure. */
export function codeBlock(text: string, longest: number): string {
  return `\`\`\`\n${cutEscaped(text.replaceAll("```", "\u02cb\u02cb\u02cb"), longest)}\n\`\`\``;
}
