import { withoutTurns } from "../../src/util/format.ts";

/** HTML that is safe to send: everything put into it has been escaped. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Insertable = string | number | Markup | readonly Insertable[] | null | undefined | false;

/** A template tag: what is put in is text, and escaped, unless it is markup itself; null, false and undefined are nothing. */
export function html(strings: TemplateStringsArray, ...values: readonly Insertable[]): Markup {
  return new Markup(String.raw({ raw: strings }, ...values.map(inserted)));
}

function inserted(value: Insertable): string {
  if (value === null || value === undefined || value === false) return "";
  if (value instanceof Markup) return value.text;
  if (typeof value === "object") return value.map(inserted).join("");
  return escapeHtml(String(value));
}

/** What people wrote turns round nothing beside it either. */
export function escapeHtml(text: string): string {
  return withoutTurns(text)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}
