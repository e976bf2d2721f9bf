import { html } from "../html.ts";
import { page } from "./layout.ts";

/** The page on which a person gives the dashboard's token; `next` is where they wanted to go. */
export function signInPage(options: {
  wrong: boolean;
  hasToken: boolean;
  next: string;
  again?: boolean;
}): string {
  if (!options.hasToken) {
    return page(
      "Slipway",
      html`<h1>Slipway</h1><p>No <code>DASHBOARD_TOKEN</code> is set, so the dashboard answers only on the bot's own machine.</p>`,
    );
  }
  const body = html`<h1>Sign in</h1>
${options.wrong && html`<p class="box error" role="alert">That is not the token. It is the bot's <code>DASHBOARD_TOKEN</code>; whoever operates the bot knows it.</p>`}
<form class="sign-in" method="post" action="/sign-in">
<input type="hidden" name="next" value="${options.next}">
<label for="token">Dashboard token</label>
<input id="token" name="token" type="password" autocomplete="current-password" autofocus required>
<button>Sign in</button>
</form>`;
  return page("Sign in to Slipway", body, options.again ? { again: options.next } : {});
}
