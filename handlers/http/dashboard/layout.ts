import { html, Markup } from "../html.ts";
import { assetUrl } from "./assets.ts";

/** How often a page looks for news, in ms; without scripts it loads itself again less often. */
const REFRESH_MS = 2_000;
const REFRESH_WITHOUT_SCRIPT_S = 15;

export interface PageOptions {
  /** Whether the page may change by itself. */
  readonly live?: boolean;
  /** Below what is refreshed: it keeps what a script has put there. */
  readonly after?: Markup;
  readonly signOut?: boolean;
  /** Loads the same address again at once, from this site. */
  readonly again?: string;
}

/** A whole page. */
export function page(title: string, body: Markup, options: PageOptions = {}): string {
  const { live = false, after, signOut = false, again } = options;
  const document = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
${again !== undefined && html`<meta http-equiv="refresh" content="0;url=${again}">`}
${live && html`<noscript><meta http-equiv="refresh" content="${REFRESH_WITHOUT_SCRIPT_S}"></noscript>`}
<link rel="icon" href="${assetUrl("icon.svg")}">
<link rel="stylesheet" href="${assetUrl("dashboard.css")}">
<script src="${assetUrl("dashboard.js")}" defer></script>
</head>
<body>
<header><a class="brand" href="/">Slipway</a>${signOut && html`<form method="post" action="/sign-out"><button class="quiet">Sign out</button></form>`}</header>
<main>
<div id="page"${live && new Markup(` data-refresh="${REFRESH_MS}"`)}>
${body}
</div>
${after}
</main>
</body>
</html>
`;
  return document.text;
}
