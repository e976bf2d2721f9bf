import type { Person } from "../../src/engine/types.ts";
import { oneLine, slackDate, utc, withoutTurns } from "../../src/util/format.ts";
import { mentionOf } from "../../src/util/mention.ts";
import { escapeMrkdwn, unmarked } from "../../src/util/mrkdwn.ts";

/**
 * What a person reads, before a surface gives it form. A reply is made of parts, so that whatever a person
 * wrote is escaped where it is shown and never becomes markup, a link or a ping.
 */
export type Part =
  | string
  | { readonly kind: "bold" | "code" | "block"; readonly text: string }
  | { readonly kind: "link"; readonly text: string; readonly url: string }
  | { readonly kind: "time"; readonly at: number }
  | { readonly kind: "person"; readonly id: string; readonly name: string };

export type Text = readonly Part[];

type Insertable = Part | Text | number | null | undefined;

/** A template tag: everything put in stays a part of its own, on one line; null and undefined put in nothing. */
export function t(strings: TemplateStringsArray, ...values: readonly Insertable[]): Text {
  const parts: Part[] = [];
  strings.forEach((fixed, index) => {
    if (fixed !== "") parts.push(fixed);
    const value = values[index];
    if (value === null || value === undefined) return;
    if (Array.isArray(value)) parts.push(...(value as Text));
    else parts.push(inserted(value as Part | number));
  });
  return parts;
}

/** Line breaks are those of the texts around it, or of a block. */
function inserted(value: Part | number): Part {
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return oneLine(value);
  if (value.kind === "time") return value;
  if (value.kind === "person") return { ...value, name: oneLine(value.name) };
  return { ...value, text: value.kind === "block" ? withoutTurns(value.text) : oneLine(value.text) };
}

export const bold = (text: string): Part => ({ kind: "bold", text });
export const code = (text: string): Part => ({ kind: "code", text });
/** Somebody: a mention where the reader's surface knows the person, else the name; `nobody known` for null. */
export const who = (person: Person | null): Part =>
  person === null ? "nobody known" : { kind: "person", id: person.id, name: person.name };
/** Several lines as they are: output, logs. */
export const block = (text: string): Part => ({ kind: "block", text });
export const link = (text: string, url: string): Part => ({ kind: "link", text, url });
/** A moment in milliseconds since 1970; shown in the reader's own time zone where the surface can. */
export const time = (at: number): Part => ({ kind: "time", at });

/** Texts one under the other; what is null is left out. */
export function lines(...texts: readonly (Text | null | undefined)[]): Text {
  return join(
    texts.filter((text) => text !== null && text !== undefined),
    "\n",
  );
}

export function join(texts: readonly Text[], between: string): Text {
  return texts.flatMap((text, index) => (index === 0 ? text : [between, ...text]));
}

/** For terminals, logs and audit lines. */
export function toPlain(text: Text): string {
  return text.map(plainPart).join("");
}

function plainPart(part: Part): string {
  if (typeof part === "string") return part;
  if (part.kind === "link") return `${part.text} (${part.url})`;
  if (part.kind === "time") return utc(part.at);
  if (part.kind === "person") return part.name;
  if (part.kind === "block") return `\n${part.text}\n`;
  return part.text;
}

/** Plain words in which commands stay code, as the remedies of errors have them. */
export function toAdvice(text: Text): string {
  return text
    .map((part) => (typeof part !== "string" && part.kind === "code" ? `\`${part.text}\`` : plainPart(part)))
    .join("");
}

/** Slack's mrkdwn. No text can ping, link or format: what a part is shown as is for its kind to say. */
export function toSlack(text: Text): string {
  return text.map(slackPart).join("");
}

function slackPart(part: Part): string {
  if (typeof part === "string") return escapeMrkdwn(unmarked(part));
  if (part.kind === "time") return slackDate(part.at);
  if (part.kind === "person") return mentionOf(part.id) ?? slackPart(bold(part.name));
  if (part.kind === "link")
    return `<${slackUrl(part.url)}|${escapeMrkdwn(unmarked(part.text)).replaceAll("|", "¦")}>`;
  // Slack has no escape for a backtick inside code: a look-alike keeps the span closed where we closed it.
  if (part.kind === "bold") return `*${escapeMrkdwn(unmarked(part.text)).replaceAll("*", "∗")}*`;
  const shown = escapeMrkdwn(part.text).replaceAll("`", "ˋ");
  return part.kind === "code" ? `\`${shown}\`` : `\n\`\`\`\n${shown}\n\`\`\`\n`;
}

function slackUrl(url: string): string {
  return encodeURI(decodeSafely(url)).replace(/[|<>]/g, (found) => encodeURIComponent(found));
}

function decodeSafely(url: string): string {
  try {
    return decodeURI(url);
  } catch {
    return url;
  }
}
