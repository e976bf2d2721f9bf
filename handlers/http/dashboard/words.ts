import type { Person } from "../../../src/engine/types.ts";
import { formatDuration, formatTime, utc } from "../../../src/util/format.ts";
import { html, type Markup } from "../html.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** A moment as people speak of it, with the exact one to be pointed at. */
export function moment(at: number, now: number): Markup {
  return html`<time datetime="${new Date(at).toISOString()}" title="${utc(at)}">${near(at, now)}</time>`;
}

function near(at: number, now: number): string {
  const away = Math.abs(now - at);
  if (away >= 12 * HOUR) return formatTime(at, now);
  if (away < MINUTE) return at > now ? "in less than a minute" : "just now";
  const length = formatDuration(Math.floor(away / MINUTE) * MINUTE);
  return at > now ? `in ${length}` : `${length} ago`;
}

export function badge(state: string): Markup {
  return html`<span class="badge ${state}">${state}</span>`;
}

export function runLink(id: number): Markup {
  return html`<a href="/runs/${id}">run #${id}</a>`;
}

export function nameOf(person: Person | null): string {
  return person?.name ?? "nobody known";
}

export function commitText(sha: unknown): Markup | null {
  return typeof sha === "string" ? html`<code title="${sha}">${sha.slice(0, 7)}</code>` : null;
}

/** Term and description, where there is something to describe. */
export function fact(term: string, description: Markup | string | null): Markup | null {
  return description === null ? null : html`<div><dt>${term}</dt><dd>${description}</dd></div>`;
}
